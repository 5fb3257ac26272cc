"""The joints of SMPL, in the order of every SMPL-family pose: names, tree, left and right, limbs, hinges."""

from __future__ import annotations

from lsmplify_refine.options import Family
from lsmplify_refine.values.conventions import SMPL24

#: The root and 21 body joints, which all families share.
JOINTS = 22
#: Joints of `body_pose` (without the root) in each family.
BODY_JOINTS: dict[Family, int] = {"smpl": 23, "smplh": 21, "smplx": 21}
#: Finger joints of each hand in SMPL-H and SMPL-X: index, middle, pinky, ring, thumb, three each from the knuckle on.
HAND_JOINTS = 15
#: Names of SMPL's 24 joints; SMPL-H and SMPL-X share the first 22.
JOINT_NAMES = SMPL24.points
#: Parent of each of the 24 joints, -1 for the root; parents come before children.
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
#: For each of the 22 joints its left-right partner (itself on the midline).
MIRROR = SMPL24.mirror[:JOINTS]


def joint_index(name: str) -> int:
    """Index of a joint in a pose."""
    return JOINT_NAMES.index(name)


def joint_indices(*names: str) -> tuple[int, ...]:
    """Indices of several joints in a pose."""
    return tuple(joint_index(name) for name in names)


WRISTS = joint_indices("left_wrist", "right_wrist")
SPINE = joint_indices("spine1", "spine2", "spine3")
#: The fast ends of arms and legs; their speed is the amplitude metric.
WRISTS_AND_ANKLES = joint_indices("left_wrist", "right_wrist", "left_ankle", "right_ankle")
#: Ankles and feet: the lowest of them touches the ground.
FEET = joint_indices("left_ankle", "right_ankle", "left_foot", "right_foot")
#: Chains of joints: arms, legs, neck and head, spine.
LIMBS = (
    joint_indices("left_collar", "left_shoulder", "left_elbow", "left_wrist"),
    joint_indices("right_collar", "right_shoulder", "right_elbow", "right_wrist"),
    joint_indices("left_hip", "left_knee", "left_ankle", "left_foot"),
    joint_indices("right_hip", "right_knee", "right_ankle", "right_foot"),
    joint_indices("neck", "head"),
    SPINE,
)
#: Hinge joints: index, bending axis of the rotation vector, and sign of the natural bend.
HINGES = (
    (joint_index("left_elbow"), 1, -1.0),
    (joint_index("right_elbow"), 1, 1.0),
    (joint_index("left_knee"), 0, 1.0),
    (joint_index("right_knee"), 0, 1.0),
)
