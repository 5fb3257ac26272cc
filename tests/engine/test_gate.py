"""The gate: frames that get worse are held, jittery ones calmed, joints that bend too far limited."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lsmplify_refine.engine.gate import FrameScores, gate, limit_joints
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat


def steady(error_at: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], FrameScores]:
    """Scores of a track whose jerk no correction changes."""

    def scores_at(share: np.ndarray) -> FrameScores:
        return FrameScores(error_at(share), np.full(len(share), 80.0), np.full(len(share), 50.0))

    return scores_at


def test_gate_holds_what_gets_worse_and_eases_around_it() -> None:
    def error_at(share: np.ndarray) -> np.ndarray:
        error = 10 - 5 * share
        error[30:33] = 10 + share[30:33]
        return error

    verdict = gate(steady(error_at), np.arange(60), 30.0, [""] * 60, np.full(60, 80.0))
    assert (verdict.status[30:33] == "held").all()
    assert verdict.reasons[31] == "keypoint error would rise"
    assert "eased" in verdict.reasons[28] and 0 < verdict.share[28] < 1
    assert verdict.status[0] == verdict.status[-1] == "accepted"
    assert np.abs(np.diff(verdict.share)).max() < 0.3
    assert (error_at(verdict.share) <= 10).all()


def test_frames_that_would_shake_keep_a_share_however_well_they_fit() -> None:
    def scores_at(share: np.ndarray) -> FrameScores:
        jerk = np.full(120, 80.0)
        jerk[50:70] = 80.0 + 60.0 * share[50:70]
        return FrameScores(10 - 5 * share, jerk, np.full(120, 50.0))

    verdict = gate(scores_at, np.arange(120), 30.0, [""] * 120, np.full(120, 80.0))
    assert (scores_at(verdict.share).jerk <= 1.2 * 80.0).all()
    assert np.allclose(verdict.share[50:70], 0.25)  # the largest of the shares that are tried
    assert verdict.status[60] == "blended" and verdict.reasons[60] == "jitter would rise"
    assert verdict.status[0] == verdict.status[-1] == "accepted"
    assert np.abs(np.diff(verdict.share)).max() < 0.1


def test_jerk_that_the_input_has_is_not_worse() -> None:
    """What is left without the correction may be calm, because the input's jitter is gone from it."""

    def scores_at(share: np.ndarray) -> FrameScores:
        return FrameScores(10 - 5 * share, 80.0 + 60.0 * share, np.full(60, 50.0))

    calm, shaking = (gate(scores_at, np.arange(60), 30.0, [""] * 60, np.full(60, jerk)) for jerk in (80.0, 140.0))
    assert (calm.share < 1).all() and (shaking.share == 1).all()


def test_jerk_that_people_have_is_motion() -> None:
    """An estimate that stands still gets the motion that its keypoints show."""

    def scores_at(share: np.ndarray) -> FrameScores:
        return FrameScores(10 - 5 * share, 10 + 190 * share, 50 + 170 * share)

    verdict = gate(scores_at, np.arange(60), 30.0, [""] * 60, np.full(60, 10.0))
    assert set(verdict.status) == {"accepted"}


def test_joints_are_limited_one_by_one() -> None:
    turn = np.zeros((40, 24, 3))
    turn[20, 4, 0] = -0.6  # a knee bent the wrong way
    turn[:, 16, 0] = 0.5
    shares, reasons = limit_joints(lambda share: rotvec_to_rotmat(share * turn), np.arange(40), 30.0)
    assert shares[20, 4] < 0.5 and shares[20, 16] == 1
    assert shares[0].min() == 1
    assert reasons[20] == "left knee bent beyond its range" and reasons[0] == ""


def test_no_frame_gets_worse_however_far_easing_spreads() -> None:
    """A part of the correction is worse than none here, so every eased frame is held and eases its neighbours."""

    def error_at(share: np.ndarray) -> np.ndarray:
        error = 10.0 + ((share > 0) & (share < 1))
        error[60] = 10.0 + share[60]
        return error

    verdict = gate(steady(error_at), np.arange(120), 30.0, [""] * 120, np.full(120, 80.0))
    assert (error_at(verdict.share) <= 10.0).all()
    assert verdict.status[60] == "held" and verdict.status[0] == verdict.status[-1] == "accepted"
