"""What a detector is: one small class."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Detector(Protocol):
    """Finds the keypoints of everybody in one frame after the other.

    A detector's class is called with the path of `--detector-model`, or None where the user gave none.

    The properties are class attributes as a rule.
    """

    @property
    def name(self) -> str:
        """What it is called, for messages and the report."""
        ...

    @property
    def convention(self) -> str:
        """The convention of its points, a key of `keypoints.CONVENTIONS`."""
        ...

    @property
    def model(self) -> str:
        """Which model it runs, in words for the report; empty where there is nothing to say."""
        ...

    def detect(self, image: np.ndarray, seconds: float) -> np.ndarray:
        """Everybody in a frame, in any order; who is who from frame to frame is found out elsewhere.

        Args:
            image: (H, W, 3) uint8, RGB, upright.
            seconds: When it is shown, ascending from call to call.

        Returns:
            (P, K, 3) x and y in pixels of the image, and confidence in [0, 1], 0 for a missing point; P may be 0.
        """
        ...
