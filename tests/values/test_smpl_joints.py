"""SMPL's joint table against the convention of its joints, and against itself."""

from __future__ import annotations

from lsmplify_refine.values.conventions import SMPL24
from lsmplify_refine.values.smpl_joints import (
    BODY_JOINTS,
    FEET,
    HINGES,
    JOINT_NAMES,
    JOINTS,
    LIMBS,
    MIRROR,
    PARENTS,
    joint_index,
)


def test_the_tree_is_the_conventions_skeleton() -> None:
    bones = {(min(ends), max(ends)) for ends in enumerate(PARENTS) if ends[1] >= 0}
    assert bones == set(SMPL24.edges)
    assert all(parent < joint for joint, parent in enumerate(PARENTS))


def test_mirroring_twice_is_nothing_and_keeps_the_tree() -> None:
    assert [MIRROR[other] for other in MIRROR] == list(range(JOINTS))
    assert all(PARENTS[MIRROR[joint]] == MIRROR[PARENTS[joint]] for joint in range(1, JOINTS))


def test_every_limb_is_a_chain_of_the_tree() -> None:
    for limb in LIMBS:
        assert [PARENTS[joint] for joint in limb[1:]] == list(limb[:-1])
    assert sorted(joint for limb in LIMBS for joint in limb) == list(range(1, JOINTS))


def test_what_bends_and_what_stands() -> None:
    assert {JOINT_NAMES[joint] for joint, _, _ in HINGES} == {
        "left_elbow", "right_elbow", "left_knee", "right_knee",
    }  # fmt: skip
    assert FEET == (7, 8, 10, 11)
    assert joint_index("right_wrist") == JOINTS - 1
    assert all(1 + count >= JOINTS for count in BODY_JOINTS.values())
