"""Scoring: what the gate compares in each frame, and the metrics of a track."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import uniform_filter1d

from lsmplify_refine.body import skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.engine.gate import FrameScores
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.engine.track import Track
from lsmplify_refine.geometry.metrics import (
    accel_mm_per_frame2,
    confidence_weighted_mean,
    jerk_m_per_s3,
    jitter_10m_per_s3,
    keypoint_error_name,
    keypoint_errors,
    robust_rms,
    speed_p95_m_per_s,
    speeds_m_per_s,
)
from lsmplify_refine.geometry.smoothing import odd_window, segments
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.smpl_joints import JOINTS, WRISTS_AND_ANKLES

#: Robust radius of the gate's keypoint error, metres on the body.
_GATE_RADIUS_M = 0.1
#: Time over which the gate averages jerk: a single frame of it is noise.
_JERK_SECONDS = 0.5
#: Mean jerk of almost still people in motion capture, m/s^3, and its growth with the joints' mean speed, 1/s^2.
_JERK_AT_REST = 50.0
_JERK_PER_SPEED = 270.0


def frame_scores(
    skeleton: Skeleton, pose: Pose, track: Track, frame_ids: Int[np.ndarray, " frames"], fps: float
) -> FrameScores:
    """Keypoint error and jerk of each frame of a pose; the jerk is averaged over half a second.

    Args:
        skeleton: The shaped body.
        pose: The pose, on the track's frames.
        track: Keypoints and camera.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
    """
    posed = skinning.pose_keypoints(skeleton, pose.rotations)
    pelvis = pose.pelvis[:, None]
    points, joints = ((part + pelvis).cpu().double().numpy() for part in (posed.positions, posed.joints[:, :JOINTS]))
    speed = speeds_m_per_s(joints - joints[:, :1], frame_ids, fps)
    jerk, speed = (_averaged(values, frame_ids, fps) for values in (jerk_m_per_s3(joints, frame_ids, fps), speed))
    error = gate_error(points, track.camera, track.keypoints, track.targets)
    return FrameScores(error, jerk, _JERK_AT_REST + _JERK_PER_SPEED * speed)


def _averaged(
    values: Float[np.ndarray, " frames"], frame_ids: Int[np.ndarray, " frames"], fps: float
) -> Float[np.ndarray, " frames"]:
    """Means over `_JERK_SECONDS` about each frame, not across gaps."""
    width = odd_window(_JERK_SECONDS, fps)
    means = np.empty_like(values)
    for rows in segments(frame_ids):
        means[rows] = uniform_filter1d(values[rows], width, mode="nearest")
    return means


def gate_error(
    points: Float[np.ndarray, "frames points 3"], camera: Camera | None, keypoints: Keypoints, targets: Targets
) -> Float[np.ndarray, " frames"]:
    """Robust, confidence-weighted keypoint error of posed keypoints: pixels, or mm for 3D keypoints.

    Args:
        points: Of the body, metres, in the coordinates of camera or keypoints.
        camera: For 2D keypoints.
        keypoints: The observed ones.
        targets: Their weights.
    """
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

    Speeds are relative to the pelvis, so that a moving camera does not count as a moving wrist.

    Args:
        track: A posed body.
        camera: For 2D keypoints.
        keypoints: The observed ones.
        frame_ids: Video frame of each row.
        fps: Frames per second.
    """
    errors = keypoint_errors(track.keypoints(keypoints.convention), camera, keypoints)
    joints = track.joints()[:, :JOINTS]
    limbs = joints[:, WRISTS_AND_ANKLES] - joints[:, :1]
    return {
        keypoint_error_name(keypoints): confidence_weighted_mean(errors, keypoints.confidence),
        "accel_mm_per_frame2": accel_mm_per_frame2(joints, frame_ids),
        "jitter_10m_per_s3": jitter_10m_per_s3(joints, frame_ids, fps),
        "speed_p95_m_per_s_wrists_ankles": speed_p95_m_per_s(limbs, frame_ids, fps),
    }
