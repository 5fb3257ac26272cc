"""Keypoints of one person in a named convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Real

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.conventions import CONVENTIONS, HAND_POINTS

#: Coordinates that files write for a point that was not found, the same in every axis.
_PLACEHOLDERS = (0.0, -1.0)
#: Points that root-centred 3D files hold at the origin in every frame.
_ROOTS = ("pelvis", "mid_hip")


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

    @property
    def body(self) -> Keypoints:
        """The keypoints without those of the hands, in the convention of the body alone."""
        return self._part(CONVENTIONS[self.convention].body, CONVENTIONS[self.convention].body_points)

    def hand(
        self, side: Literal["left", "right"]
    ) -> tuple[Float[np.ndarray, "frames 21 dimensions"], Real[np.ndarray, "frames 21"]] | None:
        """Positions and confidence of a hand's points in the order of `HAND_POINTS`; None without hand points.

        A wrist that the convention has ahead of SMPL's is moved back to it.

        Args:
            side: Which hand.
        """
        convention = CONVENTIONS[self.convention]
        if not convention.has_hands:
            return None
        points = list(convention.hand_points(side))
        positions, confidence = self.positions[:, points], self.confidence[:, points]
        if convention.wrist_ahead:
            # of the way from SMPL's wrist to the middle knuckle, the rest lies between this wrist and the knuckle
            back = convention.wrist_ahead / (1 - convention.wrist_ahead)
            positions[:, 0] += back * (positions[:, 0] - positions[:, HAND_POINTS.index("middle1")])
            confidence[:, 0] = np.minimum(confidence[:, 0], confidence[:, HAND_POINTS.index("middle1")])
        return positions, confidence

    def _part(self, convention: str, points: Sequence[int]) -> Keypoints:
        if convention == self.convention:
            return self
        chosen = list(points)
        return replace(
            self, convention=convention, positions=self.positions[:, chosen], confidence=self.confidence[:, chosen]
        )

    def without_placeholders(self) -> Keypoints:
        """The keypoints, with confidence 0 wherever a file says "not found", whatever confidence it writes there.

        That is NaN, infinity, and the origin or -1 in every axis: (0, 0) and (-1, -1) in the image. The point that 3D
        keypoints are centred on stays.
        """
        found = np.isfinite(self.positions).all(-1) & np.isfinite(self.confidence)
        placeholder = np.logical_or.reduce([(self.positions == value).all(-1) for value in _PLACEHOLDERS])
        return self.only(found & ~(placeholder & ~self._is_centre()))

    def only(self, present: Bool[np.ndarray, "frames points"]) -> Keypoints:
        """The keypoints, with confidence 0 for the others."""
        return replace(self, confidence=np.where(present, self.confidence, 0.0).astype(self.confidence.dtype))

    def _is_centre(self) -> Bool[np.ndarray, " points"]:
        """The pelvis of 3D keypoints if it is at the origin in every frame."""
        root = np.array([name in _ROOTS for name in CONVENTIONS[self.convention].points])
        centre: np.ndarray = root & self.is_3d & (self.positions == 0).all(axis=(0, 2))
        return centre
