"""Simulated takes before a camera: four kinds of estimator, one detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lsmplify_refine.evaluate.image_takes import ESTIMATORS, Estimator, ImageTake, image_take
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from tests.support.motion_sets import take
from tests.support.scenes import open_body

SMOOTH, JITTERY, VERY_JITTERY, WILD = ESTIMATORS


def made(estimator: Estimator, frames: int = 200, seed: int = 0) -> ImageTake:
    return image_take(take(frames), open_body(), estimator, seed)


def error_of(simulated: ImageTake) -> np.ndarray:
    """The joints' errors as rotation vectors (T, 22, 3)."""
    estimate = simulated.estimate
    wrong = rotvec_to_rotmat(np.concatenate([estimate.global_orient[:, None], estimate.body_pose], 1))
    return rotmat_to_rotvec(np.swapaxes(simulated.rotations[:, :22], -1, -2) @ wrong)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.name)
def test_errors_are_as_slow_and_as_large_as_the_kind_says(estimator: Estimator) -> None:
    errors = np.concatenate([error_of(made(estimator, seed=seed))[:, 1:] for seed in range(3)], 1)
    whole = np.hypot(estimator.slow_rad, estimator.white_rad)
    assert errors.std() == pytest.approx(whole, rel=0.25)
    # the difference of independent values has twice their variance
    assert np.diff(errors, axis=0).std() == pytest.approx(np.sqrt(2) * estimator.white_rad, abs=0.01)


def test_kinds_share_camera_shape_and_keypoints() -> None:
    one, other = made(SMOOTH), made(WILD)
    assert one.estimate.keypoints is not None and other.estimate.keypoints is not None
    assert one.estimate.camera is not None and other.estimate.camera is not None
    assert np.array_equal(one.estimate.keypoints.positions, other.estimate.keypoints.positions)
    assert np.array_equal(one.estimate.camera.K, other.estimate.camera.K)
    assert np.array_equal(one.rotations, other.rotations) and np.array_equal(one.betas, other.betas)
    again = made(SMOOTH)
    assert np.array_equal(one.estimate.body_pose, again.estimate.body_pose)
    assert not np.array_equal(one.rotations, made(SMOOTH, seed=1).rotations)


def test_keypoints_lie_on_the_true_body_within_a_detectors_noise() -> None:
    perfect = made(Estimator("perfect", 0.0, 0.0))
    estimate = perfect.estimate
    assert estimate.camera is not None and estimate.keypoints is not None
    pelvis = estimate.transl - np.array([-0.0031, 0.3514, -0.0120])  # SMPL-X's rest pelvis
    points = open_body().keypoints("coco17", perfect.rotations, pelvis, perfect.betas)
    off = np.linalg.norm(project_to_image(points, estimate.camera.K) - estimate.keypoints.positions, axis=-1)
    height = np.median(np.ptp(estimate.keypoints.positions[..., 1], axis=1))
    assert 0.004 < np.median(off) / height < 0.08  # the pelvis keeps the estimator's own error
    assert (points[..., 2] > 1.0).all()
    assert estimate.keypoints.confidence.min() >= 0.3 and estimate.keypoints.confidence.max() <= 1.0


def test_a_body_upright_in_the_world_is_upright_in_the_image() -> None:
    still = replace(take(5), rotvec=np.zeros((5, 22, 3), np.float32), pelvis=np.zeros((5, 3), np.float32))
    estimate = image_take(still, open_body(), SMOOTH, 0).estimate
    assert estimate.keypoints is not None
    y = estimate.keypoints.positions.mean(0)[:, 1]
    assert y[0] < y[5:7].min() and y[5:7].max() < y[11:13].min() and y[11:13].max() < y[15:17].min()


@pytest.mark.parametrize("fps", [15.0, 60.0])
def test_slow_errors_are_as_slow_at_any_frame_rate(fps: float) -> None:
    """What changes in a second does not depend on the rate."""
    changes = []
    for rate in (30.0, fps):
        frames = round(10 * rate)
        still = replace(take(frames), rotvec=np.zeros((frames, 22, 3), np.float32), fps=rate)
        errors = error_of(image_take(still, open_body(), SMOOTH, 0))
        changes.append(np.linalg.norm(errors[round(rate) :] - errors[: -round(rate)], axis=-1).mean())
    assert changes[0] == pytest.approx(changes[1], rel=0.2)
