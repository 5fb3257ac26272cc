"""What the gate compares, and the metrics of a track."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lsmplify_refine import Camera, Estimate, Keypoints, Refiner
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.engine.scoring import gate_error, track_metrics
from lsmplify_refine.engine.track import make_track
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.scenes import FPS, open_body, scene, true_motion

NAMES = {
    "reprojection_px_coco17",
    "accel_mm_per_frame2",
    "jitter_10m_per_s3",
    "speed_p95_m_per_s_wrists_ankles",
}


def metrics_of(pose: np.ndarray, pelvis: np.ndarray, fps: float) -> dict[str, float]:
    count = len(pose)
    track = BodyTrack(open_body(), rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    keypoints = Keypoints("coco17", np.zeros((count, 17, 2)), np.ones((count, 17)))
    camera = Camera(np.tile([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]], (count, 1, 1)))
    return track_metrics(track, camera, keypoints, np.arange(count), fps)


def test_jitter_and_amplitude_are_measured_per_second() -> None:
    """The same motion at half the frame rate has the same amplitude, and about the same jerk."""
    pose, pelvis = true_motion(90)
    full, half = metrics_of(pose, pelvis, FPS), metrics_of(pose[::2], pelvis[::2], FPS / 2)
    for name in ("jitter_10m_per_s3", "speed_p95_m_per_s_wrists_ankles"):
        assert half[name] == pytest.approx(full[name], rel=0.1)


def test_amplitude_is_about_the_pelvis_and_falls_with_the_swing() -> None:
    pose, pelvis = true_motion(90)
    swing = "speed_p95_m_per_s_wrists_ankles"
    whole = metrics_of(pose, pelvis, FPS)[swing]
    walked = metrics_of(pose, pelvis + np.linspace(0, 9, 90)[:, None], FPS)
    assert walked[swing] == pytest.approx(whole, rel=1e-6)
    mean = pose.mean(0, keepdims=True)
    assert metrics_of(mean + 0.6 * (pose - mean), pelvis, FPS)[swing] == pytest.approx(0.6 * whole, rel=0.1)


def test_every_stage_of_a_refinement_has_every_metric() -> None:
    """With the rate of the estimate: at twice the rate the same frames move twice as fast."""
    slow, fast = (Refiner(open_body(), weights="none").refine(scene(30, fps=fps)).metrics for fps in (30.0, 60.0))
    for stage in ("input", "calibrated", "refined"):
        assert set(slow[stage]) == NAMES
    name = "speed_p95_m_per_s_wrists_ankles"
    assert fast["input"][name] == pytest.approx(2 * slow["input"][name], rel=1e-6)
    name = "jitter_10m_per_s3"
    assert fast["input"][name] == pytest.approx(8 * slow["input"][name], rel=1e-6)


def shaking_keypoints(frames: int = 90) -> Estimate:
    """A calm estimate, whose keypoints have a detector's noise in the middle third."""
    estimate = scene(frames, error_deg=5.0)
    assert estimate.keypoints is not None
    noise = np.random.default_rng(0).normal(0, 6.0, (frames, 17, 2))
    noise[: frames // 3] = noise[2 * frames // 3 :] = 0
    return estimate.replace(keypoints=replace(estimate.keypoints, positions=estimate.keypoints.positions + noise))


def test_a_correction_that_shakes_is_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the motion model the pose would follow the noise; who fits each frame on its own asks for just that."""
    estimate = shaking_keypoints()
    monkeypatch.setattr("lsmplify_refine.engine.correct.most_likely_motion", lambda start, fit, *_, **__: fit)
    barely, unsmoothed = (
        Refiner(open_body(), weights="none", smooth_seconds=seconds).refine(estimate) for seconds in (None, 0.0)
    )
    assert any("jitter would rise" in reason for reason in barely.reasons[30:60])
    assert not any("jitter" in reason for reason in (*barely.reasons[:15], *unsmoothed.reasons))
    jitter = {
        name: result.metrics["refined"]["jitter_10m_per_s3"] for name, result in (("b", barely), ("u", unsmoothed))
    }
    assert jitter["b"] < 0.5 * jitter["u"]
    assert barely.metrics["refined"]["reprojection_px_coco17"] < barely.metrics["calibrated"]["reprojection_px_coco17"]


def test_a_fit_is_no_worse_than_its_calibrated_start() -> None:
    """Keypoints alone: the gate compares with the first pose that is made from them."""
    pose, pelvis = true_motion(90)
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    points = points + np.random.default_rng(0).normal(0, 0.02, points.shape)
    result = Refiner(open_body()).fit(Keypoints("body25", points, np.ones(points.shape[:2])))
    targets = make_track(result.estimate, open_body(), fps=FPS, align="camera").targets
    before, after = (
        gate_error(track.keypoints("body25"), None, result.keypoints, targets)
        for track in (result.before, result.after)
    )
    assert (after <= before + 1e-3).all() and after.mean() < before.mean()
    jitter = {stage: metrics["jitter_10m_per_s3"] for stage, metrics in result.metrics.items()}
    assert jitter["refined"] < 1.2 * jitter["calibrated"]
