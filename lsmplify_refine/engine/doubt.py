"""Doubt: whether the keypoints can be this person's at all.

The solver follows another person's keypoints about as well as the right ones, so a small residual proves nothing.
Two questions do: how far are the keypoints from the body before refining, and do they move as the estimate does? A bad
estimate of the right person is wrong in place, but still moves like the person. Two people rarely move alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from lsmplify_refine.engine.gate import Verdict
from lsmplify_refine.engine.track import Track
from lsmplify_refine.geometry.robust import weighted_median
from lsmplify_refine.geometry.smoothing import smooth
from lsmplify_refine.values.notes import Note

#: Differences are low-passed over this time, seconds, so that noise of keypoints and estimate does not count.
_LOW_PASS_SECONDS = 0.15
#: Keypoints are compared over windows of this length, seconds; much shorter ones say little about motion.
_WINDOW_SECONDS = 4.0
_MIN_WINDOW_SECONDS = 1.0
#: Distance from the estimate, metres on the body, beyond which keypoints must at least move like it: twice an
#: estimator's usual error.
_OFF_M = 0.1
#: Correlation of their motions below which they do not move alike; other people's are mostly between -0.3 and 0.47.
_ALIKE = 0.5
#: Motions that differ by less, metres (rms), count as standing still: an estimator's drift is as large.
_STILL_M = 0.07
#: Distance from the estimate in the image, metres on the body, that no right keypoints have.
_FAR_OFF_M = 0.35
#: Distance from the refined body, metres on the body, beyond which nothing was explained.
_UNEXPLAINED_M = 0.2
_REASON = "keypoints are probably another person's"


@dataclass(frozen=True)
class Doubt:
    """Where the keypoints are probably not this person's.

    Attributes:
        frames: The doubtful frames.
        distance_m: Median distance of the keypoints from the estimate in these frames, metres on the body.
    """

    frames: Bool[np.ndarray, " frames"]
    distance_m: float = 0.0

    def notes(self) -> tuple[Note, ...]:
        """A warning, if there are doubtful frames."""
        if not self.frames.any():
            return ()
        where = f"{int(self.frames.sum())} of {len(self.frames)} frames"
        text = (
            f"the keypoints are probably another person's or another video's: in {where} they lie about "
            f"{self.distance_m:.2f} m from the estimate, or move unlike it; check --keypoints and the result"
        )
        return (Note("keypoints-doubtful", text, "warning"),)

    def marked(self, verdict: Verdict) -> Verdict:
        """The verdict, with the doubtful frames marked; blended and held ones get the reason alone."""
        status = np.where(self.frames & (verdict.status == "accepted"), "doubtful", verdict.status)
        reasons = tuple(
            "; ".join(filter(None, (reason, _REASON))) if doubtful else reason
            for reason, doubtful in zip(verdict.reasons, self.frames)
        )
        return replace(verdict, status=status, reasons=reasons)


def doubt_keypoints(
    track: Track,
    before: Float[np.ndarray, "frames points 3"],
    after: Float[np.ndarray, "frames points 3"],
    *,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> Doubt:
    """Find the frames whose keypoints are probably another person's.

    Args:
        track: The observations.
        before: Keypoints of the input after the shape fit, metres.
        after: Keypoints of the refined body.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
    """
    weights = track.targets.weights.cpu().double().numpy()
    compared = _Compared(track, before, weights, frame_ids, fps)
    refined = _Compared(track, after, weights, frame_ids, fps)
    frames = _away(compared, track.targets.is_image, fps) | (refined.distance > _UNEXPLAINED_M)
    frames &= weights.sum(1) > 0
    return Doubt(frames, float(np.median(compared.distance[frames])) if frames.any() else 0.0)


class _Compared:
    """A body's keypoints beside the observed ones, on the scale of the body and low-passed.

    Attributes:
        weights: (T, K) of the observations.
        distance: (T,) weighted median distance, metres.
        ours: (T, K, D) the body's keypoints about their mean.
        theirs: The observed ones about their mean.
    """

    def __init__(
        self,
        track: Track,
        points: Float[np.ndarray, "frames points 3"],
        weights: Float[np.ndarray, "frames points"],
        frame_ids: Int[np.ndarray, " frames"],
        fps: float,
    ) -> None:
        theirs = track.targets.positions.cpu().double().numpy()
        if track.targets.is_image:
            # in the plane through each keypoint of the body
            theirs, points = theirs * points[..., 2:], points[..., :2]

        def low_passed(values: np.ndarray) -> np.ndarray:
            return smooth(values, frame_ids, fps, _LOW_PASS_SECONDS, weights)

        self.weights = weights
        self.distance = weighted_median(np.linalg.norm(low_passed(theirs - points), axis=-1), weights)
        self.ours, self.theirs = (low_passed(_about_mean(p, weights[..., None], axis=1)) for p in (points, theirs))

    def moves_unlike(self, rows: slice) -> bool:
        """Whether the keypoints move unlike the body in some rows."""
        weights = self.weights[rows][..., None]
        ours, theirs = (_about_mean(points[rows], weights, axis=0) for points in (self.ours, self.theirs))
        size = np.sqrt((weights * ours**2).sum() * (weights * theirs**2).sum())
        alike = (weights * ours * theirs).sum() >= _ALIKE * size
        apart = (weights * (ours - theirs) ** 2).sum() / max(weights.sum(), 1e-9)
        return bool(not alike and apart > _STILL_M**2)


def _about_mean(points: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    """Points (T, K, D) less their mean, with weights (T, K, 1), over points or frames."""
    total = np.maximum(weights.sum(axis, keepdims=True), 1e-9)
    centred: np.ndarray = points - (points * weights).sum(axis, keepdims=True) / total
    return centred


def _away(compared: _Compared, is_image: bool, fps: float) -> Bool[np.ndarray, " frames"]:
    """Frames of windows whose keypoints lie too far from the estimate; every window that holds a frame must agree."""
    count = len(compared.distance)
    step = max(1, round(_WINDOW_SECONDS * fps / 2))
    seen = compared.weights.sum(1) > 0
    away = np.ones(count, bool)
    # the last window is as long as the others
    for begin in range(0, max(1, count - step), step):
        rows = slice(max(0, min(begin, count - 2 * step)), begin + 2 * step)
        some = seen[rows]
        distance = float(np.median(compared.distance[rows][some])) if some.any() else 0.0
        unlike = int(some.sum()) >= _MIN_WINDOW_SECONDS * fps and compared.moves_unlike(rows)
        away[rows] &= (distance > _OFF_M and unlike) or (is_image and distance > _FAR_OFF_M)
    return away
