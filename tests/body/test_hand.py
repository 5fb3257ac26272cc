"""Hands at rest: the open hand and the user's own, their bones, and their 21 points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.body.hand import FINGERS, HAND_PARENTS, Hand, Side
from lsmplify_refine.body.regressors import joint_names
from lsmplify_refine.values.conventions import HAND_POINTS
from tests.support.model_files import write_smplx

OPEN = BodyModel.open()


def points(hand: Hand) -> np.ndarray:
    """The 21 points at rest."""
    found: np.ndarray = skinning.keypoints(hand.skeleton(), torch.eye(3).repeat(1, 16, 1, 1))[0].numpy()
    return found


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_points_are_joints_and_tips_in_the_detectors_order(side: Side) -> None:
    hand = Hand.of(OPEN, side, np.zeros(2))
    found = points(hand)
    assert np.array_equal(found[0], np.zeros(3))
    for finger, name in enumerate(FINGERS):
        for part in (1, 2, 3):
            expected = hand.joints[3 * finger + part - 1]
            np.testing.assert_allclose(found[HAND_POINTS.index(f"{name}{part}")], expected, atol=1e-6)
        np.testing.assert_allclose(found[HAND_POINTS.index(f"{name}_tip")], hand.tips[finger], atol=1e-6)
    # fingers point outwards, the thumb lies in front
    assert (found[1:, 0] * (1 if side == "left" else -1) > 0).all() and found[4, 2] > found[8, 2] > found[20, 2]


def test_the_right_hand_is_the_left_ones_mirror_image() -> None:
    left, right = (Hand.of(OPEN, side, np.zeros(2)) for side in ("left", "right"))
    assert left.mirrored().side == "right"
    np.testing.assert_allclose(left.mirrored().joints, right.joints, atol=1e-3)
    np.testing.assert_allclose(left.mirrored().tips, right.tips, atol=1e-3)


@pytest.mark.parametrize("side", ["left", "right"])
def test_bending_brings_every_finger_to_the_palms_side(side: Side) -> None:
    hand = Hand.of(OPEN, side, np.zeros(2))
    from lsmplify_refine.geometry.rotations import rotvec_to_rotmat

    fingers = torch.as_tensor(rotvec_to_rotmat(hand.flexion() * 0.5)).float()
    posed = skinning.keypoints(hand.skeleton(), torch.cat([torch.eye(3)[None], fingers])[None])[0].numpy()
    tips = [HAND_POINTS.index(f"{finger}_tip") for finger in FINGERS[:4]]
    assert (posed[tips, 1] < points(hand)[tips, 1] - 0.02).all()


def test_bones_of_other_lengths_keep_their_directions() -> None:
    hand = Hand.of(OPEN, "left", np.zeros(2))
    lengths = np.random.default_rng(0).uniform(0.02, 0.1, (5, 4))
    other = hand.with_lengths(lengths)
    np.testing.assert_allclose(np.linalg.norm(other.bones, axis=-1), lengths)
    cosine = (other.bones * hand.bones).sum(-1) / lengths / np.linalg.norm(hand.bones, axis=-1)
    np.testing.assert_allclose(cosine, 1.0)


def test_a_larger_body_has_larger_hands() -> None:
    sizes = [np.linalg.norm(Hand.of(OPEN, "left", np.zeros(2), scale).tips, axis=1) for scale in (1.0, 1.1)]
    np.testing.assert_allclose(sizes[1] / sizes[0], 1.1, rtol=1e-4)


def test_a_model_with_fingers_has_its_own_hands(tmp_path: Path) -> None:
    from smplx.vertex_ids import vertex_ids

    body = BodyModel.load(write_smplx(tmp_path))
    hand = Hand.of(body, "right", np.zeros(10))
    names = joint_names("smplx")
    vertices, joints = body.rest_mesh(np.zeros(10))
    wrist = joints[names.index("right_wrist")]
    np.testing.assert_allclose(hand.joints[-1], joints[names.index("right_thumb3")] - wrist)
    np.testing.assert_allclose(hand.tips[1], vertices[vertex_ids["smplx"]["rmiddle"]] - wrist)
    first = names.index("right_index1")
    for joint, parent in enumerate(HAND_PARENTS[1:]):
        expected = names.index("right_wrist") if parent == 0 else first + parent - 1
        assert body.arrays.parents[first + joint] == expected
