"""Scoring: the keypoint error that the gate compares, and the metrics of a track."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.geometry.metrics import (
    accel_mm_per_frame2,
    confidence_weighted_mean,
    jitter_10m_per_s3,
    keypoint_error_name,
    keypoint_errors,
    robust_rms,
    speed_p95_m_per_s,
)
from lsmplify_refine.solver.problem import Targets
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.smpl_joints import JOINTS, joint_indices

#: Robust radius of the gate's keypoint error, metres on the body.
_GATE_RADIUS_M = 0.1
_WRISTS_AND_ANKLES = list(joint_indices("left_wrist", "right_wrist", "left_ankle", "right_ankle"))


def gate_error(
    points: Float[np.ndarray, "frames points 3"], camera: Camera | None, keypoints: Keypoints, targets: Targets
) -> Float[np.ndarray, " frames"]:
    """Robust, confidence-weighted keypoint error of posed keypoints: pixels, or mm for 3D keypoints."""
    errors = keypoint_errors(points, camera, keypoints)
    radius = np.full(len(points), 1000 * _GATE_RADIUS_M)
    if camera is not None and not keypoints.is_3d:
        radius = _GATE_RADIUS_M * camera.K[:, 0, 0] / points[..., 2].mean(1)
    return robust_rms(errors, targets.weights.cpu().numpy(), radius[:, None])


def track_metrics(
    track: BodyTrack,
    camera: Camera | None,
    keypoints: Keypoints,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> dict[str, float]:
    """Keypoint error, jitter and amplitude of a track, each under a name with unit and joint set.

    The speeds are about the pelvis, so that a moving camera does not count as a moving wrist.
    """
    errors = keypoint_errors(track.keypoints(keypoints.convention), camera, keypoints)
    joints = track.joints()[:, :JOINTS]
    limbs = joints[:, _WRISTS_AND_ANKLES] - joints[:, :1]
    return {
        keypoint_error_name(keypoints): confidence_weighted_mean(errors, keypoints.confidence),
        "accel_mm_per_frame2": accel_mm_per_frame2(joints, frame_ids),
        "jitter_10m_per_s3": jitter_10m_per_s3(joints, frame_ids, fps),
        "speed_p95_m_per_s_wrists_ankles": speed_p95_m_per_s(limbs, frame_ids, fps),
    }
