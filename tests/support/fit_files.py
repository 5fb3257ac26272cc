"""Files of keypoints alone, for `fit`: the motion of `scenes` in any room, and what a camera sees of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.geometry.projection import default_intrinsics, project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.scenes import open_body, true_motion

SIZE = (640, 360)
#: `R_z_up_camera`: a camera's axes (x right, y down, z away) to a room with z up.
Z_UP_FROM_CAMERA = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def true_points(convention: str, frames: int) -> np.ndarray:
    """(T, K, 3) in metres, in a camera's axes."""
    pose, pelvis = true_motion(frames)
    return open_body().keypoints(convention, rotvec_to_rotmat(pose), pelvis, np.zeros(10))


def true_joints(frames: int) -> np.ndarray:
    """(T, 24, 3) in metres, in a camera's axes."""
    pose, pelvis = true_motion(frames)
    return open_body().joints(rotvec_to_rotmat(pose), pelvis, np.zeros(10))


def write_room(path: Path, convention: str = "body25", frames: int = 30, people: int = 1, **more: Any) -> Path:
    """A plain npz of people side by side in millimetres with z up, 5 mm of noise."""
    beside = np.array([2.0, 0, 0])
    points = np.stack([true_points(convention, frames) + person * beside for person in range(people)])
    points = points + np.random.default_rng(0).normal(0, 0.005, points.shape)
    positions = points @ Z_UP_FROM_CAMERA.T * 1000
    if people == 1:
        np.savez(path, convention=convention, positions=positions[0], **more)
    else:
        ids = np.array([f"p{person}" for person in range(people)])
        np.savez(path, convention=convention, positions=positions, people=ids, **more)
    return path


def write_image(path: Path, convention: str = "coco17", frames: int = 8, **more: Any) -> Path:
    """A plain npz of one person in the pixels of a camera of `SIZE`, 1 px of noise."""
    pixels = project_to_image(true_points(convention, frames), default_intrinsics(*SIZE, frames))
    pixels = pixels + np.random.default_rng(0).normal(0, 1, pixels.shape)
    np.savez(path, convention=convention, positions=pixels, **more)
    return path
