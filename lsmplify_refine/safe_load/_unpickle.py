"""`Unpickler`: Python's C unpickler over checked instructions, with the list of names; pickle and joblib files."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import joblib
import torch

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.safe_load._files import open_input
from lsmplify_refine.safe_load._inflate import compression_of, inflated
from lsmplify_refine.safe_load._limits import Budget, pickle_errors
from lsmplify_refine.safe_load._names import allowed_names
from lsmplify_refine.safe_load._numpy import Name
from lsmplify_refine.safe_load._opcodes import Opcodes, read_into
from lsmplify_refine.safe_load._plain import make_plain
from lsmplify_refine.safe_load._stand_ins import joblib_names
from lsmplify_refine.safe_load._tensors import Storage, storage_of
from lsmplify_refine.safe_load._trust import file_budget

#: First bytes, a pickled number, of torch.save files before the zip format.
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
#: Version number of that format.
_PROTOCOL = 1001
#: Max pickles within pickles: arrays of objects in joblib files.
_MAX_NESTED = 10

#: Persistent id of a torch file -> storage.
Persistent = Callable[[Any], Storage]


@dataclass(frozen=True)
class Pickled:
    """The content of a pickle, and how it was written.

    Attributes:
        value: Arrays, tensors and plain values.
        protocol: Pickle protocol.
        joblib: Whether joblib wrote it.
        compression: joblib's name of the compression of its file, or "".
    """

    value: Any
    protocol: int
    joblib: bool
    compression: str = ""


class Unpickler(pickle.Unpickler):
    """See the package's docstring for why it runs no code.

    Attributes:
        where: File (and key) for error messages.
        stream: The pickle and the bytes after it.
        budget: The file's.
        folder: The file's folder; None for a pickle within another file.
        side_files: Arrays from files beside it, by name.
        asked: The names that the pickle has asked for.
    """

    def __init__(
        self,
        stream: IO[bytes],
        where: str,
        budget: Budget,
        *,
        encoding: str = "latin1",
        folder: Path | None = None,
        persistent: Persistent | None = None,
        level: int = 0,
    ) -> None:
        self.opcodes = Opcodes(stream, budget)
        super().__init__(self.opcodes, encoding=encoding)
        self.where, self.stream, self.budget, self.folder = where, stream, budget, folder
        self.side_files: dict[str, Any] = {}
        self.asked: set[tuple[str, str]] = set()
        self._encoding, self._persistent, self._level = encoding, persistent, level
        self._names = {
            **allowed_names(budget),
            **joblib_names(self),
            ("torch.storage", "_load_from_bytes"): Name(self._load_storage),
        }

    def nested(self) -> Any:
        """Load a pickle that begins here in the stream; joblib writes arrays of objects like this."""
        if self._level > _MAX_NESTED:
            raise pickle.UnpicklingError("more pickles within pickles than joblib writes")
        settings: Any = {"encoding": self._encoding, "folder": self.folder, "level": self._level + 1}
        return Unpickler(self.stream, self.where, self.budget, **settings).load()

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a class or function; raises InputError for names not on the list."""
        self.asked.add((module, name))
        if (module, name) in self._names:
            return self._names[module, name]
        raise InputError(
            f"{self.where}: refused: the file asks for {escaped(f'{module}.{name}', 200)}, which could run code; only "
            "arrays, tensors and plain Python values are read (--trust-pickle FILE lifts this for a file that you made "
            "yourself)"
        )

    def persistent_load(self, pid: Any) -> Storage:
        """The storage of a torch file with this persistent id."""
        if self._persistent is None:
            raise pickle.UnpicklingError("it refers to data outside itself")
        return self._persistent(pid)

    def _load_storage(self, data: Any) -> Storage:
        # torch's own function would run an unrestricted torch.load
        if not isinstance(data, bytes) or self._level > _MAX_NESTED:
            raise pickle.UnpicklingError("a torch storage is damaged")
        self.budget.spend(len(data))
        value = load_legacy(io.BytesIO(data), self.where, self.budget, self._level + 1)
        if not isinstance(value, Storage):
            raise pickle.UnpicklingError(f"a torch storage in the pickle holds a {type(value).__name__}")
        return value


def load_pickled(stream: IO[bytes], where: str, budget: Budget, *, encoding: str, folder: Path | None) -> Pickled:
    """Read the pickle at the beginning of a stream; see `restricted_load`."""
    if budget.trusted:
        return _load_trusted(stream, where, budget, encoding)
    with pickle_errors(where):
        unpickler = Unpickler(stream, where, budget, encoding=encoding, folder=folder)
        value = make_plain(unpickler.load(), where, budget)
    is_joblib = any(name == "NumpyArrayWrapper" for _, name in unpickler.asked)
    return Pickled(value, unpickler.opcodes.protocol, is_joblib)


