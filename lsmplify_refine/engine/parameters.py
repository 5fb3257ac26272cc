"""Parameters: SMPL's axis-angle vectors to the solver's pose on a body, and back."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from lsmplify_refine.geometry.rotations import nearest_rotvec, rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.options import Family
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.values.smpl_joints import BODY_JOINTS


def to_pose(
    global_orient: Float[np.ndarray, "frames 3"],
    body_pose: Float[np.ndarray, "frames joints 3"],
    pelvis: Float[np.ndarray, "frames 3"],
    joint_count: int,
) -> Pose:
    """Parameters on another body: shared joints are copied, the others are at rest.

    Args:
        global_orient: Axis-angle of the root.
        body_pose: Axis-angle of the family's joints.
        pelvis: Position of the pelvis joint, metres.
        joint_count: Joints of the other body, root included.
    """
    rotvec = np.zeros((len(global_orient), joint_count, 3))
    shared = min(body_pose.shape[1], joint_count - 1)
    rotvec[:, 0] = global_orient
    rotvec[:, 1 : 1 + shared] = body_pose[:, :shared]
    return Pose(torch.as_tensor(rotvec_to_rotmat(rotvec)).float(), torch.as_tensor(pelvis).float())


def from_pose(
    pose: Pose, family: Family, near: Float[np.ndarray, "frames all_joints 3"] | None = None
) -> Float[np.ndarray, "frames all_joints 3"]:
    """Rotation vectors of the family's root and body joints; joints that the pose lacks are at rest.

    Args:
        pose: On any body.
        family: The family of the wanted joints.
        near: Of equivalent vectors, the result is the one nearest to this.
    """
    rotations = pose.rotations.cpu().double().numpy()
    joints = 1 + BODY_JOINTS[family]
    rotvec = np.zeros((len(rotations), joints, 3))
    shared = rotations[:, :joints]
    count = shared.shape[1]
    rotvec[:, :count] = rotmat_to_rotvec(shared) if near is None else nearest_rotvec(shared, near[:, :count])
    return rotvec
