"""One camera's estimate, refined with that camera's 2D keypoints, judged by a triangulation of the others.

The estimator is a detector's landmarks in space, which it guesses from one image: posed as SMPL by `Refiner.fit`, and
placed under the camera's own keypoints. "Tracked" fits the whole clip; "per frame" fits each frame on its own and has
a real per-frame estimator's jitter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lsmplify_refine.engine.refinement import BodyTrack, Refinement
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.evaluate.filters import polynomials, savitzky_golay
from lsmplify_refine.evaluate.methods import NOTHING
from lsmplify_refine.evaluate.motion import REFINED
from lsmplify_refine.evaluate.scores import pa_mpjpe_mm
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec
from lsmplify_refine.geometry.triangulation import triangulate
from lsmplify_refine.values.camera import CalibratedCamera, Camera
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.smpl_joints import JOINTS

MPJPE, PA_MPJPE, ACCEL_ERROR = "mpjpe_mm_limbs12_hips", "pa_mpjpe_mm_limbs12", "accel_error_mm_per_frame2"
METRICS = (MPJPE, PA_MPJPE, ACCEL_ERROR)
#: The rows of the table, do-nothing first.
METHODS = (NOTHING, "Savitzky-Golay", REFINED, f"{REFINED}, then Savitzky-Golay")
#: The points that are scored; the hips come first.
LIMBS = tuple(
    f"{side}_{joint}" for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for side in ("left", "right")
)
#: The truth's own jitter is removed by this filter before accelerations are compared: frames, order.
_TRUTH_WINDOW, _TRUTH_ORDER = 15, 3
#: Depths beyond this factor of the median are failures of the placing.
_MAX_DEPTH_RATIO = 2.0


@dataclass(frozen=True, eq=False)
class View:
    """What one camera's detector says of a person, T frames.

    Attributes:
        camera: The calibrated camera.
        keypoints: In the camera's image, pixels.
        landmarks: In space about the hips, metres, in the camera's axes.
        image_size: (width, height), pixels.
        fps: Frames per second.
    """

    camera: CalibratedCamera
    keypoints: Keypoints
    landmarks: Keypoints
    image_size: tuple[int, int]
    fps: float


def judge_cameras(
    views: Mapping[str, View], refiner: Refiner, *, per_frame: bool
) -> dict[str, dict[str, dict[str, float]]]:
    """Camera -> method -> metric, each camera judged by all others.

    Args:
        views: Two or more others for each camera: three in all.
        refiner: Refines the estimates; its body is posed.
        per_frame: Whether the estimator sees each frame on its own.
    """
    estimator = Refiner(refiner.body, smooth_seconds=0.0) if per_frame else Refiner(refiner.body)
    found = {}
    for name, view in views.items():
        others = {other: each for other, each in views.items() if other != name}
        truth = seen_by(others, view.camera)
        estimate = estimated(view, estimator)
        found[name] = _judged(refiner.refine(estimate), truth)
    return found


def mean_scores(cameras: Mapping[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Method -> metric -> mean over the cameras."""
    return {
        method: {metric: float(np.mean([each[method][metric] for each in cameras.values()])) for metric in METRICS}
        for method in METHODS
    }


def worse_cameras(cameras: Mapping[str, dict[str, dict[str, float]]]) -> dict[str, int]:
    """Metric -> how many cameras refining made worse."""
    return {
        metric: sum(each[REFINED][metric] > each[NOTHING][metric] for each in cameras.values()) for metric in METRICS
    }


def seen_by(others: Mapping[str, View], camera: CalibratedCamera) -> Keypoints:
    """The other cameras' keypoints, triangulated, in a camera's coordinates."""
    seen = triangulate(
        {name: view.keypoints for name, view in others.items()}, {name: view.camera for name, view in others.items()}
    )
    return replace(seen, positions=seen.positions.astype(np.float64) @ camera.R.T + camera.t)


