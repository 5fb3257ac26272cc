"""The gate: frames that get worse are held, joints that bend too far are limited."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.engine.gate import gate, limit_joints
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat


def test_gate_holds_what_gets_worse_and_eases_around_it() -> None:
    def error_at(share: np.ndarray) -> np.ndarray:
        error = 10 - 5 * share
        error[30:33] = 10 + share[30:33]
        return error

    verdict = gate(error_at, np.arange(60), 30.0, [""] * 60)
    assert (verdict.status[30:33] == "held").all()
    assert verdict.reasons[31] == "keypoint error would rise"
    assert "eased" in verdict.reasons[28] and 0 < verdict.share[28] < 1
    assert verdict.status[0] == verdict.status[-1] == "accepted"
    assert np.abs(np.diff(verdict.share)).max() < 0.3
    assert (error_at(verdict.share) <= 10).all()


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

    verdict = gate(error_at, np.arange(120), 30.0, [""] * 120)
    assert (error_at(verdict.share) <= 10.0).all()
    assert verdict.status[60] == "held" and verdict.status[0] == verdict.status[-1] == "accepted"
