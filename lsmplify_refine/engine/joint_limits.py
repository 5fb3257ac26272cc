"""How far a pose bends joints beyond where people's joints go."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.geometry.rotations import rotmat_to_rotvec

#: Joint -> (name, largest angle in degrees). Rounded up from the extremes of everyday and sports motion capture.
_LARGEST_ANGLE_DEG: dict[int, tuple[str, float]] = {
    1: ("left hip", 140),
    2: ("right hip", 140),
    3: ("lower spine", 80),
    4: ("left knee", 160),
    5: ("right knee", 160),
    6: ("middle spine", 45),
    7: ("left ankle", 75),
    8: ("right ankle", 75),
    9: ("upper spine", 45),
    12: ("neck", 65),
    13: ("left collar", 50),
    14: ("right collar", 50),
    15: ("head", 65),
    16: ("left shoulder", 165),
    17: ("right shoulder", 165),
    18: ("left elbow", 160),
    19: ("right elbow", 160),
}
#: Hinges -> (axis, sign): the rotation vector's component that must not go below the slack (no overstretching).
_HINGES: dict[int, tuple[int, float]] = {4: (0, 1.0), 5: (0, 1.0), 18: (1, -1.0), 19: (1, 1.0)}
_OVERSTRETCH_RAD = np.radians(10.0)


def beyond_range(rotations: np.ndarray) -> np.ndarray:
    """How far each joint is bent beyond its range.

    Args:
        rotations: (T, J, 3, 3) parent-relative rotations in SMPL joint order.

    Returns:
        (T, J) radians, 0 within the range and for joints without one.
    """
    joints = list(_LARGEST_ANGLE_DEG)
    largest = np.radians([angle for _, angle in _LARGEST_ANGLE_DEG.values()])
    rotvec = rotmat_to_rotvec(rotations[:, joints])
    beyond = np.zeros(rotations.shape[:2])
    beyond[:, joints] = np.maximum(np.linalg.norm(rotvec, axis=-1) - largest, 0.0)
    for joint, (axis, sign) in _HINGES.items():
        overstretch = -sign * rotvec[:, joints.index(joint), axis] - _OVERSTRETCH_RAD
        beyond[:, joint] += np.maximum(overstretch, 0.0)
    return beyond


def joint_name(joint: int) -> str:
    """A joint with a range, in words."""
    return _LARGEST_ANGLE_DEG[joint][0]