def _load_trusted(stream: IO[bytes], where: str, budget: Budget, encoding: str) -> Pickled:
    """Read a pickle that may run code, with the library that wrote it."""
    with pickle_errors(where):
        data = stream.read()
        is_joblib = b"NumpyArrayWrapper" in data
        value = joblib.load(io.BytesIO(data)) if is_joblib else pickle.loads(data, encoding=encoding)
        value = make_plain(value, where, budget)
    protocol = data[1] if data[:1] == pickle.PROTO else 2
    return Pickled(value, protocol, is_joblib)


def restricted_load(stream: IO[bytes], where: str, budget: Budget) -> Any:
    """Unpickle without running any code in the pickle.

    Args:
        stream: The pickle, as Python or joblib writes it.
        where: "file" or "file: key" for error messages.
        budget: Budget of the whole file, which may hold several pickles.

    Raises:
        InputError: The pickle names a class or function that is not on the list, takes too much memory, or is damaged.
    """
    return load_pickled(stream, where, budget, encoding="latin1", folder=None).value


def load_pickle(path: Path, *, encoding: str = "latin1") -> Any:
    """Load a pickle or joblib file, compressed or not.

    Args:
        path: The file.
        encoding: Encoding of text in Python 2 pickles; latin1 keeps numpy's bytes intact.

    Raises:
        InputError: The file cannot be read, or holds anything but arrays, tensors and plain values.
    """
    return read_pickle(path, encoding=encoding).value


def read_pickle(path: Path, *, encoding: str = "latin1") -> Pickled:
    """Load a pickle or joblib file as `load_pickle` does, with how it was written."""
    budget = file_budget(path)
    with open_input(path) as file:
        method = compression_of(file.peek(8))
        with inflated(file, str(path)) as stream:
            pickled = load_pickled(stream, str(path), budget, encoding=encoding, folder=path.parent)
            # a checksum lies behind the pickle, or more than a pickle
            while method and (rest := stream.read(1 << 18)):
                budget.take(len(rest))
    return replace(pickled, compression=method)


def load_legacy(stream: IO[bytes], where: str, budget: Budget, level: int = 0) -> Any:
    """Read a file of torch before the zip format: pickles, then the bytes of the storages."""
    room: dict[str, tuple[bytearray, torch.dtype, Storage]] = {}

    def storage(pid: Any) -> Storage:
        """The storage of a persistent id, whose bytes follow after the pickle."""
        dtype, key, size = storage_id(pid)
        if key not in room:
            if size > budget.size:
                raise InputError(f"{where}: a tensor declares {size} bytes in a file of {budget.size}; it is damaged")
            budget.take(size)
            data = bytearray(size)
            room[key] = data, dtype, storage_of(data, dtype)
        return Storage(room[key][2].data, dtype)

    def load(persistent: Persistent | None = None) -> Any:
        """Load the next pickle in the stream."""
        return Unpickler(stream, where, budget, encoding="utf-8", persistent=persistent, level=level).load()

    if stream.read(len(LEGACY_MAGIC)) != LEGACY_MAGIC:
        raise InputError(f"{where}: not a readable torch file, or with another pickle where a torch storage belongs")
    protocol, machine = load(), load()
    if protocol != _PROTOCOL or not isinstance(machine, dict) or not machine.get("little_endian", True):
        raise InputError(f"{where}: not a readable torch file: another version or machine wrote it; save it again")
    value = load(storage)
    for key in load():
        data, dtype, _ = room[key]
        if int.from_bytes(stream.read(8), "little") * dtype.itemsize != len(data):
            raise InputError(f"{where}: a tensor's data do not have the declared length; the file is damaged")
        if read_into(stream, memoryview(data)) != len(data):
            raise InputError(f"{where}: the data of a tensor are cut short; copy the file again")
    return value


def storage_id(pid: Any) -> tuple[torch.dtype, str, int]:
    """dtype, key and bytes of a storage."""
    name, kind, key, _, count, *views = pid
    dtype = kind.kind if isinstance(kind, Name) else None
    if name != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(key, str) or any(views):
        raise pickle.UnpicklingError("it refers to something other than a torch storage")
    if type(count) is not int or not 0 <= count < 1 << 60:
        raise pickle.UnpicklingError("a torch storage has no size")
    return dtype, key, count * dtype.itemsize
