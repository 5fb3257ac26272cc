"""`make_plain`, the last check of a pickle's content: plain values only, not too deep, not too large once copied."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._limits import MAX_DEPTH, Budget, one_line
from lsmplify_refine.safe_load._names import TypeName
from lsmplify_refine.safe_load._stand_ins import Inert

#: Values without parts, which need no check.
_ATOMS = (type(None), bool, int, float, complex, torch.dtype, torch.device, torch.Size, np.dtype)
_ATOM_BYTES, _REFERENCE_BYTES = 16, 8

#: A value, its bytes if nothing were shared, its levels of nesting, and the object that it replaces. That object stays
#: referenced so that no other object gets its id.
_Seen = tuple[Any, int, int, Any]


def make_plain(value: Any, where: str, budget: Budget, *, trusted: bool = False) -> Any:
    """Replace stand-ins by arrays; lists and dicts are changed in place.

    Args:
        value: The result of an unpickler.
        where: File (and key) for error messages.
        budget: The file's budget; its `room` limits the size with every reference to a shared part copied.
        trusted: Keep objects of any class.

    Raises:
        InputError: The value is nested too deeply (or within itself), takes too much memory, or holds other objects.
    """
    return _Check(where, budget, trusted).visit(value, 0)[0]


class _Check:
    """Visits a value and its parts, each object once."""

    def __init__(self, where: str, budget: Budget, trusted: bool) -> None:
        self._where, self._budget, self._trusted = where, budget, trusted
        self._seen: dict[int, _Seen] = {}

    def visit(self, value: Any, depth: int) -> _Seen:
        """Check a value at this depth and replace the stand-ins in it."""
        if isinstance(value, _ATOMS):
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
        if found[1] > self._budget.room:
            self._budget.refuse()
        return found

    def _inside(self, value: Any, depth: int) -> _Seen:
        if isinstance(value, Inert):
            return self._stand_in(value, depth)
        if isinstance(value, dict):
            return value, *self._items(value, list(value.items()), depth), value
        if isinstance(value, list):
            return value, *self._items(value, enumerate(value), depth), value
        if type(value) is np.ndarray and value.dtype.hasobject:
            return value, *self._items(value.reshape(-1), enumerate(value.ravel()), depth), value
        if type(value) is tuple:
            parts = list(value)
            size, levels = self._items(parts, enumerate(value), depth)
            same = all(new is old for new, old in zip(parts, value))
            return value if same else tuple(parts), size, levels, value
        if isinstance(value, TypeName):
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

    def _stand_in(self, value: Inert, depth: int) -> _Seen:
        value.state = self.visit(value.state, depth + 1)[0]
        try:
            plain = value.plain()
        except (KeyError, TypeError, ValueError, IndexError, MemoryError) as error:
            raise InputError(f"{self._where}: cannot be read as an array: {one_line(error)}") from error
        # an object array has parts of its own
        new, size, levels, _ = self.visit(plain, depth + 1)
        return new, size, levels + 1, value

    def _leaf_size(self, value: Any) -> int:
        if isinstance(value, torch.Tensor):
            return value.numel() * value.element_size()
        if type(value) is np.ndarray or isinstance(value, np.generic):
            return int(value.nbytes)
        if isinstance(value, (str, bytes, bytearray)):
            return len(value)
        if isinstance(value, (set, frozenset)):
            return _REFERENCE_BYTES * len(value)
        if scipy.sparse.issparse(value):
            # counted as dense, since most readers make it dense
            return math.prod(int(n) for n in value.shape) * int(value.dtype.itemsize)
        if not self._trusted:
            raise InputError(f"{self._where}: refused: holds a {type(value).__name__}, which is not a plain value")
        return _ATOM_BYTES

    def _too_deep(self) -> None:
        raise InputError(
            f"{self._where}: refused: nested more than {MAX_DEPTH} levels deep, or within itself; no result is"
        )
