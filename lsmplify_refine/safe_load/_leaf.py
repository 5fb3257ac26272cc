"""`to_numpy`: convert a leaf of a file's content to a NumPy array."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def to_numpy(leaf: Any) -> np.ndarray | None:
    """An independent array of a leaf's numbers, or None if it is not an array or regular nested list of numbers."""
    if isinstance(leaf, torch.Tensor):
        leaf = leaf.detach().cpu()
        # numpy has no bfloat16
        leaf = (leaf.float() if leaf.dtype == torch.bfloat16 else leaf).numpy()
    if isinstance(leaf, np.generic):
        leaf = np.asarray(leaf)
    if isinstance(leaf, (list, tuple, float, int)) and not isinstance(leaf, bool):
        try:
            leaf = np.asarray(leaf, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            return None
    if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "fiu":
        return None
    array: np.ndarray = leaf.copy(order="K")
    return array
