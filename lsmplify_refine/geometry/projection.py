"""Pinhole projection and intrinsics."""

from __future__ import annotations

import numpy as np


def project_to_image(points: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Pixels (T, N, 2) of camera-frame points (T, N, 3) under intrinsics (T, 3, 3)."""
    image = np.einsum("tij,tnj->tni", K, points)
    return image[..., :2] / np.maximum(image[..., 2:], 1e-6)


def default_intrinsics(width: int, height: int, frames: int, focal_px: float | None = None) -> np.ndarray:
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
    K = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    return np.repeat(K[None], frames, axis=0)


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
