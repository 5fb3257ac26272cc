"""Recover camera poses from a posed body in world coordinates and its 2D keypoints.

Files made by the widely copied Blender snippet hold the person in world coordinates only. Key views are solved by
robust PnP over a short window of frames. The camera moves slowly, so the window's points are pooled to compensate for
approximate body proportions. Then all frames are solved together: robust reprojection error, plus a prior that camera
rotation and position change smoothly. The prior also bridges frames without keypoints.
"""

from __future__ import annotations

import cv2
import numpy as np
import scipy.linalg
from jaxtyping import Float
from scipy.spatial.transform import Rotation, Slerp

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.keypoints import Keypoints

#: Keypoints below this confidence count as missing.
_MIN_CONFIDENCE = 0.3
#: Pooling window and spacing of key views, seconds.
_WINDOW_SECONDS = 0.3
#: Min number of points for a key view.
_MIN_POINTS = 12
#: Inlier distance of RANSAC and scale of the robust error, as a share of the focal length.
_INLIER_FOCALS, _ROBUST_FOCALS = 0.03, 0.01
#: Motion of a camera (one sigma): angular acceleration rad/s^2 and acceleration m/s^2.
_ROTATION_ACCELERATION, _ACCELERATION = 0.5, 1.0
#: Its speed (weak: keeps gaps at the ends from running away), rad/s and m/s.
_ROTATION_SPEED, _SPEED = 2.0, 4.0
#: The frame rate at which the constants above were chosen.
_TUNED_AT_FPS = 30.0
#: Rotation vector and translation of a camera, as OpenCV gives them: (3, 1) each.
_View = tuple[Float[np.ndarray, "3 1"], Float[np.ndarray, "3 1"]]
_ITERATIONS = 30
_MIN_DEPTH_M = 0.1


