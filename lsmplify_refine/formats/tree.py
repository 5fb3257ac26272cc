"""Nested dicts, lists and object arrays: look up a value by path, and copy with some values replaced."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import torch

#: Half precision ends here.
_MAX_HALF = float(np.finfo(np.float16).max)

#: Keys and indices that lead to a value in nested dicts and lists.
KeyPath = tuple[Any, ...]


def look_up(tree: Any, path: KeyPath) -> Any:
    """The value at a path, or None if there is none; an index may also lead into an array or tensor."""
    value: Any = tree
    for key in path:
        indexed = isinstance(key, int) and (is_list(value) or _is_table(value)) and key < len(value)
        if not indexed and not (isinstance(value, Mapping) and key in value):
            return None
        value = value[key]
    return value


def is_list(value: Any) -> bool:
    """Whether a value is a list, a tuple, or an array of objects, which `np.save` makes of a list."""
    return isinstance(value, (list, tuple)) or (
        isinstance(value, np.ndarray) and value.dtype == object and value.ndim > 0
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, (np.ndarray, torch.Tensor)) and value.ndim > 1


def people_with(names: Set[str], tree: Any) -> dict[Any, dict[str, Any]]:
    """The entries of a dict that are dicts with all these keys; empty if the tree is not a dict."""
    if not isinstance(tree, dict):
        return {}
    return {key: value for key, value in tree.items() if isinstance(value, dict) and set(value) >= names}


def with_values(tree: Any, values: Mapping[KeyPath, Any]) -> Any:
    """A copy of nested dicts and lists with the values at some paths replaced; types and key order stay.

    The empty path replaces the whole tree.
    """
    if () in values:
        return values[()]
    below: dict[Any, dict[KeyPath, Any]] = {}
    for path, value in values.items():
        below.setdefault(path[0], {})[path[1:]] = value
    changed = tree.clone() if isinstance(tree, torch.Tensor) else copy.copy(tree)
    for key, inner in below.items():
        value = inner[()] if () in inner else with_values(tree[key], inner)
        if _is_table(changed) and not is_list(changed) and changed.dtype != value.dtype:
            changed = _as_type_of(changed, value)
        changed[key] = value
    return changed


def _as_type_of(array: Any, value: Any) -> Any:
    """An array or tensor in the type of another, so that this can be put into it."""
    return array.to(value.dtype) if isinstance(array, torch.Tensor) else array.astype(value.dtype)


def with_changes(leaf: Any, values: np.ndarray, changed: np.ndarray) -> Any:
    """A leaf with new values where `changed`; type, dtype, shape, strides and all other bytes stay.

    Integers become single precision; otherwise rounding would lose up to a metre or a radian. So does half precision if
    a value is beyond it.

    Args:
        leaf: Tensor, numpy array, number, or nested lists or tuples of these.
        values: New values, in the shape of the leaf or one that reshapes to it.
        changed: Booleans of the shape of `values`.
    """
    if not changed.any():
        return leaf
    if isinstance(leaf, (list, tuple)):
        rows = zip(leaf, values.reshape(len(leaf), -1), changed.reshape(len(leaf), -1), strict=True)
        items = [with_changes(*row) for row in rows]
        return items if isinstance(leaf, list) else tuple(items)
    if isinstance(leaf, (float, int)) and not isinstance(leaf, np.generic):
        return float(values.item())
    small = np.abs(values[changed]).max() < _MAX_HALF
    if isinstance(leaf, torch.Tensor):
        keeps = leaf.is_floating_point() and (small or leaf.dtype != torch.float16)
        renewed = leaf.clone() if keeps else leaf.float()  # keeps the strides
        mask = torch.as_tensor(changed.reshape(tuple(leaf.shape)))
        renewed[mask] = torch.as_tensor(values.reshape(tuple(leaf.shape)))[mask].to(renewed.dtype)
        return renewed
    keeps = leaf.dtype.kind == "f" and (small or leaf.dtype != np.float16)
    array = np.array(leaf, dtype=leaf.dtype if keeps else np.float32, order="K")
    mask = changed.reshape(leaf.shape)
    array[mask] = values.reshape(leaf.shape)[mask].astype(array.dtype)
    return array[()] if isinstance(leaf, np.generic) else array
