"""Sentences from numbers, honest where something got worse."""

from __future__ import annotations

import pytest

from lsmplify_refine.pages import words
from lsmplify_refine.pages.base import NARROW_SPACE

PX, JITTER, SLIDE, SPEED = (
    "reprojection_px_coco17",
    "jitter_10m_per_s3",
    "foot_slide_cm_per_s",
    "speed_p95_m_per_s_wrists_ankles",
)


def metrics(**pairs: tuple[float, float]) -> dict[str, dict[str, float | None]]:
    names = {"px": PX, "jitter": JITTER, "slide": SLIDE, "speed": SPEED}
    stages = [{names[key]: pair[stage] for key, pair in pairs.items()} for stage in (0, 1)]
    return {"input": {**stages[0]}, "calibrated": {**stages[0]}, "refined": {**stages[1]}}


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (
            {"px": (10, 2.8), "jitter": (8, 4), "slide": (1, 1.1)},
            "72 % nearer to the keypoints, jitter halved and feet as still as before.",
        ),
        ({"px": (10, 12), "jitter": (8, 12)}, "20 % farther from the keypoints and 50 % more jitter."),
        ({"px": (10, 10.1), "jitter": (8, 7.9)}, "As near to the keypoints as before and jitter as before."),
        (
            {"px": (10, 5), "slide": (2, 3)},
            "50 % nearer to the keypoints and feet that slide 2.0 → 3.0 cm/s, more than before.",
        ),
        ({"px": (10, 5), "slide": (4, 2)}, "50 % nearer to the keypoints and feet that slide 50 % less."),
        ({"px": (10, 5), "speed": (2, 1.5)}, "50 % nearer to the keypoints and fast motion 25 % slower."),
        ({"px": (10, 5), "speed": (2, 2.02)}, "50 % nearer to the keypoints."),
        ({"px": (0, 5)}, "Much farther from the keypoints."),
    ],
)
def test_headline(pairs: dict[str, tuple[float, float]], sentence: str) -> None:
    assert words.headline(metrics(**pairs)).replace(NARROW_SPACE, " ") == sentence


def test_what_is_not_known_is_not_said() -> None:
    found = metrics(px=(10, 5))
    found["calibrated"][PX] = None
    assert words.headline(found) == "No keypoint could be compared."
    assert words.headline({"fitted": {"mpjpe_mm_body25": 12.34}}).endswith("12.3 mm.")


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"accepted": 5}, "The whole correction was kept in every frame."),
        ({"held": 5}, "Nothing was changed: every frame keeps its original pose."),
        ({"accepted": 4, "held": 1}, "4 of 5 frames keep the whole correction and 1 keeps its original pose."),
        (
            {"accepted": 0, "blended": 2, "held": 3},
            "0 of 5 frames keep the whole correction, 2 keep a part of it and 3 keep their original pose.",
        ),
        (
            {"accepted": 3, "doubtful": 2},
            "3 of 5 frames keep the whole correction and 2 have keypoints that are probably another person's.",
        ),
    ],
)
def test_decisions(counts: dict[str, int], sentence: str) -> None:
    assert words.decisions(counts, 5) == sentence


def test_what_was_fitted_had_no_original_pose() -> None:
    said = words.decisions({"accepted": 4, "held": 1}, 5, fitted=True)
    assert "1 keeps its first pose" in said and "original" not in said


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([(10, 5), (10, 2)], "2 people, 50 to 80 % nearer to the keypoints."),
        ([(10, 5), (10, 20), (4, 1)], "3 people, 1 of them farther from the keypoints than before."),
        ([], "Nobody was refined."),
    ],
)
def test_several_people(pairs: list[tuple[float, float]], sentence: str) -> None:
    people = [{"metrics": metrics(px=pair)} for pair in pairs]
    assert words.several(people).replace(NARROW_SPACE, " ") == sentence


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [(10, 2.8, "−72 %"), (10, 13, "+30 %"), (10, 10.01, "±0 %"), (0, 1, ""), (None, 1, "")],
)
def test_change_words(before: float | None, after: float | None, shown: str) -> None:
    assert words.change_words(before, after).replace(NARROW_SPACE, " ") == shown
