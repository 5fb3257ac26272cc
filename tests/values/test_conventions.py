"""Conventions with hands, and the layouts of files that hold them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from lsmplify_refine.values.conventions import CONVENTIONS, HAND_POINTS, Convention
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.layouts import LAYOUTS, layouts_of

WITH_HANDS = [CONVENTIONS[name] for name in ("body67", "coco65", "halpe68", "mediapipe75")]


def numbered(convention: str) -> Keypoints:
    """Keypoints whose positions are their own indices."""
    count = len(CONVENTIONS[convention].points)
    positions = np.broadcast_to(np.arange(count, dtype=np.float32)[None, :, None], (2, count, 3))
    return Keypoints(convention, positions.copy(), np.linspace(0.1, 1, 2 * count).reshape(2, count), "test")


@pytest.mark.parametrize("convention", WITH_HANDS, ids=lambda each: each.name)
def test_body_and_hands_part(convention: Convention) -> None:
    whole = numbered(convention.name)
    body = whole.body
    names = CONVENTIONS[whole.convention].points
    assert [names[int(i)] for i in body.positions[0, :, 0]] == list(CONVENTIONS[body.convention].points)
    assert np.array_equal(body.confidence, whole.confidence[:, body.positions[0, :, 0].astype(int)])
    sides: tuple[Literal["left", "right"], ...] = ("left", "right")
    for side in sides:
        hand = whole.hand(side)
        assert hand is not None
        positions, confidence = hand
        chosen = positions[0, :, 0].astype(int)
        assert [names[i] for i in chosen] == [f"{side}_{point}" for point in HAND_POINTS]
        assert np.array_equal(confidence, whole.confidence[:, chosen])


def test_sam_3d_bodys_hands_have_the_bodys_wrist() -> None:
    whole = numbered("mhr70")
    hand = whole.hand("left")
    assert hand is not None and whole.body is whole
    names = CONVENTIONS["mhr70"].points
    assert [names[int(i)] for i in hand[0][0, 1:, 0]] == [f"left_{point}" for point in HAND_POINTS[1:]]
    # its wrist lies ahead of SMPL's, which the hand hangs on
    wrist, knuckle = names.index("left_wrist"), names.index("left_middle1")
    assert hand[0][0, 0, 0] == pytest.approx(wrist + 0.23 / 0.77 * (wrist - knuckle))
    assert hand[1][0, 0] == min(whole.confidence[0, wrist], whole.confidence[0, knuckle])


def test_without_hands_the_body_is_the_whole() -> None:
    whole = numbered("body25")
    assert whole.body is whole and whole.hand("left") is None


@pytest.mark.parametrize(
    ("layout", "left_wrist", "right_pinky_tip"),
    # the specifications' own numbers: COCO-WholeBody's hands begin at 91 and 112, Halpe's at 94 and 115
    [("coco133", 91, 132), ("halpe136", 94, 135), ("halpe68", 26, 67), ("body67", 25, 66), ("body137", 25, 66)],
)
def test_columns_of_hands(layout: str, left_wrist: int, right_pinky_tip: int) -> None:
    found = LAYOUTS[layout]
    names = found.convention.points
    columns = dict(zip(names, found.columns))
    assert columns["left_hand_wrist"] == left_wrist and columns["right_pinky_tip"] == right_pinky_tip
    assert columns["right_hand_wrist"] == left_wrist + 21
    assert columns["nose"] == 0 and len(found.columns) + found.extra == found.count


def test_kinect_and_human36m_are_in_their_sdks_order() -> None:
    kinect, azure, human = (CONVENTIONS[name].points for name in ("kinect25", "kinect32", "h36m32"))
    assert kinect[0] == "mid_hip" and kinect[12] == "left_hip" and kinect[20] == "spine_shoulder"
    assert kinect[21:] == ("left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb")
    assert azure[18] == "left_hip" and azure[26] == "head" and azure[30:] == ("right_eye", "right_ear")
    # the 17 joints that everybody picks of the 32
    picked = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    assert tuple(human[index] for index in picked) == CONVENTIONS["h36m17"].points


def test_a_count_that_is_common_means_the_common_layout() -> None:
    assert [each.name for each in layouts_of(25) if not each.named_only] == ["body25"]
    assert [each.name for each in layouts_of(65) if not each.named_only] == ["body65"]
