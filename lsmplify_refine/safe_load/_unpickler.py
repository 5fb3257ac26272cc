"""A pickle reader that knows numpy arrays, torch tensors and plain Python values, and refuses all else.

The allow-list holds exact names, each mapped to a function of ours that checks its arguments: a prefix such
as `numpy.*` would let loaders through that run code. The pure-Python `pickle._Unpickler` is the base (as in
joblib), because only there can BUILD, which calls `__setstate__` or sets attributes, be checked beforehand.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._torch import load_torch

#: What a pickle may name: (module, name) -> what it gets instead.
AllowList = Mapping[tuple[str, str], Any]

#: dtypes of plain numbers, strings and objects; structured ones could smuggle in raw pointers.
_PLAIN_DTYPE = re.compile(r"[biufc]\d{1,2}|[SUO]\d{0,6}")


class Inert:
    """Stands for a class that must not be imported: keeps the pickled state and does nothing."""

    state: Any = None


class _NdarrayName:
    """Stands for the name `numpy.ndarray`, which pickles only pass to `_reconstruct`."""


def _dtype(descr: str, align: bool = False, copy: bool = True) -> np.dtype:
    if not isinstance(descr, str) or not _PLAIN_DTYPE.fullmatch(descr):
        raise pickle.UnpicklingError(f"the array type {descr!r} is not plain numbers or text")
    # a copy always: BUILD changes it in place, and numpy's own instance is shared by everybody
    return np.dtype(descr, False, True)


def _reconstruct(subtype: Any, shape: Any, kind: Any) -> np.ndarray:
    if subtype is not _NdarrayName or math.prod(shape) != 0:
        raise pickle.UnpicklingError("an array is built in a way that numpy does not write")
    return np.ndarray(0, dtype=np.int8)


def _raw(data: Any) -> bytes | bytearray:
    """The bytes of an array; Python 2 pickles hold them as text."""
    data = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(data, (bytes, bytearray)):
        raise pickle.UnpicklingError(f"array data is {type(data).__name__}, not bytes")
    return data


def _check_size(shape: Any, dtype: Any, data: bytes | bytearray) -> None:
    if not isinstance(dtype, np.dtype) or dtype.hasobject or dtype.itemsize == 0:
        raise pickle.UnpicklingError(f"array data of type {dtype} cannot be read from bytes")
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise pickle.UnpicklingError(f"{shape!r} is not an array shape")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise pickle.UnpicklingError(f"an array announces shape {shape} but brings {len(data)} bytes")


def _scalar(dtype: Any, data: Any) -> Any:
    data = _raw(data)
    _check_size((), dtype, data)
    return np.frombuffer(data, dtype)[0]


def _frombuffer(data: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    _check_size(shape, dtype, _raw(data))
    return np.frombuffer(data, dtype).reshape(shape, order="F" if order == "F" else "C")


def _encode(text: str, encoding: str) -> bytes:
    # other codecs include decompressors
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes are encoded as {encoding!r}; expected 'latin1'")
    return text.encode("latin1")


def _bytes(*args: Any) -> bytes:
    # bytes(10**12) would allocate that much
    return _encode(*args) if args else b""


def _bytearray(*args: Any) -> bytearray:
    if args and not isinstance(args[0], (bytes, str)):
        raise pickle.UnpicklingError("a bytearray is made from something else than bytes")
    return bytearray(_raw(args[0])) if args else bytearray()


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_: Any) -> torch.Tensor:
    # torch would grow the storage to whatever size is announced
    if not isinstance(storage, torch.storage.TypedStorage):
        raise pickle.UnpicklingError("a tensor is built on something else than a torch storage")
    count = storage._untyped_storage.nbytes() // storage.dtype.itemsize
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min((offset, *size, *stride)) < 0 or (math.prod(size) and last >= count):
        raise pickle.UnpicklingError(f"a tensor announces shape {tuple(size)} beyond its data")
    return torch._utils._rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict())


def _storage(data: bytes) -> Any:
    # torch.storage._load_from_bytes runs an unrestricted torch.load
    return load_torch(io.BytesIO(data), "a torch storage in the pickle")


def _parameter(data: torch.Tensor, *_: Any) -> torch.Tensor:
    return data


def _spelled(names: dict[str, Any], *modules: str) -> dict[tuple[str, str], Any]:
    return {(module, name): value for module in modules for name, value in names.items()}


_ARRAY_BUILDERS = {"_reconstruct": _reconstruct, "scalar": _scalar}
_PLAIN_TYPES = (bool, complex, dict, float, frozenset, int, list, set, str, tuple)

#: Everything that the results of estimators need.
RESULTS: AllowList = {
    **_spelled(_ARRAY_BUILDERS, "numpy.core.multiarray", "numpy._core.multiarray"),
    **_spelled({"_frombuffer": _frombuffer}, "numpy.core.numeric", "numpy._core.numeric"),
    ("numpy", "ndarray"): _NdarrayName,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): defaultdict,
    **_spelled({kind.__name__: kind for kind in _PLAIN_TYPES}, "builtins", "__builtin__"),
    **_spelled({"bytes": _bytes, "bytearray": _bytearray}, "builtins", "__builtin__"),
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _storage,
}  # fmt: skip


class _Unpickler(pickle._Unpickler):
    """See the module's docstring."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)
    # set by `load` of the base class
    stack: list[Any]
    read: Callable[[int], bytes]
    append: Callable[[Any], None]

    def __init__(self, data: bytes, where: str, allow: AllowList, encoding: str) -> None:
        super().__init__(io.BytesIO(data), encoding=encoding)
        self._where, self._allow, self._size = where, allow, len(data)

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allow[module, name]
        except KeyError:
            raise InputError(
                f"{self._where}: refused: the pickle asks for {module}.{name}, which could run code; "
                "only numpy arrays, torch tensors and plain Python values are read"
            ) from None

    def get_extension(self, code: int) -> NoReturn:
        raise InputError(f"{self._where}: refused: the pickle asks for the registered extension {code}")

    def load_build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is np.ndarray:
            _set_array_state(target, state)
        elif isinstance(target, np.dtype):
            _set_dtype_state(target, state)
        elif isinstance(target, Inert):
            target.state = state
        else:
            raise InputError(f"{self._where}: refused: the pickle sets the attributes of a {type(target).__name__}")

    def load_bytearray8(self) -> None:
        # the original allocates the announced length before it reads
        length = int.from_bytes(self.read(8), "little")
        if length > self._size:
            raise pickle.UnpicklingError(f"{length} bytes are announced in a file of {self._size}")
        self.append(bytearray(self.read(length)))

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def _set_array_state(array: np.ndarray, state: Any) -> None:
    version, shape, dtype, fortran, data = state
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        if not isinstance(data, list) or math.prod(shape) != len(data):
            raise pickle.UnpicklingError(f"an object array announces shape {shape} for another number of objects")
    else:
        data = bytes(_raw(data))
        _check_size(shape, dtype, data)
    array.__setstate__((version, shape, dtype, bool(fortran), data))  # type: ignore[arg-type]


