"""Gate: per frame, how much of the correction is kept, and why.

A frame whose refined pose explains the keypoints less well than the input, or bends a joint where it cannot go,
keeps only the share of its correction that does not, down to none. The share is eased in and out over neighbouring
frames, so that nothing pops where a frame is held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from lsmplify_refine.engine.plausibility import implausible_angle
from lsmplify_refine.engine.smooth import segments

_EASE_SECONDS = 0.2
_SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
#: How much further than the input a joint may be bent beyond its range, radians.
_ANGLE_SLACK = np.radians(3.0)


@dataclass(frozen=True)
class Verdict:
    """What the gate decided: kept share (T,), status (T,) accepted / blended / held, and the reason per frame."""

    share: np.ndarray
    status: np.ndarray
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A pose at some share of the correction: per-frame keypoint error (T,) and rotations (T, J, 3, 3)."""

    error: np.ndarray
    rotations: np.ndarray


def gate(at_share: Callable[[np.ndarray], Candidate], frame_ids: np.ndarray, fps: float) -> Verdict:
    """Choose each frame's share of the correction.

    Args:
        at_share: The candidate for given shares (T,) in [0, 1]; 0 is the calibrated input.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
    """
    count = len(frame_ids)
    base = at_share(np.zeros(count))
    base_angle, _ = implausible_angle(base.rotations)
    allowed = np.ones(count)
    reasons = [""] * count
    share = allowed
    # a smaller share of one frame eases its neighbours too, so look again until nobody objects
    for _ in range(len(_SHARES)):
        candidate = at_share(share)
        angle, joint = implausible_angle(candidate.rotations)
        worse = (candidate.error > base.error) & (share > 0)
        bent = (angle > base_angle + _ANGLE_SLACK) & (share > 0)
        if not (worse | bent).any():
            break
        for row in np.flatnonzero(worse | bent):
            allowed[row] = max((s for s in _SHARES if s < share[row] - 1e-9), default=0.0)
            reasons[row] = "keypoint error would rise" if worse[row] else f"{joint[row]} bent beyond its range"
        share = _ease(allowed, frame_ids, fps)
    else:
        candidate = at_share(share)
        allowed[candidate.error > base.error] = 0.0
        share = _ease(allowed, frame_ids, fps)
    return _verdict(share, reasons)


def _ease(allowed: np.ndarray, frame_ids: np.ndarray, fps: float) -> np.ndarray:
    """The smoothest-looking share that is nowhere above what is allowed."""
    width = 2 * round(_EASE_SECONDS * fps / 2) + 1
    eased = np.empty_like(allowed)
    for rows in segments(frame_ids):
        lowest = minimum_filter1d(allowed[rows], width, mode="nearest")
        eased[rows] = np.minimum(uniform_filter1d(lowest, width, mode="nearest"), allowed[rows])
    eased[eased < 1e-6] = 0.0
    eased[eased > 1 - 1e-6] = 1.0
    return eased


def _verdict(share: np.ndarray, reasons: list[str]) -> Verdict:
    status = np.where(share == 1, "accepted", np.where(share == 0, "held", "blended"))
    told = tuple(
        "" if state == "accepted" else reason or "eased towards a neighbouring frame"
        for state, reason in zip(status, reasons)
    )
    return Verdict(share, status, told)
