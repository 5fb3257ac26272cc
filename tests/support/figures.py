"""People whose motion is hard to export: they turn around, lie down, bend far, and stand on the floor."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from lsmplify_refine.values.smpl_joints import joint_index

FPS = 30.0
#: A tall and heavy person, and a short one.
SHAPES = (BodyShape(np.array([2.0, 1.5, -1.0, 0.5]), 1.04), BodyShape(np.array([-2.0, -1.0, 0.5]), 0.95))


def acrobat(frames: int = 90, family: str = "smpl") -> Estimate:
    """Two turns about the vertical, a fall onto the back, deep knees and elbows, arms around; world with y up."""
    time = np.linspace(0.0, 1.0, frames)
    heading = rotvec_to_rotmat(np.stack([0 * time, 4 * np.pi * time, 0 * time], 1))
    lying = rotvec_to_rotmat(np.stack([-np.pi / 2 * np.clip(2 * time - 1, 0, 1), 0 * time, 0 * time], 1))
    joints = 23 if family == "smpl" else 21
    pose = np.random.default_rng(5).normal(0, 0.05, (1, joints, 3)).repeat(frames, 0)
    swing = np.sin(2 * np.pi * time)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[:, joint_index(f"{side}_knee") - 1, 0] += 1.15 + 1.1 * swing
        pose[:, joint_index(f"{side}_hip") - 1, 0] -= 0.9 + 0.9 * swing
        pose[:, joint_index(f"{side}_elbow") - 1, 1] -= sign * (1.2 + 1.1 * swing)
        pose[:, joint_index(f"{side}_shoulder") - 1, 2] += sign * 1.5 * swing
    orient = rotmat_to_rotvec(heading @ lying)
    path = np.stack([0.5 * time, 0.95 - 0.6 * np.clip(2 * time - 1, 0, 1), 0 * time], 1)
    return _estimate(family, orient, pose, path)


def stander(frames: int = 20, family: str = "smpl", *, height: float = 0.9, **more: Any) -> Estimate:
    """Someone who stands still, arms down, with the pelvis at some height; world with y up."""
    pose = np.zeros((frames, 23 if family == "smpl" else 21, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[:, joint_index(f"{side}_shoulder") - 1, 2] = -sign * 1.2
    path = np.tile([0.3, height, -0.2], (frames, 1))
    return _estimate(family, np.zeros((frames, 3)), pose, path, **more)


def height_on_floor(body: BodyModel, shape: BodyShape) -> float:
    """Height of the pelvis above the soles of a body that stands, metres."""
    return -float(body.rest_mesh(shape.betas, shape.scale)[0][:, 1].min())


def true_joints(estimate: Estimate, body: BodyModel, shape: BodyShape) -> np.ndarray:
    """Joints (T, J, 3) in metres from the pelvis, in the estimate's world."""
    assert estimate.world is not None
    frames = len(estimate)
    rotvec = np.zeros((frames, body.joint_count, 3))
    rotvec[:, 0] = estimate.world.global_orient
    shared = min(estimate.body_pose.shape[1], body.joint_count - 1)
    rotvec[:, 1 : 1 + shared] = estimate.body_pose[:, :shared]
    rotations = rotvec_to_rotmat(rotvec).astype(np.float32)
    return body.joints(rotations, np.zeros((frames, 3), np.float32), shape.betas, shape.scale)


def _estimate(family: Any, orient: np.ndarray, pose: np.ndarray, path: np.ndarray, **more: Any) -> Estimate:
    transl = path - MEAN_REST_PELVIS[family]
    fields: dict[str, Any] = {"world": WorldRoot(orient, transl, "y"), "fps": FPS} | more
    return Estimate(
        family=family,
        gender="neutral",
        global_orient=orient,
        body_pose=pose,
        betas=np.zeros((len(pose), 10)),
        transl=transl,
        frame="world",
        **fields,
    )
