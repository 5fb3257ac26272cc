"""Weak-perspective and crop cameras as full-image intrinsics and translations: one formula per estimator family.

A crop camera (s, tx, ty) describes a body that a fixed far camera sees in a square crop of b full-image pixels. For a
focal length f in full-image pixels and a principal point p, it stands for the translation

    tz = 2 f / (s b),   tX = tx + 2 (cx - px) / (s b),   tY = ty + 2 (cy - py) / (s b)

(CLIFF, 4D-Humans' cam_crop_to_full, WHAM, GVHMR and TRAM agree). The estimators differ in f and p:

    SPIN, VIBE, PARE        5000 px in the 224 px crop, the principal point at the crop's centre: a camera per box
    4D-Humans, PHALP        5000 px in a 256 px square of the image's longer side, the image's centre

All arrays are (T, ...) or broadcast to it; pixels are the full image's, translations are metres.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from lsmplify_refine.geometry.projection import default_intrinsics, intrinsics

#: Focal length in pixels of the crop, and the crop's side.
_SPIN_FOCAL, _SPIN_CROP = 5000.0, 224
_HMR2_FOCAL, _HMR2_CROP = 5000.0, 256


def crop_to_full(
    camera: Float[np.ndarray, "frames 3"],
    centre: Float[np.ndarray, "frames 2"],
    side: Float[np.ndarray, " frames"],
    K: Float[np.ndarray, "frames 3 3"],
) -> Float[np.ndarray, "frames 3"]:
    """The full-image translation (T, 3) of crop cameras.

    Args:
        camera: (T, 3) s, tx, ty.
        centre: (T, 2) the crop's centre, pixels.
        side: (T,) the crop's side, pixels.
        K: (T, 3, 3) full-image intrinsics.
    """
    scaled = camera[:, 0] * side
    offset = 2.0 * (centre - K[:, :2, 2]) / scaled[:, None]
    return np.column_stack([camera[:, 1:3] + offset, 2.0 * K[:, 0, 0] / scaled])


def full_to_crop(
    transl: Float[np.ndarray, "frames 3"],
    centre: Float[np.ndarray, "frames 2"],
    side: Float[np.ndarray, " frames"],
    K: Float[np.ndarray, "frames 3 3"],
) -> Float[np.ndarray, "frames 3"]:
    """The crop cameras s, tx, ty of full-image translations; inverse of `crop_to_full`.

    Args:
        transl: In the camera's frame, metres.
        centre: Of the boxes, pixels of the full image.
        side: Of the square boxes, pixels.
        K: Intrinsics of the full image.
    """
    scaled = 2.0 * K[:, 0, 0] / transl[:, 2]
    offset = 2.0 * (centre - K[:, :2, 2]) / scaled[:, None]
    return np.column_stack([scaled / side, transl[:, :2] - offset])


def spin_intrinsics(
    centre: Float[np.ndarray, "frames 2"], side: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, "frames 3 3"]:
    """(T, 3, 3) intrinsics of SPIN, VIBE and PARE; their camera looks at the crop's centre.

    With them `crop_to_full` is SPIN's own t = [tx, ty, 2 * 5000 / (224 s)].
    """
    return intrinsics(_SPIN_FOCAL / _SPIN_CROP * np.asarray(side, dtype=np.float64), centre)


def hmr2_intrinsics(width: float, height: float, frames: int) -> Float[np.ndarray, "frames 3 3"]:
    """(T, 3, 3) intrinsics of 4D-Humans, PHALP and TokenHMR; their `camera` is the translation for these."""
    return default_intrinsics(width, height, frames, _HMR2_FOCAL / _HMR2_CROP * max(width, height))
