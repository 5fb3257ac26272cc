"""Guesses: each sign of one, and what is not a guess."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine.engine.guesses import bone_lengths, certainty, inside_border, lasting, off_line
from lsmplify_refine.engine.limbs import bones, points_of
from lsmplify_refine.values.conventions import COCO17

LEGS = points_of("coco17", "legs")
#: A standing person's points that matter here, metres in the image plane: hips, knees, ankles.
STANDING = {11: (0.1, 0.0), 12: (-0.1, 0.0), 13: (0.12, 0.4), 14: (-0.12, 0.4), 15: (0.12, 0.8), 16: (-0.12, 0.8)}


def standing() -> np.ndarray:
    points = np.zeros((1, 17, 2))
    for index, position in STANDING.items():
        points[0, index] = position
    return points


def test_certainty_is_relative_to_the_usual_confidence() -> None:
    np.testing.assert_allclose(certainty(np.array([0.3, 0.5, 0.9]), 1.0), [0, 0, 1])
    np.testing.assert_allclose(certainty(np.array([0.3, 0.5]), 0.5), [0, 1])


def test_a_pressed_point_counts_by_its_certainty_unless_the_body_is_outside() -> None:
    inset = np.array([[0.5, 0.02, 0.02, 0.02, -0.1]])
    body = np.array([[-0.5, 0.1, 0.1, -0.2, 0.1]])
    certain = np.array([[0.0, 1.0, 0.0, 1.0, 1.0]])
    assert inside_border(inset, body, certain).tolist() == [[1.0, 1.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize("turn", [0.0, 0.7, np.pi / 2])
def test_legs_on_a_line_are_guesses_if_the_body_contradicts(turn: float) -> None:
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    body, folded = standing() @ rotation.T, standing()
    folded[0, LEGS] = [[0.05, 0.2], [-0.1, 0.21], [0.15, 0.2], [-0.05, 0.19]]
    folded = folded @ rotation.T
    seen, doubt = np.ones((1, 17), bool), np.zeros((1, 17))
    trust = off_line(folded, body, seen, doubt, "coco17")
    assert (trust[0, LEGS] == 0).all() and trust.sum() == 17 - len(LEGS)
    assert (off_line(folded, body, seen, doubt + 1, "coco17") == 1).all()
    assert (off_line(folded, folded, seen, doubt, "coco17") == 1).all()
    assert (off_line(body, body, seen, doubt, "coco17") == 1).all()


def test_a_bone_that_is_too_long_discredits_its_outer_end() -> None:
    lengths = {bone: np.array([0.4]) for bone in bones("coco17")}
    points, seen = standing(), np.ones((1, 17), bool)
    points[0, 13] = [0.1, 2.0]  # the left ankle, 0.8 m from the hip, stays plausible
    trust = bone_lengths(points, lengths, seen)
    assert trust[0, 13] < 0.01 and trust[0, 15] == 1
    points[0, 15] = [0.1, 2.0]
    trust = bone_lengths(points, lengths, seen)
    assert trust[0, 13] < 0.01 and trust[0, 15] < 0.01
    assert bone_lengths(points, lengths, seen & (np.arange(17) != 11))[0, 13] == 1


def test_only_in_space_a_bone_may_be_too_short() -> None:
    lengths = {bone: np.array([0.4]) for bone in bones("coco17")}
    points, seen = standing(), np.ones((1, 17), bool)
    points[0, 15] = points[0, 13]
    assert bone_lengths(points, lengths, seen)[0, 15] == 1
    in_space = np.concatenate([points, np.zeros((1, 17, 1))], -1)
    assert bone_lengths(in_space, lengths, seen)[0, 15] < 0.1


def test_one_frame_of_trust_among_guesses_is_not_trusted() -> None:
    trust = np.zeros((31, 1))
    trust[15] = 1.0
    assert lasting(trust, np.arange(31), 30.0).max() == 0
    assert lasting(1 - trust, np.arange(31), 30.0)[:, 0].tolist() == (1 - trust)[:, 0].tolist()


def test_bones_run_outwards() -> None:
    named = [(COCO17.points[a], COCO17.points[b]) for a, b in bones("coco17")]
    assert named.index(("left_hip", "left_knee")) < named.index(("left_knee", "left_ankle"))
    assert len(named) == 8
