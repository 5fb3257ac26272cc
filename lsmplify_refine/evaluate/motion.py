"""Motion from 2D keypoints: whole takes of four kinds of estimator, refined, filtered, and both.

The other rows give the solver keypoints in space, and score single poses. Here the whole `Refiner` runs, as a user
runs it, against what users do without it: nothing, or a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.evaluate.datasets import TakeSet
from lsmplify_refine.evaluate.filters import Filter, one_euro, savitzky_golay
from lsmplify_refine.evaluate.image_takes import ESTIMATORS, Estimator, ImageTake, image_take
from lsmplify_refine.evaluate.methods import NOTHING
from lsmplify_refine.evaluate.scores import MPJPE, pa_mpjpe_mm
from lsmplify_refine.evaluate.takes import choose_takes
from lsmplify_refine.geometry.metrics import jitter_10m_per_s3, speed_p95_m_per_s
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.smpl_joints import JOINTS, WRISTS_AND_ANKLES

PA_MPJPE = "pa_mpjpe_mm_smpl22"
ACCEL_ERROR = "accel_error_mm_per_frame2"
JITTER = "jitter_10m_per_s3"
#: Amplitude: the 95th percentile of wrist and ankle speed over that of the truth.
SPEED_RATIO = "speed_p95_ratio"
#: The metrics, in their order within a cell.
METRICS = (MPJPE, PA_MPJPE, ACCEL_ERROR, JITTER, SPEED_RATIO)
REFINED = "refined"
_FILTERS: dict[str, Filter] = {"Savitzky-Golay": savitzky_golay, "one-euro": one_euro}


@dataclass(frozen=True)
class MotionResult:
    """One kind of estimator on one test set.

    Attributes:
        test_set: Name of the test set.
        name: The kind of estimator.
        frames: Number of scored frames.
        scores: Method -> metric -> mean over takes, weighted by their frames.
        truth: Jitter of the true motion.
    """

    test_set: str
    name: str
    frames: int
    scores: dict[str, dict[str, float]]
    truth: dict[str, float]


def evaluate_motion(
    sets: Sequence[TakeSet],
    refiner: Refiner,
    *,
    takes: int,
    take_seconds: float,
    seed: int,
    quick: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[MotionResult]:
    """Measure every kind of estimator on every test set.

    Args:
        sets: Test sets.
        refiner: Refines onto 2D keypoints; its body is the body of the truth.
        takes: Max whole takes per test set; 0 for all.
        take_seconds: Max seconds of each take; 0 for all.
        seed: Seed of all random values.
        quick: Whether to measure only the first and the last kind.
        progress: Called with the test set's name, finished kinds, and all kinds.
    """
    kinds = (ESTIMATORS[0], ESTIMATORS[-1]) if quick else ESTIMATORS
    results = []
    for found in sets:
        chosen = choose_takes(found.takes, takes, take_seconds)
        for index, kind in enumerate(kinds):
            made = [image_take(take, refiner.body, kind, seed) for take in chosen]
            results.append(_measure(found.name, kind, made, refiner))
            if progress:
                progress(f"{found.name}: motion", index + 1, len(kinds))
    return results


def _measure(test_set: str, kind: Estimator, takes: Sequence[ImageTake], refiner: Refiner) -> MotionResult:
    frames = [len(take.estimate) for take in takes]
    scored = [_scores(take, refiner) for take in takes]
    means = {
        method: {name: _mean([scores[method][name] for scores in scored], frames) for name in METRICS}
        for method in scored[0]
    }
    jitter = [_jitter(_joints(refiner.body, take.rotations, take.betas), take.estimate) for take in takes]
    return MotionResult(test_set, kind.name, sum(frames), means, {JITTER: _mean(jitter, frames)})


def _mean(values: Sequence[float], frames: Sequence[int]) -> float:
    return float(np.average(values, weights=frames))


def _scores(take: ImageTake, refiner: Refiner) -> dict[str, dict[str, float]]:
    """Every method's metrics on one take."""
    refined = refiner.refine(take.estimate).refined
    poses = {}
    for name, estimate in ((NOTHING, take.estimate), (REFINED, refined)):
        poses[name] = _rotations(estimate, take.rotations)
        for label, filtered in _FILTERS.items():
            after = label if name == NOTHING else f"{name}, then {label}"
            poses[after] = filtered(poses[name], estimate.transl.astype(np.float64))[0]
    truth = _joints(refiner.body, take.rotations, take.betas)
    return {
        name: _compare(_joints(refiner.body, pose, take.betas), truth, take.estimate) for name, pose in poses.items()
    }


def _rotations(estimate: Estimate, truth: np.ndarray) -> np.ndarray:
    """An estimate's rotations (T, J, 3, 3), the hands as in the truth."""
    rotvec = np.concatenate([estimate.global_orient[:, None], estimate.body_pose[:, : JOINTS - 1]], 1)
    return np.concatenate([rotvec_to_rotmat(rotvec.astype(np.float64)), truth[:, JOINTS:]], 1)


def _joints(body: BodyModel, rotations: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """Joints (T, 22, 3) about the pelvis, metres."""
    joints = body.joints(rotations, np.zeros((len(rotations), 3)), betas)[:, :JOINTS]
    about_pelvis: np.ndarray = joints - joints[:, :1]
    return about_pelvis


def _jitter(joints: np.ndarray, estimate: Estimate) -> float:
    return jitter_10m_per_s3(joints, estimate.frame_ids, estimate.fps or 30.0)


def _compare(joints: np.ndarray, truth: np.ndarray, estimate: Estimate) -> dict[str, float]:
    fps = estimate.fps or 30.0
    speed, true_speed = (
        speed_p95_m_per_s(each[:, WRISTS_AND_ANKLES], estimate.frame_ids, fps) for each in (joints, truth)
    )
    apart = np.diff(joints - truth, n=2, axis=0)
    return {
        MPJPE: 1000 * float(np.linalg.norm(joints - truth, axis=-1).mean()),
        PA_MPJPE: pa_mpjpe_mm(joints, truth),
        ACCEL_ERROR: 1000 * float(np.linalg.norm(apart, axis=-1).mean()) if apart.size else 0.0,
        JITTER: _jitter(joints, estimate),
        SPEED_RATIO: speed / max(true_speed, 1e-9),
    }
