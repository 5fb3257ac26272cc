"""One camera judged by the others, on generated people whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lsmplify_refine import Keypoints, Refiner
from lsmplify_refine.evaluate.multiview.protocol import (
    ACCEL_ERROR,
    METHODS,
    METRICS,
    MPJPE,
    PA_MPJPE,
    estimated,
    judge_cameras,
    mean_scores,
    placed,
    scores,
    seen_by,
    worse_cameras,
)
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.camera_rooms import around, true_landmarks, views
from tests.support.scenes import open_body


def test_the_truth_is_what_the_other_cameras_see_in_the_judged_ones_coordinates() -> None:
    seen = views(6)
    for name, view in seen.items():
        # its own keypoints have no say
        spoilt = replace(view, keypoints=replace(view.keypoints, positions=0 * view.keypoints.positions))
        others = {other: each for other, each in seen.items() if other != name}
        truth = seen_by(others, spoilt.camera)
        assert np.allclose(truth.positions, true_landmarks(6) @ view.camera.R.T + view.camera.t, atol=2e-3)


def test_placing_puts_points_onto_their_rays() -> None:
    generator = np.random.default_rng(0)
    points = generator.normal(0, 0.4, (5, 8, 3))
    away = generator.uniform([-0.5, -0.5, 3], [0.5, 0.5, 5], (5, 3))
    there = points + away[:, None]
    rays, weights = there[..., :2] / there[..., 2:], np.ones((5, 8))
    assert np.allclose(placed(points, rays, weights), away)
    weights[2] = 0  # nobody seen: where the person is in the other frames
    assert np.allclose(placed(points, rays, weights)[2], np.median(np.delete(away, 2, 0), axis=0))


def test_an_estimate_lies_under_its_cameras_keypoints() -> None:
    view = views(8)["cam1"]
    estimate = estimated(view, Refiner(open_body(), weights="none"))
    assert estimate.camera is not None and estimate.keypoints is not None
    true = true_landmarks(8) @ view.camera.R.T + view.camera.t
    pelvis = estimate.transl + np.array([0.0031, -0.3514, 0.0120])
    assert np.linalg.norm(pelvis - true[:, 23:25].mean(1), axis=-1).max() < 0.6
    # the lens's distortion is gone
    pixels = true @ view.camera.K.T
    assert np.allclose(pixels[..., :2] / pixels[..., 2:], estimate.keypoints.positions, atol=0.05)


def test_scores_by_hand() -> None:
    true = true_landmarks(30)
    truth = Keypoints("mediapipe33", true, np.ones(true.shape[:2]))
    turned = 1.1 * true @ rotvec_to_rotmat(np.array([0.0, 0.2, 0.0])).T + 3.0
    assert scores(true + 2.0, truth)[MPJPE] == pytest.approx(0, abs=1e-6)
    assert scores(turned, truth)[PA_MPJPE] == pytest.approx(0, abs=1e-6) and scores(turned, truth)[MPJPE] > 30
    off = true.copy()
    off[:, 15, 0] += 0.12  # one of twelve points
    assert scores(off, truth)[MPJPE] == pytest.approx(10.0)
    shaking = true + 0.01 * (-1.0) ** np.arange(30)[:, None, None] * (np.arange(33) == 15)[None, :, None]
    still = scores(true, truth)[ACCEL_ERROR]
    # a point that alternates by 1 cm on each axis has second differences of 4 cm
    assert scores(shaking, truth)[ACCEL_ERROR] - still == pytest.approx(40 * np.sqrt(3) / 12, rel=0.05)


def test_frames_that_the_other_cameras_do_not_see_are_left_out() -> None:
    true = true_landmarks(12)
    confidence = np.ones(true.shape[:2])
    confidence[3:5, 15] = 0
    spoilt = true.copy()
    spoilt[3:5, 15] = 9.0
    found = scores(spoilt, Keypoints("mediapipe33", true, confidence))
    assert found[MPJPE] == pytest.approx(0, abs=1e-6) and found[PA_MPJPE] == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module", params=[False, True], ids=["tracked", "per frame"])
def judged(request: pytest.FixtureRequest) -> tuple[bool, dict[str, dict[str, dict[str, float]]]]:
    """Landmarks that are too flat and shake; the pixels are exact."""
    refiner = Refiner(open_body(), weights="none")
    return request.param, judge_cameras(views(flattened=0.6, jitter_m=0.015), refiner, per_frame=request.param)


def test_each_camera_has_every_method_and_metric(
    judged: tuple[bool, dict[str, dict[str, dict[str, float]]]],
) -> None:
    _, cameras = judged
    assert list(cameras) == list(around())
    for methods in cameras.values():
        assert tuple(methods) == METHODS and all(tuple(metrics) == METRICS for metrics in methods.values())
    means = mean_scores(cameras)
    assert means["refined"][MPJPE] == pytest.approx(np.mean([each["refined"][MPJPE] for each in cameras.values()]))
    assert means["refined"][MPJPE] < means["do nothing"][MPJPE]
    worse = [name for name, each in cameras.items() if each["refined"][MPJPE] > each["do nothing"][MPJPE]]
    assert worse_cameras(cameras)[MPJPE] == len(worse)


def test_only_the_per_frame_estimator_shakes(judged: tuple[bool, dict[str, dict[str, dict[str, float]]]]) -> None:
    per_frame, cameras = judged
    means = mean_scores(cameras)
    shaking = means["do nothing"][ACCEL_ERROR]
    assert shaking > 20 if per_frame else shaking < 10
