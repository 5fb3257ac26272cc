"""What stands for NumPy's names in a pickle. An array is made only when everything that it is made of has been checked.

NumPy's own functions trust a pickle: `ndarray.__setstate__` reads beyond a list that is too short, and a dtype's state
may place pointers in an array. So no pickle reaches an array or a dtype; it sets the state of the classes here.
"""

from __future__ import annotations

import math
import pickle
import re
import sys
from typing import Any

import numpy as np

from lsmplify_refine.safe_load._limits import Budget

#: dtypes of plain numbers, strings and objects; structured dtypes could smuggle in raw pointers.
_PLAIN_DTYPE = re.compile(r"[biufc]\d{1,2}|[SUO]\d{0,6}|[?]")
_MAX_DIMENSIONS = 32
#: The types whose names may be a default or a value.
TYPES = (bool, int, float, str, list, tuple, dict, set, frozenset, complex, bytes, bytearray)
#: Charged for a number whose hash anybody can choose, as it may be the key of a dict.
CHOSEN_HASH = 8192


class Name:
    """Stands for a name that a pickle passes on, or calls; a pickle can change nothing in it."""

    __slots__ = ("kind", "make")

    def __init__(self, make: Any = None, kind: Any = None) -> None:
        """`make` checks the arguments of a call and makes the value; `kind` is the type that the name means."""
        self.make, self.kind = make, kind

    def __call__(self, *args: Any) -> Any:
        """A value from the arguments."""
        if self.make is None:
            raise pickle.UnpicklingError("something is made in a way that Python does not write")
        return self.make(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets the attributes of a name")

    def __hash__(self) -> int:
        raise pickle.UnpicklingError("a key is the name of a class or function")


class StandIn:
    """Stands for a class: keeps the pickled state, and is replaced once the pickle is read."""

    state: Any = None

    def __init__(self, state: Any = None) -> None:
        """A pickle makes it without a state."""
        self.state = state

    def holds_parts(self) -> bool:
        """Whether the state may hold stand-ins, so that it must be made plain first."""
        return True

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __hash__(self) -> int:
        # an unfinished object must not become a key
        raise pickle.UnpicklingError("a key is an array or an object")

    def plain(self, budget: Budget) -> Any:
        """What replaces it; stand-ins in the state have been replaced before."""
        raise NotImplementedError


class Dtype(StandIn):
    """`numpy.dtype`: a name such as "f8", then a state, of which only the byte order is used."""

    def __init__(self, name: Any = None, *_: Any) -> None:
        super().__init__()
        if not isinstance(name, str) or not _PLAIN_DTYPE.fullmatch(name):
            raise pickle.UnpicklingError(f"the array type {name!r:.60} is not plain numbers or text")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        if any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("an array has a structured type")
        if state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("an array has no byte order")
        self.dtype = self.dtype.newbyteorder(state[1])

    def holds_parts(self) -> bool:
        """No."""
        return False

    def plain(self, budget: Budget) -> np.dtype:
        """The dtype."""
        return self.dtype


class Array(StandIn):
    """`numpy.ndarray`: version, shape, dtype, whether in column-major order, and the data."""

    def holds_parts(self) -> bool:
        """Whether it is an array of objects."""
        return isinstance(self.state, tuple) and isinstance(self.state[-1], list)

    def plain(self, budget: Budget) -> np.ndarray:
        """The array, on the bytes of the pickle."""
        version, shape, dtype, fortran, data = self.state
        dtype, count = dtype_of(dtype), element_count(shape)
        if dtype.hasobject:
            if not isinstance(data, list) or count != len(data):
                raise pickle.UnpicklingError(f"an object array of shape {shape} has another number of objects")
        else:
            data = data if type(data) is bytearray else raw_bytes(data)
            _check_size(shape, dtype, data)
            if type(data) is bytearray:
                if not data:
                    return np.zeros(shape, dtype)
                flat = checked_text(np.frombuffer(data, dtype))
                array: np.ndarray = flat.reshape(shape, order="F" if fortran else "C")
                return array
        # what NumPy itself does now is checked; it owns its memory, so the state can turn it into any other array
        set_state: Any = (whole := np.ndarray(0, np.int8)).__setstate__
        set_state((version, tuple(shape), dtype, bool(fortran), data))
        return checked_text(whole)


def dtype_of(value: Any) -> np.dtype:
    """The dtype of a pickle."""
    dtype = value.dtype if isinstance(value, Dtype) else value
    if not isinstance(dtype, np.dtype):
        raise pickle.UnpicklingError(f"array data of type {value!r:.60}")
    return dtype


def element_count(shape: Any) -> int:
    """Number of elements of an array shape, checked."""
    # the product of a million large numbers would take forever
    if not isinstance(shape, (tuple, list)) or len(shape) > _MAX_DIMENSIONS:
        raise pickle.UnpicklingError("an array declares something other than a shape")
    if not all(isinstance(n, (int, np.integer)) and 0 <= n < 1 << 63 for n in shape):
        raise pickle.UnpicklingError(f"an array declares the shape {shape!r:.60}")
    return math.prod(int(n) for n in shape)


def byte_count(shape: Any, dtype: np.dtype) -> int:
    """Bytes of an array of plain elements, checked."""
    if dtype.hasobject:
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


def raw_bytes(data: Any) -> bytes:
    """The bytes of an array, which Python 2 pickles hold as text."""
    data = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(data, (bytes, bytearray)):
        raise pickle.UnpicklingError(f"array data is {type(data).__name__}, not bytes")
    return bytes(data)


def _check_size(shape: Any, dtype: np.dtype, data: bytes | bytearray) -> None:
    if byte_count(shape, dtype) != len(data):
        raise pickle.UnpicklingError(f"an array declares shape {shape} but has {len(data)} bytes")


def _reconstruct(subtype: Any, shape: Any, *_: Any) -> Array:
    if not isinstance(subtype, Name) or subtype.kind is not np.ndarray or element_count(shape) != 0:
        raise pickle.UnpicklingError("an array is built in a way that numpy does not write")
    return Array()


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C") -> Array:
    return Array((1, shape, dtype, order == "F", data))


def numpy_names(budget: Budget) -> dict[tuple[str, str], Any]:
    """(module, name) -> what stands for it."""

    def scalar(dtype: Any, data: Any) -> Any:
        """`numpy.core.multiarray.scalar`."""
        dtype, data = dtype_of(dtype), raw_bytes(data)
        _check_size((), dtype, data)
        budget.take(2 * len(data))
        if dtype.kind == "c" or dtype.itemsize > 8:
            budget.spend(CHOSEN_HASH)
        return checked_text(np.frombuffer(data, dtype) if data else np.zeros(1, dtype))[0]

    ndarray = Name(kind=np.ndarray)
    functions = {"_reconstruct": Name(_reconstruct), "scalar": Name(scalar)}
    return {
        ("numpy", "dtype"): Name(Dtype),
        **{(f"{core}.multiarray", name): value for core in _CORES for name, value in functions.items()},
        **{(f"{core}.numeric", "_frombuffer"): Name(_from_buffer) for core in _CORES},
        **{(module, name): ndarray for module in ("numpy", *(f"{core}.memmap" for core in _CORES))
           for name in ("ndarray", "memmap")},
    }  # fmt: skip


#: The module of NumPy 1 and 2.
_CORES = ("numpy.core", "numpy._core")
