"""Read npy streams; the header is checked before anything is allocated."""

from __future__ import annotations

import io
import struct
import warnings
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.safe_load._numpy import byte_count, checked_text

#: Max bytes of the header, numpy's own limit; numpy reads any declared length before it checks.
_MAX_HEADER = 10_000
_BLOCK = 1 << 20

#: Shape, column-major order and type.
Header = tuple[tuple[int, ...], bool, np.dtype]


def read_header(stream: IO[bytes], where: str) -> Header:
    """Read the header of an npy.

    Raises:
        InputError: It is not an npy header, or is damaged.
    """
    start = stream.read(8)
    width = 2 if start[6:7] == b"\x01" else 4
    length = stream.read(width)
    if not start.startswith(b"\x93NUMPY") or start[6:7] not in (b"\x01", b"\x02", b"\x03") or len(length) != width:
        raise InputError(f"{where}: not a readable npy file: its header is damaged or cut short")
    size = struct.unpack("<H" if width == 2 else "<I", length)[0]
    if size > _MAX_HEADER:
        raise InputError(f"{where}: refused: declares a header of {size} bytes; numpy writes fewer than a thousand")
    header = io.BytesIO(start + length + stream.read(size))
    try:
        npy_format.read_magic(header)
        reads = npy_format.read_array_header_1_0 if width == 2 else npy_format.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy warns about headers of Python 2
            return reads(header)
    # numpy's header parser may raise anything that Python's does
    except Exception as error:
        raise InputError(f"{where}: not a readable npy file: {escaped(error, 200)}") from error


def read_data(stream: IO[bytes], header: Header, room: int, where: str) -> np.ndarray:
    """Read the array after a header; `room` is the number of bytes that the stream can hold.

    Raises:
        InputError: The header declares more, the array holds objects, or the data are cut short.
    """
    shape, fortran, dtype = header
    try:
        size = byte_count(shape, dtype)
        if size > room:
            raise InputError(f"{where}: declares {size} bytes of data, but can hold at most {room}; it is damaged")
        flat = read_exactly(stream, size, where).view(dtype) if size else np.zeros(0, dtype)
        return checked_text(flat).reshape(shape, order="F" if fortran else "C")
    except InputError:
        raise
    # our checks raise pickle's errors, numpy its own for shapes and types
    except Exception as error:
        raise InputError(f"{where}: not a readable npy file: {escaped(error, 200)}") from error


def read_plain_npy(stream: IO[bytes], room: int, where: str) -> np.ndarray:
    """Read an npy without objects.

    Raises:
        InputError: As for `read_header` and `read_data`.
    """
    return read_data(stream, read_header(stream, where), room, where)


def read_exactly(stream: IO[bytes], size: int, where: str) -> np.ndarray:
    """Read `size` bytes as (N,) uint8; memory is used only as they arrive.

    Raises:
        InputError: The stream has fewer bytes.
    """
    data = np.empty(size, np.uint8)  # untouched pages cost nothing
    at = 0
    while at < size:
        chunk = stream.read(min(_BLOCK, size - at))
        if not chunk:
            raise InputError(f"{where}: {at} bytes of data instead of {size}; the file is cut short")
        data[at : at + len(chunk)] = np.frombuffer(chunk, np.uint8)
        at += len(chunk)
    return data
