"""Pinhole projection and intrinsics.

Pixels are the full image's. A ray is a point's normalised image coordinates (x / z, y / z); the camera looks along z.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

#: Points nearer than this are projected as if they were this far away, metres.
_MIN_DEPTH_M = 0.1


def project_to_image(points: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Pixels (T, N, 2) of camera-frame points (T, N, 3) under intrinsics (T, 3, 3)."""
    image: np.ndarray = np.einsum("tij,tnj->tni", K, points)
    pixels: np.ndarray = image[..., :2] / np.maximum(image[..., 2:], 1e-6)
    return pixels


def pixels_to_rays(pixels: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Rays (T, N, 2) of pixels (T, N, 2) under intrinsics (T, 3, 3)."""
    homogeneous = np.concatenate([pixels, np.ones((*pixels.shape[:-1], 1))], -1)
    rays: np.ndarray = np.einsum("tij,tkj->tki", np.linalg.inv(K.astype(np.float64)), homogeneous)
    return rays[..., :2]


def points_to_rays(points: Tensor) -> tuple[Tensor, Tensor]:
    """Rays (..., 2) of points (..., 3) in the camera frame, and their depth (..., 1), metres."""
    depth = points[..., 2:].clamp(min=_MIN_DEPTH_M)
    return points[..., :2] / depth, depth


def default_intrinsics(width: float, height: float, frames: int, focal_px: float | None = None) -> np.ndarray:
    """GVHMR's rule where the intrinsics are unknown: the focal length is the image diagonal.

    Args:
        width: Image width, pixels.
        height: Image height, pixels.
        frames: T.
        focal_px: The focal length in pixels, where it is known.

    Returns:
        (T, 3, 3) intrinsics with the principal point at the image centre.
    """
    focal = float(np.hypot(width, height)) if focal_px is None else focal_px
    return np.repeat(intrinsics(focal, np.array([width / 2, height / 2])), frames, axis=0)


def intrinsics(focal: np.ndarray | float, centre: np.ndarray) -> np.ndarray:
    """(T, 3, 3) intrinsics from focal lengths (T,), (T, 2) or one number, and principal points (T, 2) or (2,)."""
    focal, centre = np.asarray(focal, dtype=np.float64), np.atleast_2d(np.asarray(centre, dtype=np.float64))
    focal = focal[..., None] if focal.ndim < 2 else focal
    frames = np.broadcast_shapes(np.atleast_2d(focal).shape[:1], centre.shape[:1])[0]
    K = np.zeros((frames, 3, 3))
    K[:, (0, 1), (0, 1)] = np.broadcast_to(focal, (frames, 2))
    K[:, (0, 1), (2, 2)] = centre
    K[:, 2, 2] = 1.0
    return K