def estimated(view: View, estimator: Refiner) -> Estimate:
    """One camera's estimate: its landmarks in space as SMPL, placed under its undistorted keypoints."""
    posed = estimator.fit(view.landmarks, fps=view.fps).after
    count, K = len(posed), view.camera.K
    rays = view.camera.rays(view.keypoints.positions)
    points = posed.keypoints(view.keypoints.convention) - posed.pelvis[:, None]
    pelvis = placed(points, rays, view.keypoints.confidence)
    rotvec = rotmat_to_rotvec(posed.rotations[:, :JOINTS]).astype(np.float32)
    pixels = rays * K[[0, 1], [0, 1]] + K[:2, 2]
    return Estimate(
        "smplx",
        "neutral",
        rotvec[:, 0],
        rotvec[:, 1:],
        np.zeros((count, 10), np.float32),
        (pelvis - MEAN_REST_PELVIS["smplx"]).astype(np.float32),
        camera=Camera(np.tile(K, (count, 1, 1)), view.image_size),
        fps=view.fps,
        keypoints=replace(view.keypoints, positions=pixels.astype(np.float32)),
    )


def placed(points: np.ndarray, rays: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The translations (T, 3) that put points (T, K, 3) onto rays (T, K, 2), by weighted least squares.

    A ray (u, v) says that x - u z = 0 and y - v z = 0 for the translated point.
    """
    rows = np.zeros((*rays.shape, 3))
    rows[..., 0, 0] = rows[..., 1, 1] = 1.0
    rows[..., 2] = -rays
    right = rays * points[..., 2:] - points[..., :2]
    normal = np.einsum("tk,tkri,tkrj->tij", weights, rows, rows)
    target = np.einsum("tk,tkri,tkr->ti", weights, rows, right)
    found = np.zeros((len(points), 3))
    known = np.linalg.matrix_rank(normal) == 3
    found[known] = np.linalg.solve(normal[known], target[known][..., None])[..., 0]
    depth = np.median(found[known, 2]) if known.any() else 1.0
    good = known & (found[:, 2] > depth / _MAX_DEPTH_RATIO) & (found[:, 2] < depth * _MAX_DEPTH_RATIO)
    found[~good] = np.median(found[good], axis=0)
    return found


def _judged(result: Refinement, truth: Keypoints) -> dict[str, dict[str, float]]:
    tracks = (result.before, _filtered(result.before), result.after, _filtered(result.after))
    return {name: scores(track.keypoints(truth.convention), truth) for name, track in zip(METHODS, tracks, strict=True)}


def _filtered(track: BodyTrack) -> BodyTrack:
    rotations, pelvis = savitzky_golay(track.rotations.astype(np.float64), track.pelvis.astype(np.float64))
    return replace(track, rotations=rotations, pelvis=pelvis)


def scores(points: np.ndarray, truth: Keypoints) -> dict[str, float]:
    """Errors of keypoints (T, K, 3) at twelve limb points, in frames where all of them are known."""
    limbs = [CONVENTIONS[truth.convention].points.index(name) for name in LIMBS]
    known: np.ndarray = truth.confidence[:, limbs].min(axis=1) > 0
    found, true = points[:, limbs].astype(np.float64), truth.positions[:, limbs].astype(np.float64)
    about = [each - each[:, :2].mean(1, keepdims=True) for each in (found, true)]
    calm = polynomials(about[1], _TRUTH_WINDOW, _TRUTH_ORDER)
    steady = known[2:] & known[1:-1] & known[:-2]
    accel = np.linalg.norm(np.diff(about[0] - calm, n=2, axis=0), axis=-1)[steady]
    return {
        MPJPE: 1000 * float(np.linalg.norm(about[0] - about[1], axis=-1)[known].mean()),
        PA_MPJPE: pa_mpjpe_mm(found[known], true[known]),
        ACCEL_ERROR: 1000 * float(accel.mean()) if accel.size else 0.0,
    }
