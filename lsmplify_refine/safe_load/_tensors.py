"""The functions that torch's pickles call, rewritten to check their arguments."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from typing import Any

import torch

_MAX_DIMENSIONS = 32


@dataclass(frozen=True)
class StorageType:
    """Stands for `torch.FloatStorage` and similar classes."""

    dtype: torch.dtype


@dataclass(frozen=True)
class Storage:
    """The bytes of one or several tensors."""

    data: torch.UntypedStorage
    dtype: torch.dtype


def storage_of(data: bytearray, dtype: torch.dtype) -> Storage:
    """A storage that shares these bytes."""
    tensor = torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
    return Storage(tensor.untyped_storage(), dtype)


def make_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> torch.Tensor:
    """`torch._utils._rebuild_tensor_v2`; torch's own would grow the storage to the declared size."""
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("a tensor is built on something other than a torch storage")
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or len(size) > _MAX_DIMENSIONS:
        raise pickle.UnpicklingError("a tensor declares something other than a shape")
    if not all(isinstance(n, int) and 0 <= n < 1 << 62 for n in numbers):
        raise pickle.UnpicklingError(f"a tensor declares the shape {tuple(size)!r:.60}")
    count = storage.data.nbytes() // storage.dtype.itemsize
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    elements = math.prod(size)
    if elements >= 1 << 62 or (elements and last >= count):
        raise pickle.UnpicklingError(f"a tensor declares shape {tuple(size)!r:.60}, beyond its data")
    return torch.empty(0, dtype=storage.dtype).set_(storage.data, offset, size, stride)


def make_retyped_tensor(
    storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, dtype: Any, *_: Any
) -> torch.Tensor:
    """`torch._utils._rebuild_tensor_v3`: a tensor of a dtype without its own storage class."""
    if not isinstance(storage, Storage) or not isinstance(dtype, torch.dtype):
        raise pickle.UnpicklingError("a tensor is built on something other than a torch storage")
    return make_tensor(Storage(storage.data, dtype), offset, size, stride)


def make_parameter(data: Any, *_: Any) -> torch.Tensor:
    """`torch._utils._rebuild_parameter`: the tensor in it."""
    if not isinstance(data, torch.Tensor):
        raise pickle.UnpicklingError("a parameter is built on something other than a tensor")
    return data


def make_size(numbers: Any = ()) -> torch.Size:
    """`torch.Size`."""
    if not isinstance(numbers, (tuple, list)) or not all(type(n) is int for n in numbers):
        raise pickle.UnpicklingError("a torch.Size is made from something other than numbers")
    return torch.Size(numbers)


def make_device(name: Any, index: Any = 0) -> torch.device:
    """`torch.device`: always the CPU."""
    return torch.device("cpu")


_DTYPES = {
    name: getattr(torch, name)
    for name in (
        "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
        "complex64", "complex128",
    )
}  # fmt: skip
_STORAGES = {
    "Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool, "ComplexFloat": torch.complex64, "ComplexDouble": torch.complex128,
}  # fmt: skip

#: (module, name) -> substitute.
TENSORS: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): make_tensor,
    ("torch._utils", "_rebuild_tensor_v3"): make_retyped_tensor,
    ("torch._utils", "_rebuild_parameter"): make_parameter,
    ("torch", "Size"): make_size,
    ("torch", "device"): make_device,
    ("torch.storage", "UntypedStorage"): StorageType(torch.uint8),
    **{("torch", name): dtype for name, dtype in _DTYPES.items()},
    **{("torch", f"{name}Storage"): StorageType(dtype) for name, dtype in _STORAGES.items()},
}
