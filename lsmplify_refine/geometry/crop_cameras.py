"""Weak-perspective and crop cameras as full-image intrinsics and translations: one formula per estimator family.

A crop camera (s, tx, ty) says how a body, seen from a fixed far camera, lies in a square crop of side b pixels of the
full image. With a focal length f in full-image pixels and the principal point p it stands for the translation

    tz = 2 f / (s b),   tX = tx + 2 (cx - px) / (s b),   tY = ty + 2 (cy - py) / (s b)

(CLIFF, 4D-Humans' cam_crop_to_full, WHAM, GVHMR and TRAM agree). What differs is f and p:

    SPIN, VIBE, PARE        5000 px in the 224 px crop, the principal point at the crop's centre: a camera per box
    4D-Humans, PHALP        5000 px in a 256 px square of the image's longer side, the image's centre
    SMPLest-X, SMPLer-X     5000 px in the 192 x 256 crop, the crop's centre: a camera per box
    ROMP, BEV               443.4 px (60 degrees) in a 512 px square of the image's longer side, the image's centre

All arrays are (T, ...) or broadcast to it; pixels are the full image's, translations are metres.
"""

from __future__ import annotations

import numpy as np

from lsmplify_refine.geometry.projection import intrinsics

#: Focal length in pixels of the crop, and the crop's side.
SPIN_FOCAL, SPIN_CROP = 5000.0, 224
HMR2_FOCAL, HMR2_CROP = 5000.0, 256
SMPLX_FOCAL, SMPLX_CROP = 5000.0, (192, 256)
ROMP_FOCAL, ROMP_CROP = 443.4, 512


def crop_to_full(camera: np.ndarray, centre: np.ndarray, side: np.ndarray, K: np.ndarray) -> np.ndarray:
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


def full_to_crop(transl: np.ndarray, centre: np.ndarray, side: np.ndarray, K: np.ndarray) -> np.ndarray:
    """The crop cameras (T, 3) of full-image translations; inverse of `crop_to_full`."""
    scaled = 2.0 * K[:, 0, 0] / transl[:, 2]
    offset = 2.0 * (centre - K[:, :2, 2]) / scaled[:, None]
    return np.column_stack([scaled / side, transl[:, :2] - offset])


def spin_intrinsics(centre: np.ndarray, side: np.ndarray) -> np.ndarray:
    """(T, 3, 3) of SPIN, VIBE and PARE, whose camera looks at the crop's centre.

    With them `crop_to_full` is SPIN's own t = [tx, ty, 2 * 5000 / (224 s)].
    """
    return intrinsics(SPIN_FOCAL / SPIN_CROP * np.asarray(side, dtype=np.float64), centre)


def hmr2_intrinsics(width: float, height: float, frames: int) -> np.ndarray:
    """(T, 3, 3) of 4D-Humans, PHALP and TokenHMR, whose `camera` is the translation for it."""
    focal = HMR2_FOCAL / HMR2_CROP * max(width, height)
    return np.repeat(intrinsics(focal, np.array([width / 2, height / 2])), frames, axis=0)


def smplx_crop_intrinsics(boxes: np.ndarray) -> np.ndarray:
    """(T, 3, 3) of SMPLest-X, SMPLer-X and OSX, whose `cam_trans` is the translation for the box's own camera.

    Args:
        boxes: (T, 4) the processed boxes x, y, width, height, pixels.
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    return intrinsics(SMPLX_FOCAL * boxes[:, 2:] / SMPLX_CROP, boxes[:, :2] + boxes[:, 2:] / 2)


def romp_intrinsics(width: float, height: float, frames: int) -> np.ndarray:
    """(T, 3, 3) of ROMP and BEV, whose `cam_trans` is the translation for the image padded to a square."""
    focal = ROMP_FOCAL / ROMP_CROP * max(width, height)
    return np.repeat(intrinsics(focal, np.array([width / 2, height / 2])), frames, axis=0)


def refocus(points: np.ndarray, K_from: np.ndarray, K_to: np.ndarray) -> np.ndarray:
    """Points (T, 3) moved so that another camera sees a small body there at the same place and size.

    Exact for the point itself; for a body around it up to its depth over its distance (weak perspective).

    Args:
        points: (T, 3) pelvis positions, metres, camera frame.
        K_from: (T, 3, 3) the intrinsics that they are for.
        K_to: (T, 3, 3) the intrinsics wanted.
    """
    depth = points[:, 2] * K_to[:, 0, 0] / K_from[:, 0, 0]
    pixels = points[:, :2] / points[:, 2:] * K_from[:, (0, 1), (0, 1)] + K_from[:, :2, 2]
    return np.column_stack([(pixels - K_to[:, :2, 2]) * depth[:, None] / K_to[:, (0, 1), (0, 1)], depth])
