"""Keypoint smoothing: keypoints averaged over time about a smooth track.

Keypoint noise changes from frame to frame; the error of an estimate does not. So the difference between keypoints and a
smooth track may be averaged over some frames, as a correction may be. This reduces noise, replaces single outliers and
closes short gaps. The motion itself is not averaged.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int

from lsmplify_refine.body import skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.geometry.projection import points_to_rays
from lsmplify_refine.geometry.smoothing import smooth
from lsmplify_refine.solver.gauss_newton import residuals, robust_weights
from lsmplify_refine.solver.problem import Pose, Targets

#: Robust radius about the track, metres.
_RADIUS_M = 0.12
#: Keypoints whose mean confidence is below this count as missing.
_MIN_CONFIDENCE = 0.1


def smooth_about_track(
    skeleton: Skeleton,
    track: Pose,
    targets: Targets,
    *,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    seconds: float,
) -> Targets:
    """Targets with a low-passed difference from a track, and low-passed confidence.

    Args:
        skeleton: The shaped body with the targets' convention.
        track: A smooth track near the targets.
        targets: The observations.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
        seconds: Standard deviation of the low-pass.
    """
    points = skinning.keypoints(skeleton, track.rotations) + track.pelvis[:, None]
    weights = (targets.weights * robust_weights(residuals(points, targets)[0], _RADIUS_M)).cpu().double().numpy()
    expected = points_to_rays(points)[0] if targets.is_image else points
    error = (targets.positions - expected).cpu().double().numpy()
    error = smooth(error, frame_ids, fps, seconds, weights[..., None])
    confidence = smooth(weights, frame_ids, fps, seconds)
    confidence = np.where(confidence < _MIN_CONFIDENCE, 0.0, confidence)
    return Targets(expected + torch.as_tensor(error).to(expected), torch.as_tensor(confidence).to(expected))
