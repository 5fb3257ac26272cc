"""Gate: per frame, how much of the correction is kept, and why.

If the correction bends a joint beyond its limit, the joint keeps a share of it, down to none. If a frame's keypoint
error or jerk gets worse than the input's, the frame keeps a share. The share is eased in and out over neighbouring
frames, so that nothing pops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from lsmplify_refine.engine.joint_limits import beyond_range, joint_name
from lsmplify_refine.geometry.smoothing import odd_window, segments

#: How long easing takes where errors differ, seconds.
EASE_SECONDS = 0.2
_SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
#: How much further than the input a joint may be bent beyond its range, radians.
_ANGLE_SLACK = np.radians(3.0)
#: How much more jerk than the input's a frame may have, as a factor: corrections onto true motion add up to 15 %.
_JERK_SLACK = 1.2
#: Easing where more than single frames get worse, seconds: as long as jerk is averaged (see `scoring`), so that easing
#: adds none itself.
LONG_EASE_SECONDS = 0.5


@dataclass(frozen=True)
class FrameScores:
    """What the gate compares, for each frame of a track.

    Attributes:
        error: Keypoint error, in pixels or mm.
        jerk: Jerk of the joints, smoothed over time, m/s^3.
        natural_jerk: Jerk of people who move at this speed, m/s^3.
    """

    error: Float[np.ndarray, " frames"]
    jerk: Float[np.ndarray, " frames"]
    natural_jerk: Float[np.ndarray, " frames"]


@dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes:
        share: Share of the correction that is kept.
        status: "accepted", "blended", "held" or "doubtful", for each frame.
        reasons: Why; "" where accepted.
    """

    share: Float[np.ndarray, " frames"]
    status: Shaped[np.ndarray, " frames"]
    reasons: tuple[str, ...]


def limit_joints(
    rotations_at: Callable[[float], np.ndarray], frame_ids: Int[np.ndarray, " frames"], fps: float
) -> tuple[Float[np.ndarray, "frames joints"], list[str]]:
    """Reduce the correction of joints that would bend beyond their limits.

    Args:
        rotations_at: Rotations (T, J, 3, 3) with a share in [0, 1] of the correction.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.

    Returns:
        Shares to keep, and a reason per frame ("" where nothing was taken).
    """
    # an input beyond the limit may stay, but not go further
    limit = beyond_range(rotations_at(0.0)) + _ANGLE_SLACK
    allowed = np.zeros(limit.shape)
    for share in reversed(_SHARES):
        allowed = np.where(beyond_range(rotations_at(share)) <= limit, share, allowed)
    reasons = [
        "; ".join(f"{joint_name(int(joint))} bent beyond its range" for joint in np.flatnonzero(row < 1))
        for row in allowed
    ]
    return ease(allowed, frame_ids, fps, EASE_SECONDS), reasons


def gate(
    scores_at: Callable[[np.ndarray], FrameScores],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    limited: Sequence[str],
    input_jerk: Float[np.ndarray, " frames"],
) -> Verdict:
    """Choose each frame's share of the correction.

    An estimate may move too little, so jerk up to what people have counts as motion, not as jitter.

    Args:
        scores_at: Scores for shares (T,) in [0, 1]; share 0 is the input after the shape fit, freed of jitter.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
        limited: Per frame why joints were limited, or "".
        input_jerk: Jerk of the input after the shape fit, jitter and all, m/s^3.
    """
    as_input = scores_at(np.zeros(len(frame_ids)))
    calm = _calm_share(scores_at, np.maximum(input_jerk, as_input.jerk))
    eased = ease(calm, frame_ids, fps, LONG_EASE_SECONDS)
    share, allowed = eased, np.ones(len(frame_ids))
    # the share of one frame eases its neighbours too, so look again until no frame gets worse
    for _ in _SHARES:
        worse = (scores_at(share).error > as_input.error) & (share > 0)
        if not worse.any():
            break
        allowed = reduced(allowed, share, worse)
        share = np.minimum(eased, ease(allowed, frame_ids, fps, EASE_SECONDS))
    share = np.where(scores_at(share).error > as_input.error, 0.0, share)
    return _verdict(share, allowed < 1, calm < 1, limited)


def reduced(
    allowed: Float[np.ndarray, " frames"], share: Float[np.ndarray, " frames"], worse: Bool[np.ndarray, " frames"]
) -> Float[np.ndarray, " frames"]:
    """Max shares; where a share was too much, the next lower one that is tried."""
    lower = np.max([np.where(share - 1e-9 > each, each, 0.0) for each in _SHARES], axis=0)
    return np.where(worse, lower, allowed)


def _calm_share(
    scores_at: Callable[[np.ndarray], FrameScores], input_jerk: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, " frames"]:
    """The largest share of the correction that does not make each frame jittery."""
    allowed = np.zeros(len(input_jerk))
    for share in _SHARES[:-1]:
        scores = scores_at(np.full(len(allowed), share))
        calm = scores.jerk <= np.maximum(_JERK_SLACK * input_jerk, scores.natural_jerk)
        allowed = np.where(calm, np.maximum(allowed, share), allowed)
        if calm.all():
            break
    return allowed


def ease(
    allowed: Float[np.ndarray, " frames *joints"], frame_ids: Int[np.ndarray, " frames"], fps: float, seconds: float
) -> Float[np.ndarray, " frames *joints"]:
    """Shares that change slowly over time and never exceed the max shares.

    Args:
        allowed: Max shares.
        frame_ids: (T,) video frame of each row; nothing is eased across gaps.
        fps: Frames per second.
        seconds: How long easing takes.
    """
    width = odd_window(seconds, fps)
    eased = np.empty_like(allowed)
    for rows in segments(frame_ids):
        lowest = minimum_filter1d(allowed[rows], width, mode="nearest")
        eased[rows] = np.minimum(uniform_filter1d(lowest, width, mode="nearest"), allowed[rows])
    eased[eased < 1e-6] = 0.0
    eased[eased > 1 - 1e-6] = 1.0
    return eased


def _verdict(
    share: Float[np.ndarray, " frames"],
    erring: Bool[np.ndarray, " frames"],
    shaking: Bool[np.ndarray, " frames"],
    limited: Sequence[str],
) -> Verdict:
    status, reasons = [], []
    for kept, errs, shakes, joints in zip(share, erring, shaking, limited):
        if kept < 1:
            status.append("held" if kept == 0 else "blended")
            worse = (["keypoint error would rise"] if errs else []) + (["jitter would rise"] if shakes else [])
            reasons.append("; ".join(worse) or "eased towards a neighbouring frame")
        else:
            status.append("blended" if joints else "accepted")
            reasons.append(joints)
    return Verdict(share, np.array(status), tuple(reasons))
