"""The protocol of a detector: one small class."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Detector(Protocol):
    """Finds everybody's keypoints, one frame after the other.

    A detector's class is called with the path of `--detector-model`, or None if the user gave none. Its properties are
    usually class attributes.
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
        """Which model it runs, in words for the report; may be empty."""
        ...

    def detect(self, image: np.ndarray, seconds: float) -> np.ndarray:
        """Everybody in a frame, in any order; people are linked from frame to frame elsewhere.

        Args:
            image: (H, W, 3) uint8, RGB, upright.
            seconds: Its presentation time, ascending from call to call.

        Returns:
            (P, K, 3) x and y in pixels of the image, and confidence in [0, 1], 0 for a missing point; P may be 0.
        """
        ...