def recover_camera(
    points: Float[np.ndarray, "frames points 3"], keypoints: Keypoints, K: Float[np.ndarray, "frames 3 3"], fps: float
) -> tuple[Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames 3"]]:
    """The camera pose of every frame.

    Args:
        points: (T, K, 3) the posed body's keypoints, world coordinates in metres, in their convention.
        keypoints: The 2D keypoints, pixels.
        K: (T, 3, 3) intrinsics.
        fps: Frames per second.

    Returns:
        `R_camera_world` (T, 3, 3) and `t_camera_world` (T, 3): x_camera = R x_world + t.

    Raises:
        InputError: Lengths differ, the keypoints are not 2D, or too few of them are confident.
    """
    if keypoints.positions.shape != (*points.shape[:2], 2):
        raise InputError(
            f"keypoints of shape {keypoints.positions.shape} cannot place the camera of {len(points)} frames "
            f"with {points.shape[1]} points; 2D keypoints of every frame are needed"
        )
    seen = (keypoints.confidence >= _MIN_CONFIDENCE) & np.isfinite(keypoints.positions).all(axis=-1)
    # weights are per second, like the prior: a higher frame rate adds no weight
    weights = np.where(seen, keypoints.confidence, 0.0) * (_TUNED_AT_FPS / fps)
    # normalised image coordinates do not depend on the intrinsics
    image = np.where(seen[..., None], keypoints.positions, 0.0).astype(np.float64)
    rays = (image - K[:, None, :2, 2]) / K[:, None, (0, 1), (0, 1)]
    points = points.astype(np.float64)
    rotation, centre = _key_views(points, rays, weights, fps)
    rotation, centre = _solve_all(points, rays, weights, fps, rotation, centre)
    return rotation, -np.einsum("tij,tj->ti", rotation, centre)


def _key_views(
    points: Float[np.ndarray, "frames points 3"],
    rays: Float[np.ndarray, "frames points 2"],
    weights: Float[np.ndarray, "frames points"],
    fps: float,
) -> tuple[Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames 3"]]:
    """Rotation and centre of every frame, interpolated between robustly solved key views."""
    frames = len(points)
    window = max(1, round(_WINDOW_SECONDS * fps))
    times, rotvecs, translations = [], [], []
    previous: _View | None = None
    for start in range(0, frames, window):
        used = weights[start : start + window] > 0
        world, image = points[start : start + window][used], rays[start : start + window][used]
        if len(world) < _MIN_POINTS:
            continue
        view = _best_view(world, image, previous)
        if view is not None:
            previous = view
            times.append(start + (min(window, frames - start) - 1) / 2)
            rotvecs.append(view[0].ravel())
            translations.append(view[1].ravel())
    if not times:
        raise InputError(
            "too few confident keypoints to recover the camera; give better keypoints, or a result with "
            "camera-frame parameters"
        )
    turns = Rotation.from_rotvec(np.array(rotvecs))
    centres = -turns.inv().apply(np.array(translations))
    if len(times) == 1:
        return np.repeat(turns.as_matrix(), frames, axis=0), np.repeat(centres, frames, axis=0)
    inside = np.clip(np.arange(frames), times[0], times[-1])
    rotation = Slerp(times, turns)(inside).as_matrix()
    centre = np.stack([np.interp(inside, times, centres[:, axis]) for axis in range(3)], axis=1)
    return rotation, centre


def _best_view(
    world: Float[np.ndarray, "points 3"], image: Float[np.ndarray, "points 2"], previous: _View | None
) -> _View | None:
    """The better of a fresh RANSAC solution and the previous view refined."""
    eye, no_distortion = np.eye(3), np.zeros(4)
    candidates: list[_View] = []
    found, rotvec, translation, inliers = cv2.solvePnPRansac(
        world, image, eye, no_distortion,
        iterationsCount=300, reprojectionError=_INLIER_FOCALS, flags=cv2.SOLVEPNP_SQPNP,
    )  # fmt: skip
    if found and inliers is not None and len(inliers) >= _MIN_POINTS // 2:
        chosen = inliers.ravel()
        candidates.append(cv2.solvePnPRefineLM(world[chosen], image[chosen], eye, no_distortion, rotvec, translation))
    if previous is not None:
        candidates.append(previous)
        near = np.linalg.norm(_rays_from(world, previous) - image, axis=1) < 2 * _INLIER_FOCALS
        if near.sum() >= _MIN_POINTS // 2:
            start = previous[0].copy(), previous[1].copy()
            candidates.append(cv2.solvePnPRefineLM(world[near], image[near], eye, no_distortion, *start))

    def cost(view: _View) -> float:
        error = np.linalg.norm(_rays_from(world, view) - image, axis=1)
        return float(np.minimum(error, _INLIER_FOCALS).mean())

    return min(candidates, key=cost) if candidates else None


def _rays_from(world: Float[np.ndarray, "points 3"], view: _View) -> Float[np.ndarray, "points 2"]:
    """Rays of world points; 1e6 for points behind the camera."""
    local = Rotation.from_rotvec(view[0].ravel()).apply(world) + view[1].ravel()
    depth = np.where(local[:, 2:] > _MIN_DEPTH_M, local[:, 2:], np.nan)
    rays: np.ndarray = np.nan_to_num(local[:, :2] / depth, nan=1e6)
    return rays


def _solve_all(
    points: Float[np.ndarray, "frames points 3"],
    rays: Float[np.ndarray, "frames points 2"],
    weights: Float[np.ndarray, "frames points"],
    fps: float,
    rotation: Float[np.ndarray, "frames 3 3"],
    centre: Float[np.ndarray, "frames 3"],
) -> tuple[Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames 3"]]:
    """Levenberg-Marquardt over all frames: robust reprojection plus smooth motion, in time linear in T.

    Unknown per frame: w in R <- exp(w) R, and the step of the centre C, where x_camera = R (x - C).
    """
    smoothness = _smoothness_matrix(len(points), fps)
    damping = 1e-3
    cost, diagonal, gradient = _normal_equations(points, rays, weights, rotation, centre, smoothness)
    for _ in range(_ITERATIONS):
        step = _banded_step(diagonal, smoothness, gradient, damping)
        new_rotation = Rotation.from_rotvec(step[:, :3]).as_matrix() @ rotation
        new_centre = centre + step[:, 3:]
        trial = _normal_equations(points, rays, weights, new_rotation, new_centre, smoothness)
        if trial[0] >= cost:
            damping *= 10
            if damping > 1e6:
                break
            continue
        converged = cost - trial[0] < 1e-6 * cost
        (cost, diagonal, gradient), rotation, centre = trial, new_rotation, new_centre
        damping = max(damping / 10, 1e-9)
        if converged:
            break
    return rotation, centre


def _smoothness_matrix(frames: int, fps: float) -> Float[np.ndarray, "2 3 frames"]:
    """Upper bands (distance 2, 1, 0) of the prior for a rotation and for a centre coordinate."""
    bands = np.zeros((2, 3, frames))
    sigmas = ((_ROTATION_SPEED, _ROTATION_ACCELERATION), (_SPEED, _ACCELERATION))
    for bank, (speed, acceleration) in zip(bands, sigmas):
        stencils = (((-1.0, 1.0), fps / speed), ((1.0, -2.0, 1.0), fps**2 / acceleration))
        for stencil, scale in stencils:
            # the prior is a rate per second, so more frames do not weigh more
            weight = scale**2 / fps
            for i, a in enumerate(stencil):
                for j in range(i, len(stencil)):
                    rows = slice(j, frames - len(stencil) + 1 + j) if frames >= len(stencil) else slice(0, 0)
                    bank[2 - (j - i), rows] += weight * a * stencil[j]
    return bands


def _banded_product(
    bands: Float[np.ndarray, "3 frames"], x: Float[np.ndarray, "frames columns"]
) -> Float[np.ndarray, "frames columns"]:
    """The symmetric banded matrix times x."""
    product: np.ndarray = bands[2, :, None] * x
    for distance in (1, 2):
        band = bands[2 - distance, distance:, None]
        product[:-distance] += band * x[distance:]
        product[distance:] += band * x[:-distance]
    return product


def _normal_equations(
    points: Float[np.ndarray, "frames points 3"],
    rays: Float[np.ndarray, "frames points 2"],
    weights: Float[np.ndarray, "frames points"],
    rotation: Float[np.ndarray, "frames 3 3"],
    centre: Float[np.ndarray, "frames 3"],
    smoothness: Float[np.ndarray, "2 3 frames"],
) -> tuple[float, Float[np.ndarray, "frames 6 6"], Float[np.ndarray, "frames 6"]]:
    """Cost, the data blocks of the Gauss-Newton matrix, and the descent direction."""
    local = np.einsum("tij,tkj->tki", rotation, points - centre[:, None])
    depth = np.maximum(local[..., 2], _MIN_DEPTH_M)
    image = local[..., :2] / depth[..., None]
    error = (image - rays) / _ROBUST_FOCALS
    squared = (error**2).sum(axis=-1)
    # Cauchy kernel: tolerates far outliers, and small errors everywhere from wrong body proportions
    cost = 0.5 * float((weights * np.log1p(squared)).sum())
    influence = weights / (1 + squared)

    by_point = np.zeros((*local.shape[:2], 2, 3))
    by_point[..., 0, 0] = by_point[..., 1, 1] = 1 / depth
    by_point[..., 2] = -image / depth[..., None]
    by_point /= _ROBUST_FOCALS
    x, y, z = np.moveaxis(local, -1, 0)
    zero = np.zeros_like(x)
    turn = np.stack([zero, z, -y, -z, zero, x, y, -x, zero], axis=-1).reshape(*local.shape[:2], 3, 3)
    shift = np.broadcast_to(-rotation[:, None], turn.shape)
    jacobian = by_point @ np.concatenate([turn, shift], axis=-1)
    weighted = jacobian * influence[..., None, None]
    blocks = np.einsum("tkei,tkej->tij", weighted, jacobian)
    descent = -np.einsum("tkei,tke->ti", weighted, error)

    # the rotation's path is the sum of its steps; the prior ignores a constant
    steps = Rotation.from_matrix(rotation[1:] @ rotation[:-1].swapaxes(1, 2)).as_rotvec()
    turned = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    for bands, path, columns in ((smoothness[0], turned, slice(0, 3)), (smoothness[1], centre, slice(3, 6))):
        force = _banded_product(bands, path)
        cost += 0.5 * float((path * force).sum())
        descent[:, columns] -= force
    return cost, blocks, descent


def _banded_step(
    blocks: Float[np.ndarray, "frames 6 6"],
    smoothness: Float[np.ndarray, "2 3 frames"],
    descent: Float[np.ndarray, "frames 6"],
    damping: float,
) -> Float[np.ndarray, "frames 6"]:
    """The Levenberg-Marquardt step."""
    frames = len(blocks)
    bands = np.zeros((13, 6 * frames))
    for i in range(6):
        for j in range(i, 6):
            bands[12 - (j - i), j::6] = blocks[:, i, j]
        for distance in range(3):
            bands[12 - 6 * distance, i::6] += smoothness[i // 3, 2 - distance]
    bands[12] = bands[12] * (1 + damping) + 1e-9
    step: np.ndarray = scipy.linalg.solveh_banded(bands, descent.ravel()).reshape(frames, 6)
    return step
