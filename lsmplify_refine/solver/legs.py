"""Legs: the chains from the pelvis to the feet of all frames at once, and how turning their joints moves them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.smpl_joints import joint_indices

_HIPS = joint_indices("left_hip", "right_hip")
_KNEES = joint_indices("left_knee", "right_knee")
_ANKLES = joint_indices("left_ankle", "right_ankle")
_FEET = joint_indices("left_foot", "right_foot")
#: The chain, by level, left and right; the joints of the first three levels turn.
_LEVELS = (_HIPS, _KNEES, _ANKLES, _FEET)
#: The joints that turn.
LEG_JOINTS = (*_HIPS, *_KNEES, *_ANKLES)
#: What turns, as level and axis of the parent: the hip about all three, the knee as a hinge, the ankle up and down and
#: sideways. Turning the foot about its own length moves neither of its joints.
_TURNS = ((0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1))
#: Unknowns of one leg.
TURNS = len(_TURNS)


@dataclass(frozen=True)
class PosedLegs:
    """Both legs of a posed body, relative to its pelvis and in the axes of its root's parent.

    Attributes:
        points: Knees, ankles and feet (the toes' joints), left and right, metres.
        pivots: What they turn about: hips, knees and ankles.
        axes: Axes of the parents of hips, knees and ankles, as columns.
    """

    points: Float[np.ndarray, "frames 3 2 3"]
    pivots: Float[np.ndarray, "frames 3 2 3"]
    axes: Float[np.ndarray, "frames 3 2 3 3"]

    @property
    def feet(self) -> Float[np.ndarray, "frames 4 3"]:
        """Ankles and feet, in the order of `smpl_joints.FEET`."""
        return self.points[:, 1:].reshape(len(self.points), 4, 3)

    def jacobian(self) -> Float[np.ndarray, "frames 3 2 3 turns"]:
        """How each coordinate of each point moves with the turns of its leg, metres per radian."""
        moved = np.zeros((*self.points.shape, TURNS))
        for turn, (level, axis) in enumerate(_TURNS):
            arms = self.points[:, level:] - self.pivots[:, level, None]
            moved[:, level:, ..., turn] = np.cross(self.axes[:, level, None, :, :, axis], arms)
        return moved


def pose_legs(
    rest_joints: Float[np.ndarray, "joints 3"], rotations: Float[np.ndarray, "frames joints 3 3"]
) -> PosedLegs:
    """Pose both legs.

    Args:
        rest_joints: Rest joints relative to the pelvis, metres.
        rotations: Parent-relative rotations; joint 0 is the root.
    """
    axes = np.repeat(rotations[:, None, 0], 2, 1)
    joint = (axes @ rest_joints[list(_HIPS), :, None])[..., 0]
    points, pivots, parents = [], [joint], [axes]
    for level, below in pairwise(_LEVELS):
        axes = axes @ rotations[:, level]
        bones = rest_joints[list(below)] - rest_joints[list(level)]
        joint = joint + (axes @ bones[..., None])[..., 0]
        points.append(joint)
        pivots.append(joint)
        parents.append(axes)
    return PosedLegs(*(np.stack(parts, 1) for parts in (points, pivots[:3], parents[:3])))


def turn_legs(
    rotations: Float[np.ndarray, "frames joints 3 3"], turns: Float[np.ndarray, "frames 2 turns"]
) -> Float[np.ndarray, "frames joints 3 3"]:
    """Turn the joints of both legs (left, right), radians; legs that do not turn keep their bits."""
    rotvec = np.zeros((len(turns), 3, 2, 3))
    for turn, (level, axis) in enumerate(_TURNS):
        rotvec[:, level, :, axis] = turns[:, :, turn]
    turned: np.ndarray = rotations.copy()
    moved = (turns != 0).any((1, 2))
    joints = np.ix_(moved, LEG_JOINTS)
    turned[joints] = rotvec_to_rotmat(rotvec[moved].reshape(-1, len(LEG_JOINTS), 3)) @ rotations[joints]
    return turned
