"""The list: the names that a pickle may use, each with what stands for it.

It has exact names only, since a prefix such as `numpy.*` would admit loaders that run code. Everything in it is our
own, so a pickle cannot call anything else.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict, defaultdict
from typing import Any

from lsmplify_refine.safe_load._limits import Budget
from lsmplify_refine.safe_load._numpy import CHOSEN_HASH, TYPES, Name, StandIn, numpy_names
from lsmplify_refine.safe_load._opcodes import KEY_PARTS, TUPLE_KEYS
from lsmplify_refine.safe_load._stand_ins import STAND_INS
from lsmplify_refine.safe_load._tensors import tensor_names

#: Bytes of an entry of a dict or set.
_ENTRY = 64


class Ordered(StandIn):
    """`collections.OrderedDict`, which has attributes that a pickle could set; torch sets `_metadata`."""

    def __init__(self, items: Any = ()) -> None:
        super().__init__(dict(items))

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict) or set(state) != {"_metadata"}:
            raise pickle.UnpicklingError("it sets the attributes of an OrderedDict")

    def __setitem__(self, key: Any, value: Any) -> None:
        self.state[key] = value

    def plain(self, budget: Budget) -> OrderedDict[Any, Any]:
        """The dict."""
        return OrderedDict(self.state)


def _reconstructor(kind: Any, base: Any, state: Any) -> StandIn:
    if not (isinstance(kind, type) and issubclass(kind, StandIn)) or getattr(base, "kind", None) is not object:
        raise pickle.UnpicklingError("an object is built that is not an array")
    return kind()


def _listed(items: Any) -> list[Any]:
    if not isinstance(items, (list, tuple)):
        raise pickle.UnpicklingError(f"a collection is made from a {type(items).__name__}")
    return list(items)


def _keys(keys: list[Any], budget: Budget) -> list[Any]:
    """Keys or members, of which the tuples are counted: anybody can make tuples of equal hash."""
    tuples = [key for key in keys if isinstance(key, (tuple, frozenset))]
    budget.spend(4 * CHOSEN_HASH * len(tuples))
    for key in tuples:
        parts, open_parts = 0, [key]
        while open_parts:
            part = open_parts.pop()
            parts += 1
            if parts > KEY_PARTS:
                break
            open_parts.extend(part if isinstance(part, (tuple, frozenset)) else ())
        if parts > KEY_PARTS or len(tuples) > TUPLE_KEYS:
            raise pickle.UnpicklingError("more or larger tuples as keys than results have")
    return keys


def _pairs(items: Any, budget: Budget) -> list[Any]:
    pairs = _listed(items)
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        raise pickle.UnpicklingError("a dict is made from something other than pairs")
    _keys([pair[0] for pair in pairs], budget)
    return pairs


def _factory(value: Any) -> type | None:
    if value is None:
        return None
    if not isinstance(value, Name) or value.kind not in TYPES:
        raise pickle.UnpicklingError("a defaultdict has a default that is not a plain type")
    kind: type = value.kind
    return kind


def allowed_names(budget: Budget) -> dict[tuple[str, str], Any]:
    """(module, name) -> what stands for it; what copies its arguments is charged for them."""

    def encode(text: Any, encoding: Any) -> bytes:
        """`_codecs.encode`; other codecs include decompressors."""
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError(f"bytes are encoded as {encoding!r:.60}; expected 'latin1'")
        budget.spend(len(text))
        return text.encode("latin1")

    def make_bytearray(*args: Any) -> bytearray:
        """`bytearray`, which would allocate any number."""
        data = encode(*args) if len(args) == 2 else args[0] if args else b""
        if not isinstance(data, (bytes, bytearray)):
            raise pickle.UnpicklingError(f"array data is {type(data).__name__}, not bytes")
        budget.spend(len(data))
        return bytearray(data)

    def make_complex(real: Any = 0.0, imaginary: Any = 0.0) -> complex:
        """`complex`."""
        if not all(isinstance(part, (int, float)) for part in (real, imaginary)):
            raise pickle.UnpicklingError("a complex number is made from something other than numbers")
        budget.spend(CHOSEN_HASH)
        return complex(real, imaginary)

    def charged(make: Any) -> Any:
        """`make`, charged for the lists among its arguments."""

        def run(*args: Any) -> Any:
            """Charge, then make."""
            budget.spend(_ENTRY * sum(len(each) for each in args if isinstance(each, (list, tuple))))
            return make(*args)

        return run

    calls: dict[type, Any] = {
        dict: charged(lambda items=(): dict(_pairs(items, budget))),
        set: charged(lambda items=(): set(_keys(_listed(items), budget))),
        frozenset: charged(lambda items=(): frozenset(_keys(_listed(items), budget))),
        complex: make_complex,
        bytes: lambda *args: encode(*args) if args else b"",
        bytearray: make_bytearray,
    }
    plain = {kind.__name__: Name(calls.get(kind), kind) for kind in (*TYPES, object)}
    return {
        **{(module, name): value for module in ("builtins", "__builtin__") for name, value in plain.items()},
        **{(module, "_reconstructor"): Name(_reconstructor) for module in ("copyreg", "copy_reg")},
        ("_codecs", "encode"): Name(encode),
        ("collections", "OrderedDict"): Name(charged(lambda items=(): Ordered(_pairs(items, budget)))),
        ("collections", "defaultdict"): Name(
            charged(lambda factory=None, items=(): defaultdict(_factory(factory), _pairs(items, budget)))
        ),
        **numpy_names(budget),
        **tensor_names(),
        **STAND_INS,
    }
