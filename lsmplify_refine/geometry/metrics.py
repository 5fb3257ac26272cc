"""Keypoint errors and jitter; each metric's name carries unit, alignment and joint set."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.robust import robust_square
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.keypoints import Keypoints

#: Probability beyond which a foot counts as standing still.
_STILL = 0.8


def reprojection_errors_px(
    points: Float[np.ndarray, "frames points 3"], K: Float[np.ndarray, "frames 3 3"], keypoints: Keypoints
) -> Float[np.ndarray, "frames points"]:
    """Distance in pixels between projected body keypoints and 2D keypoints; 0 where missing."""
    error = np.linalg.norm(project_to_image(points, K) - np.nan_to_num(keypoints.positions), axis=-1)
    return np.where(keypoints.confidence > 0, error, 0.0)


def position_errors_mm(
    points: Float[np.ndarray, "frames points 3"], keypoints: Keypoints
) -> Float[np.ndarray, "frames points"]:
    """Distance in mm between body keypoints and 3D keypoints of the same frame; 0 where missing."""
    error = 1000 * np.linalg.norm(points - np.nan_to_num(keypoints.positions), axis=-1)
    return np.where(keypoints.confidence > 0, error, 0.0)


def keypoint_errors(
    points: Float[np.ndarray, "frames points 3"], camera: Camera | None, keypoints: Keypoints
) -> Float[np.ndarray, "frames points"]:
    """Errors in the unit of `keypoint_error_name`: mm for 3D keypoints, else pixels."""
    if keypoints.is_3d:
        return position_errors_mm(points, keypoints)
    if camera is None:
        raise ValueError("2D keypoints need a camera")
    return reprojection_errors_px(points, camera.K, keypoints)


def keypoint_error_name(keypoints: Keypoints) -> str:
    """Metric name of the mean of `keypoint_errors`, with unit and joint set."""
    return f"{'mpjpe_mm' if keypoints.is_3d else 'reprojection_px'}_{keypoints.convention}"


def confidence_weighted_mean(
    errors: Float[np.ndarray, "frames points"], confidence: Real[np.ndarray, "frames points"]
) -> float:
    """Confidence-weighted mean of errors; NaN without any confidence."""
    total = float(confidence.sum())
    return float((errors * confidence).sum() / total) if total > 0 else float("nan")


def confidence_weighted_means(
    errors: Float[np.ndarray, "frames points"], confidence: Real[np.ndarray, "frames points"], axis: int
) -> Float[np.ndarray, " means"]:
    """Confidence-weighted means over the frames (axis 0) or the points (axis 1); NaN without any confidence."""
    weight = confidence.sum(axis)
    return np.where(weight > 0, (errors * confidence).sum(axis) / np.maximum(weight, 1e-9), np.nan)


def robust_rms(
    errors: Float[np.ndarray, "frames points"],
    weights: Float[np.ndarray, "frames points"],
    radius: Float[np.ndarray, "frames 1"] | float,
) -> Float[np.ndarray, " frames"]:
    """Per-frame robust error: root of the weighted mean of e^2 / (1 + e^2 / radius^2) (Geman-McClure).

    Args:
        errors: (T, K).
        weights: (T, K); a frame without weight has error 0.
        radius: (T, 1) or scalar, in the unit of `errors`; errors saturate beyond it.
    """
    error: np.ndarray = np.sqrt((robust_square(errors**2, radius) * weights).sum(1) / np.maximum(weights.sum(1), 1e-9))
    return error


def accel_mm_per_frame2(joints: Float[np.ndarray, "frames joints 3"], frame_ids: Int[np.ndarray, " frames"]) -> float:
    """Mean norm of the second difference of joints in metres, in mm/frame^2; differences across gaps are left out."""
    return 1000 * _mean_or_zero(_difference_norms(joints, frame_ids, 2))


def accel_error_m_per_s2(
    points: Float[np.ndarray, "frames points 3"],
    truth: Float[np.ndarray, "frames points 3"],
    seen: Bool[np.ndarray, "frames points"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> float:
    """Mean error of the acceleration of points, m/s^2; NaN if no point is seen in three frames in a row.

    Args:
        points: Metres.
        truth: The true points, metres.
        seen: Which points count.
        frame_ids: Video frame of each row.
        fps: Frames per second.

    Source: HMMR (Kanazawa et al. 2019); GVHMR reports it in this unit.
    """
    norms = _difference_norms(points - truth, frame_ids, 2)
    known = np.isfinite(norms) & seen[:-2] & seen[1:-1] & seen[2:]
    return float(norms[known].mean()) * fps**2 if known.any() else float("nan")


def jitter_10m_per_s3(
    joints: Float[np.ndarray, "frames joints 3"], frame_ids: Int[np.ndarray, " frames"], fps: float
) -> float:
    """Mean jerk of joints in metres, in 10 m/s^3, as WHAM and GVHMR report it; jerk across gaps is left out."""
    return _mean_or_zero(_difference_norms(joints, frame_ids, 3)) * fps**3 / 10


def jerk_m_per_s3(
    joints: Float[np.ndarray, "frames joints 3"], frame_ids: Int[np.ndarray, " frames"], fps: float
) -> Float[np.ndarray, " frames"]:
    """Each frame's jerk (third difference of joints in metres), the mean over joints; 0 near gaps and ends."""
    jerk = np.zeros(len(joints))
    if len(joints) > 3:
        # the third difference is centred between the second and the third of its four frames
        jerk[2:-1] = np.nan_to_num(_difference_norms(joints, frame_ids, 3)).mean(1) * fps**3
    return jerk


