"""Undo smoothing that removed motion: if the smoothed estimate is farther from its keypoints."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import uniform_filter1d

from lsmplify_refine.engine.correct import apply_correction, correction_to
from lsmplify_refine.engine.gate import ease
from lsmplify_refine.geometry.smoothing import odd_window, segments
from lsmplify_refine.solver.problem import Pose

#: Errors are averaged over this time, seconds: those of single frames are noise.
_WINDOW_SECONDS = 0.5
#: Factor by which the error may grow. Keypoints in space come from elsewhere than the estimate; without its jitter the
#: error falls. A detector that sees the same picture shares some of the jitter, and then the error grows by a fifth.
_SLACK, _SLACK_IN_IMAGE = 1.2, 2.0


def without_lost_motion(
    start: Pose,
    smooth: Pose,
    start_error: Float[np.ndarray, " frames"],
    smooth_error: Float[np.ndarray, " frames"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    *,
    is_image: bool,
) -> Pose:
    """The estimate freed of jitter, but as it was where that made its keypoint error grow.

    These frames are not a motion (single images, a missed cut), or a faster one than the model allows.

    Args:
        start: The estimate.
        smooth: The same without jitter.
        start_error: Its keypoint error, in pixels or mm.
        smooth_error: The smooth one's.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
        is_image: Whether the keypoints are 2D.
    """
    slack = _SLACK_IN_IMAGE if is_image else _SLACK
    width = odd_window(_WINDOW_SECONDS, fps)
    kept = np.ones(len(frame_ids))
    for rows in segments(frame_ids):
        before, after = (uniform_filter1d(error[rows], width, mode="nearest") for error in (start_error, smooth_error))
        kept[rows] = after <= slack * before
    if kept.all():
        return smooth
    turn, shift = correction_to(smooth, start)
    return apply_correction(start, turn, shift, ease(kept, frame_ids, fps, _WINDOW_SECONDS))
