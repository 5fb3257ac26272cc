"""How far a pose bends joints beyond where people's joints go."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.frames import rotmat_to_rotvec

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


def implausible_angle(rotations: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Total angle beyond the joints' ranges, per frame.

    Args:
        rotations: (T, J, 3, 3) parent-relative rotations in SMPL joint order.

    Returns:
        (T,) radians, 0 where every joint is within its range; and the name of the worst joint per frame.
    """
    joints = np.array(list(_LARGEST_ANGLE_DEG))
    names = [name for name, _ in _LARGEST_ANGLE_DEG.values()]
    largest = np.radians([angle for _, angle in _LARGEST_ANGLE_DEG.values()])
    rotvec = rotmat_to_rotvec(rotations[:, joints])
    beyond = np.maximum(np.linalg.norm(rotvec, axis=-1) - largest, 0.0)
    for joint, (axis, sign) in _HINGES.items():
        column = int(np.flatnonzero(joints == joint)[0])
        beyond[:, column] += np.maximum(-sign * rotvec[:, column, axis] - _OVERSTRETCH_RAD, 0.0)
    return beyond.sum(1), [names[i] for i in beyond.argmax(1)]
