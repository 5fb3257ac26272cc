"""The part of an image that a mesh can touch: only this part is drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: Near and far plane, metres: nothing nearer to the camera or beyond is drawn.
NEAR_M, FAR_M = 0.05, 1000.0


class Box(NamedTuple):
    """Pixels of an image from (left, top) up to, but not with, (right, bottom)."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels."""
        return self.bottom - self.top

    def of(self, image: np.ndarray) -> np.ndarray:
        """This part of an image (H, W, ...), as a view."""
        return image[self.top : self.bottom, self.left : self.right]


def bounding_box(vertices: np.ndarray, K: np.ndarray, width: int, height: int) -> Box | None:
    """The box that a mesh can touch in an image of this size; None if it is out of sight.

    Args:
        vertices: (V, 3) metres in OpenCV camera coordinates.
        K: (3, 3) intrinsics in pixels; skew is ignored.
        width: Pixels.
        height: Pixels.
    """
    if not np.isfinite(vertices).all():
        return None
    in_front = vertices[:, 2] > NEAR_M
    if not in_front.any():
        return None
    if not in_front.all():  # behind the camera, projection means nothing
        return Box(0, 0, width, height)
    points = vertices[:, :2] / vertices[:, 2:] * (K[0, 0], K[1, 1]) + (K[0, 2], K[1, 2])
    low = np.floor(points.min(axis=0)) - 1
    high = np.ceil(points.max(axis=0)) + 1
    left, top = (int(side) for side in np.clip(low, 0, (width, height)))
    right, bottom = (int(side) for side in np.clip(high, 0, (width, height)))
    return Box(left, top, right, bottom) if left < right and top < bottom else None
