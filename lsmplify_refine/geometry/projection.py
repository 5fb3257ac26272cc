"""Pinhole projection and intrinsics.

Pixels are the full image's. A ray is a point's normalised image coordinates (x / z, y / z); the camera looks along z.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

#: Points nearer than this are projected as if they were this far away, metres.
_MIN_DEPTH_M = 0.1
#: A camera that leaves more than this between a point and its pixel is not the camera, pixels.
_MAX_MISFIT_PX = 1.0
#: One camera serves all frames if it leaves less than this, pixels.
_SAME_CAMERA_PX = 0.01


def project_to_image(
    points: Float[np.ndarray, "frames points 3"], K: Float[np.ndarray, "frames 3 3"]
) -> Float[np.ndarray, "frames points 2"]:
    """Pixels of points in the camera frame, under intrinsics K."""
    image: np.ndarray = np.einsum("tij,tnj->tni", K, points)
    pixels: np.ndarray = image[..., :2] / np.maximum(image[..., 2:], 1e-6)
    return pixels


def pixels_to_rays(
    pixels: Float[np.ndarray, "frames points 2"], K: Float[np.ndarray, "frames 3 3"]
) -> Float[np.ndarray, "frames points 2"]:
    """Rays of pixels, under intrinsics K."""
    homogeneous = np.concatenate([pixels, np.ones((*pixels.shape[:-1], 1))], -1)
    rays: np.ndarray = np.einsum("tij,tkj->tki", np.linalg.inv(K.astype(np.float64)), homogeneous)
    return rays[..., :2]


def points_to_rays(points: Float[Tensor, "*batch 3"]) -> tuple[Float[Tensor, "*batch 2"], Float[Tensor, "*batch 1"]]:
    """Rays of points in the camera frame, and their depth, metres."""
    depth = points[..., 2:].clamp(min=_MIN_DEPTH_M)
    return points[..., :2] / depth, depth


def intrinsics(
    focal: Float[np.ndarray, "*frames_or_pairs"] | float, centre: Float[np.ndarray, "*centres 2"]
) -> Float[np.ndarray, "frames 3 3"]:
    """(T, 3, 3) intrinsics from focal lengths (T,), (T, 2) or one number, and principal points (T, 2) or (2,)."""
    focal, centre = np.asarray(focal, dtype=np.float64), np.atleast_2d(np.asarray(centre, dtype=np.float64))
    focal = focal[..., None] if focal.ndim < 2 else focal
    frames = np.broadcast_shapes(np.atleast_2d(focal).shape[:1], centre.shape[:1])[0]
    K = np.zeros((frames, 3, 3))
    K[:, (0, 1), (0, 1)] = np.broadcast_to(focal, (frames, 2))
    K[:, (0, 1), (2, 2)] = centre
    K[:, 2, 2] = 1.0
    return K


def intrinsics_from_pixels(
    points: Float[np.ndarray, "points 3"], pixels: Float[np.ndarray, "points 2"]
) -> Float[np.ndarray, "1 3 3"] | None:
    """Intrinsics of one focal length that project points (metres) onto their pixels, by linear least squares.

    Points that are not finite or not before the camera do not count. None if the points decide no camera.
    """
    usable = np.isfinite(points).all(-1) & np.isfinite(pixels).all(-1) & (np.nan_to_num(points[:, 2]) > _MIN_DEPTH_M)
    rays, seen = points[usable, :2].astype(np.float64) / points[usable, 2:], pixels[usable].astype(np.float64)
    if len(rays) < 3:
        return None
    ones, zeros = np.ones(len(rays)), np.zeros(len(rays))
    rows = [np.stack([rays[:, 0], ones, zeros], 1), np.stack([rays[:, 1], zeros, ones], 1)]
    (focal, cx, cy), _, rank, _ = np.linalg.lstsq(np.concatenate(rows), seen.T.reshape(-1), rcond=None)
    if rank < 3 or not np.isfinite([focal, cx, cy]).all() or focal <= 0:
        return None
    return intrinsics(float(focal), np.array([cx, cy]))


def intrinsics_of_rows(
    frames: Int[np.ndarray, " rows"],
    points: Float[np.ndarray, "rows points 3"],
    pixels: Float[np.ndarray, "rows points 2"],
) -> Float[np.ndarray, "rows 3 3"] | None:
    """Intrinsics that project the points of each row onto their pixels: one K if it fits all rows, else one per frame.

    Args:
        frames: Frame of each row; the people of a frame share its camera.
        points: In the camera frame, metres.
        pixels: Of the full image.

    Returns:
        None if a frame has no camera that fits.
    """
    common = _fitted(points, pixels)
    if common is not None and _misfit_px(points, pixels, common) < _SAME_CAMERA_PX:
        return np.repeat(common, len(frames), axis=0)
    K = np.zeros((len(frames), 3, 3))
    for frame in np.unique(frames):
        here = frames == frame
        own = _fitted(points[here], pixels[here])
        if own is None or _misfit_px(points[here], pixels[here], own) > _MAX_MISFIT_PX:
            return None
        K[here] = own
    return K


def _fitted(
    points: Float[np.ndarray, "rows points 3"], pixels: Float[np.ndarray, "rows points 2"]
) -> Float[np.ndarray, "1 3 3"] | None:
    return intrinsics_from_pixels(points.reshape(-1, 3), pixels.reshape(-1, 2))


def _misfit_px(
    points: Float[np.ndarray, "rows points 3"],
    pixels: Float[np.ndarray, "rows points 2"],
    K: Float[np.ndarray, "1 3 3"],
) -> float:
    """Max distance along an image axis between projected points and their pixels; NaN does not count."""
    projected = project_to_image(points, np.repeat(K, len(points), axis=0))
    return float(np.nanmax(np.abs(projected - pixels)))


def default_intrinsics(
    width: float, height: float, frames: int, focal_px: float | None = None
) -> Float[np.ndarray, "frames 3 3"]:
    """GVHMR's rule where the intrinsics are unknown: the focal length is the image diagonal.

    Args:
        width: Image width, pixels.
        height: Image height, pixels.
        frames: T.
        focal_px: The focal length in pixels, if it is known.

    Returns:
        (T, 3, 3) intrinsics with the principal point at the image centre.
    """
    focal = float(np.hypot(width, height)) if focal_px is None else focal_px
    return np.repeat(intrinsics(focal, np.array([width / 2, height / 2])), frames, axis=0)