def frame_jitter_10m_per_s3(
    joints: Float[np.ndarray, "frames joints 3"], frame_ids: Int[np.ndarray, " frames"], fps: float
) -> Float[np.ndarray, " frames"]:
    """Each frame's share of `jitter_10m_per_s3`, the mean over joints; NaN near gaps and ends."""
    jitter = np.full(len(joints), np.nan)
    if len(joints) > 3:
        jitter[2:-1] = _difference_norms(joints, frame_ids, 3).mean(1) * fps**3 / 10
    return jitter


def speeds_m_per_s(
    joints: Float[np.ndarray, "frames joints 3"], frame_ids: Int[np.ndarray, " frames"], fps: float
) -> Float[np.ndarray, " frames"]:
    """Each frame's speed since the frame before, the mean over joints in metres; 0 after a gap."""
    speed = np.zeros(len(joints))
    speed[1:] = np.nan_to_num(_difference_norms(joints, frame_ids, 1)).mean(1) * fps
    return speed


def speed_p95_m_per_s(
    joints: Float[np.ndarray, "frames joints 3"], frame_ids: Int[np.ndarray, " frames"], fps: float
) -> float:
    """95th percentile of the speeds of joints in metres, m/s; what smoothing takes from a swing shows here."""
    speeds = _difference_norms(joints, frame_ids, 1)
    known = speeds[np.isfinite(speeds)]
    return float(np.percentile(known, 95)) * fps if known.size else 0.0


def foot_slide_cm_per_s(
    feet: Float[np.ndarray, "frames feet 3"],
    still: Float[np.ndarray, "frames feet"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    *,
    up: int,
) -> float:
    """Mean speed along the ground of feet that should stand still, cm/s; 0 if none does.

    Args:
        feet, still, frame_ids, fps, up: See `slides_cm_per_s`.
    """
    return _mean_or_zero(slides_cm_per_s(feet, still, frame_ids, fps, up=up))


def slides_cm_per_s(
    feet: Float[np.ndarray, "frames feet 3"],
    still: Float[np.ndarray, "frames feet"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    *,
    up: int,
) -> Float[np.ndarray, "steps feet"]:
    """Speed along the ground of each foot that should stand still from a frame to the next, cm/s; NaN for others.

    Args:
        feet: Joints of the feet in a world, metres.
        still: Probability that each stands still from a frame to the next; beyond 0.8 it counts, as in GVHMR.
        frame_ids: (T,) video frame of each row; steps across gaps are left out.
        fps: Frames per second.
        up: The vertical axis.
    """
    speeds = 100 * fps * _difference_norms(np.delete(feet, up, axis=-1), frame_ids, 1)
    return np.where(still[:-1] > _STILL, speeds, np.nan)


def floor_spread_cm(feet: Float[np.ndarray, "frames feet 3"], *, up: int) -> float:
    """Standard deviation of the lowest foot's height over the frames, cm; `up` is the vertical axis."""
    return 100 * float(feet[..., up].min(1).std())


def _difference_norms(
    joints: Float[np.ndarray, "frames joints axes"], frame_ids: Int[np.ndarray, " frames"], order: int
) -> Float[np.ndarray, "differences joints"]:
    """Norms of the differences of an order; NaN across gaps."""
    norms = np.linalg.norm(np.diff(joints, n=order, axis=0), axis=-1)
    last = np.arange(len(norms)) + order
    steady = frame_ids[last] - frame_ids[last - order] == order
    return np.where(steady[:, None], norms, np.nan)


def _mean_or_zero(values: Float[np.ndarray, " *differences"]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else 0.0
