"""npy streams: the header checked before anything is allocated, the data read into one array."""

from __future__ import annotations

import io
import struct
import warnings
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._limits import one_line
from lsmplify_refine.safe_load._numbers import byte_count, checked_text

#: numpy's own limit on what it parses; it reads whatever length is announced before that.
_MAX_HEADER = 10_000
_BLOCK = 1 << 20

#: Shape, column-major order and type.
Header = tuple[tuple[int, ...], bool, np.dtype]


def read_header(stream: IO[bytes], where: str) -> Header:
    """The header of an npy.

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
        raise InputError(f"{where}: refused: a header of {size} bytes is announced; numpy writes less than a thousand")
    header = io.BytesIO(start + length + stream.read(size))
    try:
        npy_format.read_magic(header)
        reads = npy_format.read_array_header_1_0 if width == 2 else npy_format.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers of Python 2
            return reads(header)
    # its parser raises whatever Python's does
    except Exception as error:
        raise InputError(f"{where}: not a readable npy file: {one_line(error)}") from error


def read_data(stream: IO[bytes], header: Header, room: int, where: str) -> np.ndarray:
    """The array behind a header, if its size fits into the `room` bytes that can be there.

    Raises:
        InputError: It announces more, holds objects, or is cut short.
    """
    shape, fortran, dtype = header
    try:
        size = byte_count(shape, dtype)
        if size > room:
            raise InputError(f"{where}: announces {size} bytes of data where at most {room} can be; it is damaged")
        flat = read_exactly(stream, size, where).view(dtype) if size else np.zeros(0, dtype)
        return checked_text(flat).reshape(shape, order="F" if fortran else "C")
    except InputError:
        raise
    # pickle's own for sizes, numpy's for shapes and types
    except Exception as error:
        raise InputError(f"{where}: not a readable npy file: {one_line(error)}") from error


def read_plain_npy(stream: IO[bytes], room: int, where: str) -> np.ndarray:
    """One npy without objects.

    Raises:
        InputError: As for `read_header` and `read_data`.
    """
    return read_data(stream, read_header(stream, where), room, where)


def read_exactly(stream: IO[bytes], size: int, where: str) -> np.ndarray:
    """`size` bytes as (N,) uint8; memory is taken only as they arrive.

    Raises:
        InputError: There are fewer.
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
