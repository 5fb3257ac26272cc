"""The panels of a comparison video."""

from __future__ import annotations

import numpy as np


def halves(pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The left and the right half of a picture (H, 2 W, 3), as views."""
    width = pair.shape[1] // 2
    return pair[:, :width], pair[:, width:]
