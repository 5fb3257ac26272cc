"""Plain arrays (npz, npy) without any pickled code, and what kind of container a file is."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy_format

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._torch import load_torch
from lsmplify_refine.safe_load._unpickler import load_pickle

Container = Literal["torch", "npz", "npy", "pickle", "compressed", "json", "unknown"]

#: Deflate cannot pack better than this, so a member that announces more is lying.
_MAX_DEFLATE_RATIO = 1032


@dataclass(frozen=True)
class Content:
    """What a file turns out to be.

    Attributes:
        container: By its first bytes; the extension does not count.
        value: The loaded content of a torch file or pickle; None for the others.
        keys: Keys of the outermost dict, or names of an npz's arrays.
    """

    container: Container
    value: Any = None
    keys: tuple[str, ...] = ()


def container_of(path: Path) -> Container:
    """The container, told from the first bytes.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(6)
        if head[:2] == b"PK":
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
            if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
                return "torch"
            return "npz" if any(name.endswith(".npy") for name in names) else "unknown"
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: the file is damaged or cut short ({error}); copy it again") from error
    if head == b"\x93NUMPY":
        return "npy"
    if head[:1] == b"\x80":
        return "torch" if _is_legacy_torch(path) else "pickle"
    if head[:1] == b"\x78" or head[:2] == b"\x1f\x8b" or head[:3] == b"BZh" or head == b"\xfd7zXZ\x00":
        return "compressed"
    return "json" if head[:1] in (b"{", b"[") else "unknown"


def _is_legacy_torch(path: Path) -> bool:
    """Before its zip format torch.save began with a pickled magic number."""
    with path.open("rb") as stream:
        return stream.read(16)[2:14] == b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"


def inspect_file(path: Path) -> Content:
    """What a file holds, as far as it takes to recognise its format.

    Raises:
        InputError: The file cannot be read, or is refused (see `load_pickle`).
    """
    container = container_of(path)
    if container == "npz":
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        return Content(container, keys=tuple(names))
    loaders: dict[str, Callable[[Path], Any]] = {"torch": load_torch, "pickle": load_pickle}
    if container not in loaders:
        return Content(container)
    value = loaders[container](path)
    return Content(container, value, tuple(map(str, value)) if isinstance(value, dict) else ())


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz in file order, without object arrays.

    Raises:
        InputError: It is damaged, holds an object array, or announces more data than it can hold.
    """
    return read_npz(path, _refuse_objects)


def load_npy(path: Path) -> np.ndarray:
    """One plain array.

    Raises:
        InputError: It is damaged, holds objects, or announces more data than the file has.
    """
    try:
        with path.open("rb") as stream:
            return _read_array(stream, path.stat().st_size, str(path), _refuse_objects)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a readable npy file: {error}") from error


def _refuse_objects(stream: IO[bytes], where: str) -> np.ndarray:
    raise InputError(f"{where}: holds pickled Python objects, which could run code; save it again as plain arrays")


def read_npz(path: Path, read_objects: Callable[[IO[bytes], str], Any]) -> dict[str, Any]:
    """The arrays of an npz; `read_objects` gets the stream of an object array behind its header."""
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.filename.endswith(".npy"):
                    continue
                key = member.filename.removesuffix(".npy")
                room = min(member.file_size, member.compress_size * _MAX_DEFLATE_RATIO + 1024)
                with archive.open(member) as stream:
                    arrays[key] = _read_array(stream, room, f"{path}: {key}", read_objects)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    # RuntimeError: an encrypted member; NotImplementedError: an unknown compression
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{path}: the npz is damaged or cut short ({error}); copy or save it again") from error
    return arrays


def _read_array(stream: IO[bytes], room: int, where: str, read_objects: Callable[[IO[bytes], str], Any]) -> Any:
    """Read one npy from a stream, the announced size checked against `room` bytes before it is allocated."""
    version = npy_format.read_magic(stream)
    read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, fortran, dtype = read_header(stream)
    if dtype.hasobject:
        return read_objects(stream, where)
    size = math.prod(shape) * dtype.itemsize
    if size > room:
        raise InputError(f"{where}: announces {size} bytes of data where at most {room} can be; the file is damaged")
    data = stream.read(size)
    if len(data) != size:
        raise InputError(f"{where}: {len(data)} bytes of data instead of {size}; the file is cut short")
    flat: np.ndarray = np.frombuffer(bytearray(data), dtype) if size else np.zeros(math.prod(shape), dtype)
    return flat.reshape(shape, order="F" if fortran else "C")
