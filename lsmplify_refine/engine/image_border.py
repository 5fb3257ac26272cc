"""Image border: how far keypoints are inside the image."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.keypoints import Keypoints

#: Min share of keypoints inside an image of inferred size; the others are guesses beyond its border.
_MIN_INSIDE = 0.6


def image_size(camera: Camera, keypoints: Keypoints) -> tuple[float, float] | None:
    """(width, height) in pixels, or None if it is unknown.

    If the camera does not state it, the principal point is assumed to be the centre of the image, as estimators do.
    Cameras of crops contradict this: keypoints then lie outside that image.

    Args:
        camera: Of the keypoints.
        keypoints: In pixels.
    """
    if camera.image_size is not None:
        return float(camera.image_size[0]), float(camera.image_size[1])
    width, height = (2 * float(np.median(camera.K[:, axis, 2])) for axis in (0, 1))
    if min(width, height) <= 0:
        return None
    found = np.isfinite(keypoints.positions).all(-1) & (keypoints.confidence > 0)
    inside = inset_px(np.nan_to_num(keypoints.positions), (width, height)) >= 0
    if not found.any() or inside[found].mean() < _MIN_INSIDE:
        return None
    return width, height


def inset_px(positions: Float[np.ndarray, "*batch 2"], size: tuple[float, float]) -> Float[np.ndarray, "*batch"]:
    """Distance in pixels from the nearest border; negative outside the image."""
    inset: np.ndarray = np.minimum(positions, np.array(size) - positions).min(-1)
    return inset
