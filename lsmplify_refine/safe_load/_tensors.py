"""What stands for torch's names in a pickle; a tensor is made only once its pickle is read.

torch's own functions trust a pickle: a tensor may grow its storage to any size, and has a state that changes it.
"""

from __future__ import annotations

import math
import pickle
from typing import Any

import torch

from lsmplify_refine.safe_load._limits import Budget
from lsmplify_refine.safe_load._numpy import Name, StandIn

_MAX_DIMENSIONS = 32


class Storage(StandIn):
    """The bytes of one or several tensors, and the type of their elements."""

    def __init__(self, data: torch.UntypedStorage, dtype: torch.dtype) -> None:
        super().__init__()
        self.data, self.dtype = data, dtype

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets the attributes of a storage")

    def plain(self, budget: Budget) -> Any:
        """Nothing that a reader could use."""
        raise pickle.UnpicklingError("it holds a torch storage where a tensor is expected")


class Tensor(StandIn):
    """`torch._utils._rebuild_tensor_v2`: storage, offset, size, stride."""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets the attributes of a tensor")

    def holds_parts(self) -> bool:
        """No."""
        return False

    def plain(self, budget: Budget) -> torch.Tensor:
        """The tensor, on the bytes of the file."""
        storage, offset, size, stride = self.state
        if len(size) != len(stride) or len(size) > _MAX_DIMENSIONS:
            raise pickle.UnpicklingError("a tensor declares something other than a shape")
        if not all(type(n) is int and 0 <= n < 1 << 62 for n in (offset, *size, *stride)):
            raise pickle.UnpicklingError(f"a tensor declares the shape {tuple(size)!r:.60}")
        count, elements = storage.data.nbytes() // storage.dtype.itemsize, math.prod(size)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if elements >= 1 << 62 or (elements and last >= count):
            raise pickle.UnpicklingError(f"a tensor declares shape {tuple(size)!r:.60}, beyond its data")
        return torch.empty(0, dtype=storage.dtype).set_(storage.data, offset, size, stride)


def storage_of(data: bytearray, dtype: torch.dtype) -> Storage:
    """A storage that shares these bytes."""
    tensor = torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
    return Storage(tensor.untyped_storage(), dtype)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage) or not all(isinstance(part, (tuple, list)) for part in (size, stride)):
        raise pickle.UnpicklingError("a tensor is built on something other than a torch storage")
    return Tensor((storage, offset, tuple(size), tuple(stride)))


def _retyped_tensor(
    storage: Any, offset: Any, size: Any, stride: Any, _: Any, __: Any, dtype: Any, *___: Any
) -> Tensor:
    if not isinstance(storage, Storage) or not isinstance(dtype, torch.dtype):
        raise pickle.UnpicklingError("a tensor is built on something other than a torch storage")
    return _tensor(Storage(storage.data, dtype), offset, size, stride)


def _parameter(data: Any, *_: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise pickle.UnpicklingError("a parameter is built on something other than a tensor")
    return data


class Size(StandIn):
    """`torch.Size`, which is a tuple, and so may be a key."""

    def plain(self, budget: Budget) -> torch.Size:
        """The size."""
        if not isinstance(self.state, (tuple, list)) or not all(type(n) is int for n in self.state):
            raise pickle.UnpicklingError("a torch.Size is made from something other than numbers")
        return torch.Size(self.state)


_STORAGES = {
    "Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool, "ComplexFloat": torch.complex64, "ComplexDouble": torch.complex128,
}  # fmt: skip


def tensor_names() -> dict[tuple[str, str], Any]:
    """(module, name) -> what stands for it."""
    return {
        ("torch._utils", "_rebuild_tensor_v2"): Name(_tensor),
        ("torch._utils", "_rebuild_tensor_v3"): Name(_retyped_tensor),
        ("torch._utils", "_rebuild_parameter"): Name(_parameter),
        ("torch", "Size"): Name(lambda numbers=(): Size(numbers)),
        ("torch", "device"): Name(lambda *_: torch.device("cpu")),
        ("torch.storage", "UntypedStorage"): Name(kind=torch.uint8),
        **{("torch", str(dtype).removeprefix("torch.")): dtype for dtype in _STORAGES.values()},
        **{("torch", f"{name}Storage"): Name(kind=dtype) for name, dtype in _STORAGES.items()},
    }
