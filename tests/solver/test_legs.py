"""The legs' chain against the body model, and its Jacobian against differences."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.legs import LEG_JOINTS, TURNS, pose_legs, turn_legs
from lsmplify_refine.values.smpl_joints import FEET, joint_indices
from tests.support.scenes import open_body

_KNEES = joint_indices("left_knee", "right_knee")


def _rest() -> np.ndarray:
    rest: np.ndarray = open_body().skeleton(None, np.zeros(1)).rest_joints.double().numpy()
    return rest


def _rotations(frames: int = 4) -> np.ndarray:
    rotvec = 0.4 * np.random.default_rng(1).standard_normal((frames, open_body().joint_count, 3))
    return rotvec_to_rotmat(rotvec)


def test_the_chain_is_the_bodys() -> None:
    rotations = _rotations()
    joints = open_body().joints(rotations, np.zeros((4, 3)), np.zeros(1))
    legs = pose_legs(_rest(), rotations)
    np.testing.assert_allclose(legs.feet, joints[:, FEET], atol=1e-6)
    np.testing.assert_allclose(legs.points[:, 0], joints[:, _KNEES], atol=1e-6)


def test_the_jacobian_is_the_derivative() -> None:
    rest, rotations, step = _rest(), _rotations(), 1e-6
    legs = pose_legs(rest, rotations)
    jacobian = legs.jacobian()
    for side in range(2):
        for turn in range(TURNS):
            turns = np.zeros((4, 2, TURNS))
            turns[:, side, turn] = step
            moved = (pose_legs(rest, turn_legs(rotations, turns)).points - legs.points) / step
            np.testing.assert_allclose(moved[:, :, side], jacobian[:, :, side, :, turn], atol=1e-5)
            assert not moved[:, :, 1 - side].any()


def test_only_legs_that_turn_change_a_bit() -> None:
    rotations = _rotations()
    turns = np.zeros((4, 2, TURNS))
    turns[2, 1] = 0.1
    changed = (turn_legs(rotations, turns) != rotations).any((2, 3))
    assert set(np.flatnonzero(changed[2])) <= set(LEG_JOINTS)
    assert changed[2].any() and not changed[[0, 1, 3]].any()
