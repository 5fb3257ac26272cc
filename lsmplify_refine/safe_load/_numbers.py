"""The functions that numpy's pickles call, rewritten to check their arguments."""

from __future__ import annotations

import math
import pickle
import re
import sys
from typing import Any

import numpy as np

#: dtypes of plain numbers, strings and objects; structured dtypes could smuggle in raw pointers.
_PLAIN_DTYPE = re.compile(r"[biufc]\d{1,2}|[SUO]\d{0,6}|[?]")
_MAX_DIMENSIONS = 32


class NdarrayName:
    """Stands for `numpy.ndarray`, which pickles only pass as an argument."""


def element_count(shape: Any) -> int:
    """Number of elements of an array shape, checked."""
    shape = tuple(shape) if isinstance(shape, list) else shape
    # the product of a million large numbers would take forever
    if not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
        raise pickle.UnpicklingError("an array declares something other than a shape")
    if not all(isinstance(n, (int, np.integer)) and 0 <= n < 1 << 63 for n in shape):
        raise pickle.UnpicklingError(f"an array declares the shape {shape!r:.60}")
    return math.prod(int(n) for n in shape)


def byte_count(shape: Any, dtype: Any) -> int:
    """Bytes of an array of plain elements, checked."""
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise pickle.UnpicklingError(f"array data of type {dtype!r:.60} cannot be read from bytes")
    count = element_count(shape)
    if dtype.itemsize == 0 and count > 1:
        raise pickle.UnpicklingError(f"an array declares {count} elements of size 0")
    return count * dtype.itemsize


def checked_text(array: np.ndarray) -> np.ndarray:
    """The array, if its text is valid: numpy passes invalid characters on to Python, which may crash."""
    dtype = array.dtype
    if dtype.names and any(dtype[name].base.kind not in "biufcS" for name in dtype.names):
        raise pickle.UnpicklingError("an array has a structured type with more than numbers in it")
    if dtype.kind == "U" and array.size:
        codes = np.ascontiguousarray(array).reshape(-1).view(np.dtype(np.uint32).newbyteorder(dtype.byteorder))
        if int(codes.max()) > sys.maxunicode:
            raise pickle.UnpicklingError("an array holds characters that do not exist")
    return array


def make_dtype(descr: Any, *_: Any) -> np.dtype:
    """`numpy.dtype`."""
    if not isinstance(descr, str) or not _PLAIN_DTYPE.fullmatch(descr):
        raise pickle.UnpicklingError(f"the array type {descr!r:.60} is not plain numbers or text")
    # always a copy: BUILD changes it in place, and numpy's own instance is shared
    return np.dtype(descr, False, True)


def reconstruct(subtype: Any, shape: Any, *_: Any) -> np.ndarray:
    """`numpy.core.multiarray._reconstruct`: an empty array, whose state is set later."""
    if subtype is not NdarrayName or element_count(shape) != 0:
        raise pickle.UnpicklingError("an array is built in a way that numpy does not write")
    return empty_array()


def empty_array() -> np.ndarray:
    """An array that owns its memory, so that `set_array_state` can change it into any other."""
    array: np.ndarray = np.ndarray(0, dtype=np.int8)
    return array


def raw_bytes(data: Any) -> bytes | bytearray:
    """The bytes of an array, which Python 2 pickles hold as text."""
    data = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(data, (bytes, bytearray)):
        raise pickle.UnpicklingError(f"array data is {type(data).__name__}, not bytes")
    return data


def _check_size(shape: Any, dtype: Any, data: bytes | bytearray) -> None:
    if byte_count(shape, dtype) != len(data):
        raise pickle.UnpicklingError(f"an array declares shape {shape} but has {len(data)} bytes")


def make_scalar(dtype: Any, data: Any) -> Any:
    """`numpy.core.multiarray.scalar`."""
    data = raw_bytes(data)
    _check_size((), dtype, data)
    return checked_text(_flat(data, dtype).reshape(()))[()]


def from_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray:
    """`numpy.core.numeric._frombuffer`."""
    data = raw_bytes(data)
    _check_size(shape, dtype, data)
    array: np.ndarray = checked_text(_flat(data, dtype)).reshape(shape, order="F" if order == "F" else "C")
    return array


def _flat(data: bytes | bytearray, dtype: np.dtype) -> np.ndarray:
    return np.frombuffer(data, dtype) if data else np.zeros(0, dtype)


def set_array_state(array: np.ndarray, state: Any) -> int:
    """`numpy.ndarray.__setstate__` with its arguments checked; returns the bytes of the array."""
    version, shape, dtype, fortran, data = state
    count = element_count(shape)
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        if not isinstance(data, list) or count != len(data):
            raise pickle.UnpicklingError(f"an object array of shape {shape} has another number of objects")
    else:
        data = bytes(raw_bytes(data))
        _check_size(shape, dtype, data)
    array.__setstate__((version, shape, dtype, bool(fortran), data))  # type: ignore[arg-type]
    return checked_text(array).nbytes


def set_dtype_state(dtype: np.dtype, state: Any) -> None:
    """`numpy.dtype.__setstate__`, but only the byte order is set: sizes and flags control how memory is read."""
    if any(part is not None for part in state[2:5]):
        raise pickle.UnpicklingError("an array has a structured type")
    if state[1] not in ("<", ">", "|", "="):
        raise pickle.UnpicklingError("an array has no byte order")
    flexible = dtype.kind in "SU"
    sizes = (dtype.itemsize, dtype.alignment) if flexible else (-1, -1)
    dtype.__setstate__((3, state[1], None, None, None, *sizes, dtype.flags))  # type: ignore[attr-defined]
