"""Held feet: a correction under which standing feet would slide is held back, and said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lsmplify_refine import Estimate, Refinement, Refiner
from lsmplify_refine.engine.gate import Verdict
from lsmplify_refine.engine.held_feet import HeldFeet, hold_feet
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.engine.standing import Standing
from tests.support.scenes import open_body
from tests.support.walks import glide, seen, walk

SLIDE, JITTER = "foot_slide_cm_per_s", "jitter_10m_per_s3"


def _refined(estimate: Estimate) -> Refinement:
    return Refiner(open_body()).refine(estimate)


def _without_gate(estimate: Estimate, monkeypatch: pytest.MonkeyPatch) -> Refinement:
    """The same, with nothing held back for the feet."""

    def bypass(verdict: Verdict, stand: Callable[[np.ndarray], Standing], *_: object) -> HeldFeet:
        return HeldFeet(verdict, stand(verdict.share))

    with monkeypatch.context() as patch:
        patch.setattr("lsmplify_refine.engine.stages.hold_feet", bypass)
        return _refined(estimate)


@pytest.mark.parametrize("says", [True, False])
def test_a_correction_that_lets_standing_feet_slide_is_held_back(says: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keypoints are of somebody who walks, the estimate is of somebody who stands."""
    estimate = seen(glide(speed=0.0), drift_deg=0.5).replace(keypoints=seen(walk()).keypoints)
    estimate = estimate if says else estimate.replace(contacts=None)
    result, without = _refined(estimate), _without_gate(estimate, monkeypatch)
    before, after = (result.metrics[stage][SLIDE] for stage in ("calibrated", "refined"))
    assert without.metrics["refined"][SLIDE] > 10 * before
    assert after < 1.2 * before + 0.5
    assert result.metrics["refined"][JITTER] < 5.0
    assert (result.status == "held").any() and all("feet would slide" in reason for reason in result.reasons)
    (note,) = (note for note in result.notes if note.code == "feet-would-slide")
    assert note.text.startswith("in 90 of 90 frames")
    assert "feet-would-slide" not in [note.code for note in without.notes]


def test_feet_that_are_kept_hold_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for motion in (walk(), glide()):
        result, without = _refined(seen(motion)), _without_gate(seen(motion), monkeypatch)
        assert np.array_equal(result.blend, without.blend) and result.reasons == without.reasons
        assert "feet-would-slide" not in [note.code for note in result.notes]


def _standing(slides: np.ndarray | None) -> Standing:
    at_rest = np.tile(np.eye(3), (1, 24, 1, 1))
    return Standing(BodyTrack(open_body(), at_rest, np.zeros((1, 3)), np.zeros(1)), slides=slides)


@pytest.mark.parametrize("limit", [0.6, 0.0])
def test_the_largest_share_that_does_not_slide_is_kept(limit: float) -> None:
    verdict = Verdict(np.ones(120), np.full(120, "accepted"), ("",) * 120)
    middle = np.abs(np.arange(120) - 60) < 15

    def stand(share: np.ndarray) -> Standing:
        return _standing(middle & (share > limit))

    held = hold_feet(verdict, stand, lambda share: 10.0 - share, np.arange(120), 30.0)
    kept = 0.5 if limit else 0.0
    assert np.allclose(held.verdict.share[middle], kept)
    assert held.verdict.share[0] == held.verdict.share[-1] == 1.0
    assert np.abs(np.diff(held.verdict.share)).max() < 0.1
    assert held.verdict.status[60] == ("blended" if limit else "held") and held.verdict.status[0] == "accepted"
    assert held.verdict.reasons[60] == "feet would slide" and held.verdict.reasons[0] == ""


def test_a_part_of_a_correction_that_errs_more_than_none_is_not_kept() -> None:
    verdict = Verdict(np.ones(60), np.full(60, "accepted"), ("",) * 60)

    def error_at(share: np.ndarray) -> np.ndarray:
        return 10.0 + ((share > 0) & (share < 1))

    held = hold_feet(verdict, lambda share: _standing(share == 1), error_at, np.arange(60), 30.0)
    assert (error_at(held.verdict.share) <= 10.0).all() and not held.verdict.share.any()


def test_without_a_world_nothing_changes() -> None:
    verdict = Verdict(np.ones(60), np.full(60, "accepted"), ("",) * 60)
    held = hold_feet(verdict, lambda _: _standing(None), lambda share: share, np.arange(60), 30.0)
    assert held.verdict is verdict and not held.notes()
