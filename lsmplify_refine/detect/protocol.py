"""The protocol that a detector class implements."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Detector(Protocol):
    """Finds everybody's keypoints, frame by frame.

    The constructor gets the path of `--detector-model`, or None. The properties are usually class attributes.
    """

    @property
    def name(self) -> str:
        """Its name in messages and the report."""
        ...

    @property
    def convention(self) -> str:
        """The convention of its points, a key of `values.conventions.CONVENTIONS`."""
        ...

    @property
    def model(self) -> str:
        """The model's name for the report; may be empty."""
        ...

    def detect(self, image: np.ndarray, seconds: float) -> np.ndarray:
        """Detect everybody in a frame, in any order; the caller links people over time.

        Args:
            image: (H, W, 3) uint8, RGB, upright.
            seconds: Presentation time of the frame, ascending from call to call.

        Returns:
            (P, K, 3) x, y in image pixels, then confidence in [0, 1], 0 for a missing point. P may be 0.
        """
        ...