def _set_dtype_state(dtype: np.dtype, state: Any) -> None:
    if any(part is not None for part in state[2:5]):
        raise pickle.UnpicklingError("an array has a structured type")
    # only the byte order is taken from the file: sizes and flags decide how memory is read
    flexible = dtype.kind in "SU"
    sizes = (dtype.itemsize, dtype.alignment) if flexible else (-1, -1)
    dtype.__setstate__((3, state[1], None, None, None, *sizes, dtype.flags))  # type: ignore[attr-defined]


def restricted_loads(data: bytes, where: str, *, allow: AllowList = RESULTS, encoding: str = "latin1") -> Any:
    """Unpickle bytes under an allow-list.

    Args:
        data: The pickle.
        where: File (and key) for error messages.
        allow: What it may name.
        encoding: For the text of Python 2 pickles; latin1 keeps numpy's bytes intact.

    Raises:
        InputError: The pickle asks for something else (it says for what), or is damaged.
    """
    try:
        return _Unpickler(data, where, allow, encoding).load()
    except InputError:
        raise
    # whatever a damaged or hostile stream provokes is the file's fault
    except Exception as error:
        reason = f"{error}" or type(error).__name__
        raise InputError(f"{where}: not a readable pickle: {_one_line(reason)}") from error


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def load_pickle(path: Path, *, encoding: str = "latin1", allow: AllowList = RESULTS) -> Any:
    """What a pickle file holds, read under an allow-list of exact names.

    Args:
        path: The file.
        encoding: For the text of Python 2 pickles.
        allow: What it may name.

    Raises:
        InputError: It cannot be read, or asks for anything but arrays, tensors and plain values.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return restricted_loads(data, str(path), allow=allow, encoding=encoding)
