"""Synthetic rooms for `targets.rows`: 3D keypoints in a laboratory's frame, cameras, two people who cross."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lsmplify_refine.evaluate.targets.motion import Motion
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.camera import CalibratedCamera
from lsmplify_refine.values.conventions import CONVENTIONS

#: Pixels (width, height) of every camera's image.
IMAGE_SIZE = (1920, 1080)
#: R_to_from from the z-up world to a level camera that looks along its y.
_CAMERA_FROM_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def seen_in_room(motion: Motion, convention: str, *, noise_m: float, gaps: bool, seed: int = 0) -> np.ndarray:
    """3D keypoints (T, K, 3) in a laboratory's own frame, metres, y up; NaN where missing.

    With gaps, all points are missing in 15 frames and the left arm in 20 more; a tenth of the other points is missing.
    """
    generator = np.random.default_rng(seed)
    points: np.ndarray = motion.keypoints(convention) @ rotvec_to_rotmat([-1.4, 0.5, 2.0]).T + np.array(
        [3.0, 0.4, -2.0]
    )
    points += generator.normal(0, noise_m, points.shape)
    if gaps:
        points[generator.random(points.shape[:2]) < 0.1] = np.nan
        first = len(points) // 3
        points[first : first + 15] = np.nan
        names = CONVENTIONS[convention].points
        arm = [i for i, name in enumerate(names) if name in ("left_elbow", "left_wrist")]
        points[first + 20 : first + 40, arm] = np.nan
    return points


def crossing(one: Motion, other: Motion) -> tuple[Motion, Motion]:
    """Place two motions of one length before a level camera: two people who pass each other, 0.8 m apart."""
    path = np.linspace(-1.2, 1.2, len(one))
    placed = []
    for motion, direction, depth in ((one, 1.0, 4.6), (other, -1.0, 5.4)):
        seen = motion.moved(_CAMERA_FROM_Z_UP, np.zeros(3))
        away = np.stack([direction * path, 0 * path, depth + 0 * path], 1)
        placed.append(replace(seen, pelvis=seen.pelvis - seen.pelvis.mean(0) + away))
    return placed[0], placed[1]


def cameras_around(motion: Motion, distance_m: float = 4.0) -> dict[str, CalibratedCamera]:
    """Three cameras around the middle of a z-up motion's path: focal length 1500 px, with lens distortion."""
    middle = motion.keypoints("body25").reshape(-1, 3).mean(0)
    cameras = {}
    for name, degrees in (("01", -40.0), ("02", 20.0), ("03", 80.0)):
        angle = np.radians(degrees)
        centre = middle + distance_m * np.array([np.sin(angle), -np.cos(angle), 0.15])
        forward = (middle - centre) / np.linalg.norm(middle - centre)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward])
        K = np.array([[1500.0, 0, 960], [0, 1500.0, 540], [0, 0, 1]])
        cameras[name] = CalibratedCamera(name, K, R, -R @ centre, np.array([-0.1, 0.02, 0.001, -0.001, 0.0]))
    return cameras


def in_image(camera: CalibratedCamera, points: np.ndarray, *, noise_px: float, seed: int) -> np.ndarray:
    """Pixels (T, K, 2) of points (T, K, 3) with noise; NaN outside the image and behind the camera."""
    pixels = camera.project(points) + np.random.default_rng(seed).normal(0, noise_px, (*points.shape[:-1], 2))
    inside = ((pixels > 0) & (pixels < IMAGE_SIZE)).all(-1) & ((points @ camera.R.T + camera.t)[..., 2] > 0.1)
    return np.where(inside[..., None], pixels, np.nan)
