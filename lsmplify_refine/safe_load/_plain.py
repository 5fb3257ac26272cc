"""`make_plain`, the last check of a pickle's content: plain values only, not too deep, not too large once copied."""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse
import torch

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.safe_load._limits import MAX_DEPTH, Budget
from lsmplify_refine.safe_load._numpy import TYPES, Name, StandIn

#: Values without parts, which need no check, and those that may be keys. Types are compared exactly: a subclass may
#: have a state.
_ATOMS = frozenset((type(None), bool, int, float, complex, torch.dtype, torch.device, torch.Size))
_KEYS = frozenset((type(None), bool, int, float, complex, str, bytes))
_DICTS, _SETS, _TEXT = (dict, OrderedDict, defaultdict), (set, frozenset), (str, bytes, bytearray)
_ATOM_BYTES, _REFERENCE_BYTES = 16, 8

#: A value, its bytes if nothing were shared, its levels of nesting, and the object that it replaces. That object stays
#: referenced so that no other object gets its id.
_Seen = tuple[Any, int, int, Any]


def make_plain(value: Any, where: str, budget: Budget) -> Any:
    """Replace stand-ins by what they stand for; lists and dicts are changed in place.

    Args:
        value: The result of an unpickler.
        where: File (and key) for error messages.
        budget: The file's; its `data` limits the size with every reference to a shared part copied.

    Raises:
        InputError: The value is nested too deeply (or within itself), takes too much memory, or holds other objects.
    """
    return _Check(where, budget).visit(value, 0)[0]


class _Check:
    """Visits a value and its parts, each object once."""

    def __init__(self, where: str, budget: Budget) -> None:
        self._where, self._budget = where, budget
        self._seen: dict[int, _Seen] = {}

    def visit(self, value: Any, depth: int) -> _Seen:
        """Check a value at this depth and replace the stand-ins in it."""
        if type(value) in _ATOMS:
            return value, _ATOM_BYTES, 0, value
        found = self._seen.get(id(value))
        if found is None:
            if depth > MAX_DEPTH:
                self._too_deep()
            found = self._inside(value, depth)
            if found[2]:
                self._seen[id(value)] = found
        if depth + found[2] > MAX_DEPTH:
            self._too_deep()
        if found[1] > self._budget.data:
            self._budget.refuse()
        return found

    def _inside(self, value: Any, depth: int) -> _Seen:
        kind = type(value)
        if isinstance(value, StandIn):
            return self._stand_in(value, depth)
        if kind in _DICTS:
            self._check_keys(value)
            return value, *self._items(value, list(value.items()), depth), value
        if kind is list:
            return value, *self._items(value, enumerate(value), depth), value
        if kind is np.ndarray and value.dtype.hasobject:
            return value, *self._items(value.reshape(-1), enumerate(value.ravel()), depth), value
        if kind is tuple:
            parts = list(value)
            size, levels = self._items(parts, enumerate(value), depth)
            same = all(new is old for new, old in zip(parts, value))
            return value if same else tuple(parts), size, levels, value
        if kind is Name and value.kind in TYPES:
            return value.kind, _ATOM_BYTES, 0, value
        return value, self._leaf_size(value), 0, value

    def _items(self, target: Any, items: Iterable[tuple[Any, Any]], depth: int) -> tuple[int, int]:
        """Visit the parts of a container and put their replacements into it; returns its size and levels."""
        size, max_levels = _ATOM_BYTES, 0
        for key, part in items:
            new, part_size, levels, _ = self.visit(part, depth + 1)
            if new is not part:
                target[key] = new
            size += part_size + _REFERENCE_BYTES
            max_levels = max(max_levels, levels)
        return size, max_levels + 1

    def _stand_in(self, value: StandIn, depth: int) -> _Seen:
        if value.holds_parts():
            value.state = self.visit(value.state, depth + 1)[0]
        try:
            plain = value.plain(self._budget)
        except InputError:
            raise
        # a damaged state raises whatever it leads to
        except Exception as error:
            raise InputError(f"{self._where}: cannot be read as an array: {escaped(error, 200)}") from error
        # an object array has parts of its own
        new, size, levels, _ = self.visit(plain, depth + 1)
        return new, size, levels + 1, value

    def _check_keys(self, keys: Iterable[Any]) -> None:
        for key in keys:
            if type(key) not in _KEYS and not isinstance(key, np.generic):
                if type(key) in (tuple, frozenset):
                    # the instructions were checked to make small ones only
                    self._check_keys(key)
                elif not self._budget.trusted:
                    raise InputError(f"{self._where}: refused: a key is a {type(key).__name__}, not a plain value")

    def _leaf_size(self, value: Any) -> int:
        if type(value) is torch.Tensor:
            return value.numel() * value.element_size()
        if type(value) is np.ndarray or isinstance(value, np.generic):
            return int(value.nbytes)
        if type(value) in _TEXT:
            return len(value)
        if type(value) in _SETS:
            self._check_keys(value)
            return _REFERENCE_BYTES * len(value)
        if scipy.sparse.issparse(value):
            # counted as dense, since most readers make it dense
            return math.prod(int(n) for n in value.shape) * int(value.dtype.itemsize)
        if isinstance(value, np.dtype):
            return _ATOM_BYTES
        if not self._budget.trusted:
            what = "the name of a class or function" if type(value) is Name else f"a {type(value).__name__}"
            raise InputError(f"{self._where}: refused: holds {what}, which is not a plain value")
        return _ATOM_BYTES

    def _too_deep(self) -> None:
        raise InputError(
            f"{self._where}: refused: nested more than {MAX_DEPTH} levels deep, or within itself; no result is"
        )
