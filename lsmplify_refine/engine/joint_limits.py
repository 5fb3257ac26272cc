"""Joint limits: how far a pose bends joints beyond the human range."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from lsmplify_refine.geometry.rotations import rotmat_to_rotvec
from lsmplify_refine.values.smpl_joints import HINGES, JOINT_NAMES

#: Max angle from rest, degrees. Rounded up from the extremes of everyday and sports motion capture.
_MAX_ANGLE_DEG = {
    "hip": 140,
    "knee": 160,
    "ankle": 75,
    "spine1": 80,
    "spine2": 45,
    "spine3": 45,
    "neck": 65,
    "head": 65,
    "collar": 50,
    "shoulder": 165,
    "elbow": 160,
}
_SPINE_IN_WORDS = {"spine1": "lower spine", "spine2": "middle spine", "spine3": "upper spine"}
#: Joints that have a limit, and the limits, radians.
_JOINTS = [joint for joint, name in enumerate(JOINT_NAMES) if name.split("_")[-1] in _MAX_ANGLE_DEG]
_MAX_ANGLE_RAD = np.radians([_MAX_ANGLE_DEG[JOINT_NAMES[joint].split("_")[-1]] for joint in _JOINTS])
#: Max hyperextension of a hinge joint.
_OVERSTRETCH_RAD = np.radians(10.0)


def beyond_range(rotations: Float[np.ndarray, "frames joints 3 3"]) -> Float[np.ndarray, "frames joints"]:
    """How far each joint is bent beyond its range.

    Args:
        rotations: Parent-relative rotations in SMPL joint order.

    Returns:
        Radians; 0 within the range and for joints without one.
    """
    rotvec = rotmat_to_rotvec(rotations[:, _JOINTS])
    beyond = np.zeros(rotations.shape[:2])
    beyond[:, _JOINTS] = np.maximum(np.linalg.norm(rotvec, axis=-1) - _MAX_ANGLE_RAD, 0.0)
    for joint, axis, sign in HINGES:
        overstretch = -sign * rotvec[:, _JOINTS.index(joint), axis] - _OVERSTRETCH_RAD
        beyond[:, joint] += np.maximum(overstretch, 0.0)
    return beyond


def joint_name(joint: int) -> str:
    """Readable name of a joint."""
    name = JOINT_NAMES[joint]
    return _SPINE_IN_WORDS.get(name, name.replace("_", " "))
