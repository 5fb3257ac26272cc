"""The allow-list: names that a pickle may use, each mapped to a function of ours that checks its arguments.

The list has exact names only, since a prefix such as `numpy.*` would admit loaders that run code. Every callable in it
is our own, so a pickle cannot call anything else.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lsmplify_refine.safe_load._numbers import NdarrayName, from_buffer, make_dtype, make_scalar, raw_bytes, reconstruct
from lsmplify_refine.safe_load._stand_ins import STAND_INS, Inert
from lsmplify_refine.safe_load._tensors import TENSORS


@dataclass(frozen=True)
class TypeName:
    """Stands for a plain type, as default of a `defaultdict` or as a callable.

    Attributes:
        kind: The type.
        make: Checks the arguments and makes a value; None if pickles never call the type.
    """

    kind: type
    make: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:
        """A value of the type from the arguments."""
        if self.make is None:
            raise pickle.UnpicklingError(f"a {self.kind.__name__} is made in a way that Python does not write")
        return self.make(*args)


class _ObjectName:
    """Stands for `object`, the base class in calls of `copy_reg._reconstructor`."""


def _reconstructor(kind: Any, base: Any, state: Any) -> Inert:
    if not (isinstance(kind, type) and issubclass(kind, Inert)) or base is not _ObjectName:
        raise pickle.UnpicklingError("an object is built that is not an array")
    return kind()


def _encode(text: Any, encoding: Any) -> bytes:
    # other codecs include decompressors
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes are encoded as {encoding!r:.60}; expected 'latin1'")
    return text.encode("latin1")


def _bytes(*args: Any) -> bytes:
    # bytes(10**12) would allocate that much
    return _encode(*args) if args else b""


def _bytearray(*args: Any) -> bytearray:
    return bytearray(_encode(*args)) if len(args) == 2 else bytearray(raw_bytes(args[0])) if args else bytearray()


def _listed(items: Any) -> list[Any]:
    if not isinstance(items, (list, tuple)):
        raise pickle.UnpicklingError(f"a collection is made from a {type(items).__name__}")
    return list(items)


def _set(items: Any = ()) -> set[Any]:
    return set(_listed(items))


def _frozenset(items: Any = ()) -> frozenset[Any]:
    return frozenset(_listed(items))


def _complex(real: Any = 0.0, imaginary: Any = 0.0) -> complex:
    if not all(isinstance(part, (int, float)) for part in (real, imaginary)):
        raise pickle.UnpicklingError("a complex number is made from something other than numbers")
    return complex(real, imaginary)


def _dict(items: Any = ()) -> dict[Any, Any]:
    return dict(_listed(items))


def _ordered_dict(items: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict(_listed(items))


def _defaultdict(factory: Any = None, items: Any = ()) -> defaultdict[Any, Any]:
    if factory is not None and not isinstance(factory, TypeName):
        raise pickle.UnpicklingError("a defaultdict has a default that is not a plain type")
    return defaultdict(factory and factory.kind, _listed(items))


_PLAIN_TYPES = (
    TypeName(bool), TypeName(int), TypeName(float), TypeName(str), TypeName(list), TypeName(tuple),
    TypeName(dict, _dict), TypeName(set, _set), TypeName(frozenset, _frozenset), TypeName(complex, _complex),
    TypeName(bytes, _bytes), TypeName(bytearray, _bytearray),
)  # fmt: skip


def _spelled(names: Mapping[str, Any], *modules: str) -> dict[tuple[str, str], Any]:
    return {(module, name): value for module in modules for name, value in names.items()}


#: (module, name) -> substitute.
NAMES: Mapping[tuple[str, str], Any] = {
    **_spelled({"_reconstruct": reconstruct, "scalar": make_scalar}, "numpy.core.multiarray", "numpy._core.multiarray"),
    **_spelled({"_frombuffer": from_buffer}, "numpy.core.numeric", "numpy._core.numeric"),
    **_spelled({"ndarray": NdarrayName, "memmap": NdarrayName}, "numpy", "numpy.core.memmap", "numpy._core.memmap"),
    ("numpy", "dtype"): make_dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _ordered_dict,
    ("collections", "defaultdict"): _defaultdict,
    **_spelled({name.kind.__name__: name for name in _PLAIN_TYPES}, "builtins", "__builtin__"),
    **_spelled({"object": _ObjectName}, "builtins", "__builtin__"),
    **_spelled({"_reconstructor": _reconstructor}, "copyreg", "copy_reg"),
    **TENSORS,
    **STAND_INS,
}
