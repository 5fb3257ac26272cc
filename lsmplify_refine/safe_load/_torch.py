"""Load torch.save files without torch.load.

Before torch 2.6, `torch.load(weights_only=True)` could run code (CVE-2025-32434), and it allocates any size that a file
declares. Here our own reader loads the pickle, and the bytes of the tensors are counted first.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import IO, Any

import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._limits import Budget, pickle_errors
from lsmplify_refine.safe_load._machine import PersistentLoad, Unpickler
from lsmplify_refine.safe_load._npy import read_exactly
from lsmplify_refine.safe_load._plain import make_plain
from lsmplify_refine.safe_load._tensors import Storage, StorageType, storage_of
from lsmplify_refine.safe_load._trust import is_trusted
from lsmplify_refine.safe_load._zip import open_zip, read_member

#: First bytes, a pickled number, of torch.save files before the zip format.
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
#: Version number of that format.
_PROTOCOL = 1001


def load_torch(source: Path | IO[bytes], where: str = "") -> Any:
    """Load a torch.save file: tensors on the CPU without gradients, arrays and plain values.

    Args:
        source: The file.
        where: Its name in error messages, if it is not a path.

    Raises:
        InputError: The file is damaged, or names a class or function that is not on the list.
    """
    where = where or str(source)
    try:
        data = source.read_bytes() if isinstance(source, Path) else source.read()
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror}") from error
    budget = Budget(where, len(data))
    return make_plain(_load(data, where, budget), where, budget, trusted=is_trusted(where))


def load_embedded(data: Any, where: str, budget: Budget) -> Any:
    """Load the storage in a pickle's call of `torch.storage._load_from_bytes`."""
    if not isinstance(data, bytes):
        raise InputError(f"{where}: a torch storage in the pickle is damaged")
    value = _load(data, where, budget)
    if not isinstance(value, Storage):
        raise InputError(f"{where}: a torch storage in the pickle holds a {type(value).__name__}")
    return value


def _load(data: bytes, where: str, budget: Budget) -> Any:
    with pickle_errors(where, "torch file"):
        if data.startswith(LEGACY_MAGIC):
            return _load_legacy(io.BytesIO(data), where, budget)
        if not data.startswith(b"PK"):
            raise InputError(f"{where}: not a readable torch file: it does not begin like one")
        with open_zip(io.BytesIO(data), where, "torch") as archive:
            return _load_zip(archive, where, budget)


def _unpickler(stream: io.BytesIO, where: str, budget: Budget, persistent_load: PersistentLoad | None) -> Unpickler:
    trusted = is_trusted(where)
    return Unpickler(
        stream, where, budget, load_embedded, encoding="utf-8", persistent_load=persistent_load, trusted=trusted
    )


def _load_zip(archive: zipfile.ZipFile, where: str, budget: Budget) -> Any:
    names = set(archive.namelist())
    found = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(found) != 1:
        raise InputError(f"{where}: not a readable torch file: {len(found)} members named data.pkl instead of one")
    root = found[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in names:
        raise InputError(f"{where}: refused: a TorchScript program; give a file with tensors")
    if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != sys.byteorder.encode():
        raise InputError(f"{where}: written on a machine with another byte order; convert it there")
    stored: dict[str, torch.UntypedStorage] = {}

    def storage(pid: Any) -> Storage:
        """The storage of a persistent id, read on first use."""
        dtype, key, size = _storage_id(pid)
        if key not in stored:
            if f"{root}data/{key}" not in names:
                raise InputError(f"{where}: the data of a tensor are missing; the file is damaged")
            stored[key] = storage_of(read_member(archive, f"{root}data/{key}"), dtype).data
        if size > stored[key].nbytes():
            raise InputError(f"{where}: a tensor declares {size} bytes and has {stored[key].nbytes()}; it is damaged")
        return Storage(stored[key], dtype)

    pickled = io.BytesIO(bytes(read_member(archive, found[0])))
    return _unpickler(pickled, where, budget, storage).load()


def _load_legacy(stream: io.BytesIO, where: str, budget: Budget) -> Any:
    stream.seek(len(LEGACY_MAGIC))
    size = stream.getbuffer().nbytes
    left, room = size, {}

    def storage(pid: Any) -> Storage:
        """The storage of a persistent id, whose bytes follow after the pickle."""
        nonlocal left
        dtype, key, wanted = _storage_id(pid)
        if key not in room:
            left -= wanted
            if left < 0:
                raise InputError(f"{where}: a tensor declares {wanted} bytes in a file of {size}; it is damaged")
            data = bytearray(wanted)
            room[key] = data, dtype, storage_of(data, dtype).data
        return Storage(room[key][2], dtype)

    def load(persistent_load: PersistentLoad | None = None) -> Any:
        """Load the next pickle in the stream."""
        return _unpickler(stream, where, budget, persistent_load).load()

    protocol, machine = load(), load()
    if protocol != _PROTOCOL or not isinstance(machine, dict) or not machine.get("little_endian", True):
        raise InputError(f"{where}: not a readable torch file: another version or machine wrote it; save it again")
    value = load(storage)
    for key in load():
        data, dtype, _ = room[key]
        count = int.from_bytes(stream.read(8), "little")
        if count * dtype.itemsize != len(data):
            raise InputError(f"{where}: a tensor's data do not have the declared length; the file is damaged")
        data[:] = read_exactly(stream, len(data), where).tobytes()
    return value


def _storage_id(pid: Any) -> tuple[torch.dtype, str, int]:
    """dtype, key and bytes of a storage."""
    name, kind, key, _, count, *views = pid
    if name != "storage" or not isinstance(kind, StorageType) or not isinstance(key, str) or any(views):
        raise ValueError("it refers to something other than a torch storage")
    if not isinstance(count, int) or not 0 <= count < 1 << 60:
        raise ValueError("a torch storage has no size")
    return kind.dtype, key, count * kind.dtype.itemsize
