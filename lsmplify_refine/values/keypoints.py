"""Keypoints of one person in a named convention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.conventions import CONVENTIONS


@dataclass(frozen=True)
class Keypoints:
    """Keypoints of one person in a named convention.

    Attributes:
        convention: A key of `conventions.CONVENTIONS`.
        positions: Pixels of the full image (2D), or metres (3D).
        confidence: In [0, 1]; 0 means missing (the position is then meaningless and may be NaN).
        source: Where they came from, in words for the report.
    """

    convention: str
    positions: Float[np.ndarray, "frames points dimensions"]
    confidence: Real[np.ndarray, "frames points"]
    source: str = ""

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise InputError(f"keypoint convention {self.convention!r} is not known; known: {', '.join(CONVENTIONS)}")
        count = len(CONVENTIONS[self.convention].points)
        if self.positions.ndim != 3 or self.positions.shape[1] != count or self.positions.shape[2] not in (2, 3):
            raise InputError(
                f"{self.convention} keypoints have shape {self.positions.shape}; expected (T, {count}, 2 or 3)"
            )
        if self.confidence.shape != self.positions.shape[:2]:
            raise InputError(
                f"keypoint confidence has shape {self.confidence.shape}; expected {self.positions.shape[:2]}"
            )

    @property
    def is_3d(self) -> bool:
        """True for points in space, False for points in the image."""
        return bool(self.positions.shape[-1] == 3)
