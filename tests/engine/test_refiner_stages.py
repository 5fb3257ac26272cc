"""Each stage takes effect: `Refiner` would give another result without it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import pytest
import torch

from lsmplify_refine import Estimate, Keypoints, Refiner
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.options import Mode
from lsmplify_refine.solver.problem import Targets
from tests.support.rooms import SAME, STILL, from_moving_camera, in_room, true_points
from tests.support.scenes import open_body, scene, true_motion


@pytest.fixture(scope="module")
def projection() -> Refiner:
    """The stages without the regressor, whose own priors would hide what the stages do."""
    return Refiner(open_body(), weights="none", align="camera")


def with_keypoints_moved(estimate: Estimate, offset: np.ndarray) -> Estimate:
    assert estimate.keypoints is not None
    keypoints = replace(estimate.keypoints, positions=estimate.keypoints.positions + offset)
    return estimate.replace(keypoints=keypoints)


def with_jitter(estimate: Estimate, sigma: float) -> Estimate:
    """An estimate that shakes independently in every frame, radians."""
    rng = np.random.default_rng(0)
    shaken = rng.normal(0, sigma, estimate.body_pose.shape)
    return estimate.replace(body_pose=(estimate.body_pose + shaken).astype(np.float32))


def roughness(values: np.ndarray) -> float:
    """Mean size of the second differences of (T, 3)."""
    return float(np.linalg.norm(np.diff(values, n=2, axis=0), axis=-1).mean())


@pytest.mark.parametrize("weights", ["none", "shipped"])
def test_a_detection_that_jumps_for_a_moment_moves_no_arm(weights: str) -> None:
    """Thirteen centimetres in two frames: near enough for the robust kernel to accept, if it lasted."""
    refiner = Refiner(open_body(), weights=weights)
    estimate = scene(30)
    slip = np.zeros((30, 17, 2))
    slip[14:16, 9, 0] = 20.0
    right, slipped = (refiner.refine(each).after.joints() for each in (estimate, with_keypoints_moved(estimate, slip)))
    moved = np.linalg.norm(slipped - right, axis=-1)[:, [18, 20]]
    assert moved.max() < 0.009


@pytest.mark.parametrize("weights", ["none", "shipped"])
def test_the_jitter_of_an_estimate_goes_and_its_swings_stay(weights: str) -> None:
    estimate = scene(90)
    shaken = with_jitter(estimate, 0.03)
    result = Refiner(open_body(), weights=weights).refine(shaken)
    calm = Refiner(open_body(), weights=weights).refine(estimate)
    jitter, swing = "accel_mm_per_frame2", "speed_p95_m_per_s_wrists_ankles"
    assert result.metrics["refined"][jitter] < 0.1 * result.metrics["calibrated"][jitter]
    assert result.metrics["refined"][jitter] < 1.5 * calm.metrics["refined"][jitter]
    assert result.metrics["refined"][swing] == pytest.approx(calm.metrics["refined"][swing], rel=0.06)


def test_what_is_not_corrected_is_freed_of_jitter_too(projection: Refiner) -> None:
    """Hands have no keypoints, and the gate holds frames whose keypoints are garbage."""
    shaken = with_jitter(scene(60), 0.03)
    refined = projection.refine(shaken).refined
    assert roughness(refined.body_pose[:, 19]) < 0.2 * roughness(shaken.body_pose[:, 19])


def test_a_short_track_that_is_lost_for_a_third_is_not_held_for_its_jerk() -> None:
    """The input's jerk is thirty times the result's; compared with an input freed of it, all frames would be held."""
    estimate = in_room(SAME, 12, error_deg=40.0)
    lost = estimate.body_pose.copy()
    lost[4:8] += np.random.default_rng(0).normal(0, 0.8, lost[4:8].shape).astype(np.float32)
    result = Refiner(open_body()).refine(estimate.replace(body_pose=lost))
    before, after = result.metrics["calibrated"], result.metrics["refined"]
    assert after["mpjpe_mm_body25"] < 0.7 * before["mpjpe_mm_body25"]
    assert after["jitter_10m_per_s3"] < 0.05 * before["jitter_10m_per_s3"]
    assert not any("jitter" in reason for reason in result.reasons)


def test_the_estimates_depth_is_held_before_a_camera(projection: Refiner) -> None:
    """Limbs in a wrong pose look shorter or longer, like those of a body at another distance."""
    result = projection.refine(scene(45, error_deg=10.0, noise_px=3.0))
    moved = np.abs(result.after.pelvis - result.before.pelvis)[:, 2]
    assert moved.mean() < 0.008


def test_a_knee_goes_no_further_than_knees_go() -> None:
    """Keypoints of a knee that is bent the wrong way: the joint stops, the rest of the body follows."""
    pose, pelvis = true_motion(40)
    pose[:, 4] = 0.0
    pose[:, 4, 0] = -0.5 * np.exp(-(((np.arange(40) - 20) / 6) ** 2))
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    estimate = in_room(SAME, 40, error_deg=0.0)
    straight = estimate.body_pose.copy()
    straight[:, 3] = 0.0
    keypoints = Keypoints("body25", points, np.ones(points.shape[:2]))
    result = Refiner(open_body(), align="camera").refine(estimate.replace(body_pose=straight, keypoints=keypoints))
    bend = np.degrees(rotmat_to_rotvec(result.after.rotations[:, 4])[:, 0])
    assert -15 < bend.min() < -9  # 29 degrees are asked for
    assert result.status[20] == "blended" and "left knee bent beyond its range" in result.reasons[20]


def test_a_knee_that_is_bent_the_wrong_way_already_may_stay_so() -> None:
    """The limits do not count for more than an estimate and keypoints that agree."""
    estimate = in_room(SAME, 30, error_deg=0.0, noise_m=0.0)
    pose, pelvis = true_motion(30)
    pose[:, 4] = [-0.5, 0.0, 0.0]
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis + np.array([0.02, 0, 0]), np.zeros(10))
    keypoints = Keypoints("body25", points, np.ones(points.shape[:2]))
    bent = estimate.replace(body_pose=pose[:, 1:22].astype(np.float32), keypoints=keypoints)
    result = Refiner(open_body(), align="camera").refine(bent)
    assert set(result.status) == {"accepted"}
    assert result.metrics["refined"]["mpjpe_mm_body25"] < 2.0


def test_a_frame_keeps_the_share_that_the_result_states() -> None:
    """An estimate that is better than its noisy keypoints changes little or not at all."""
    result = Refiner(open_body()).refine(in_room(STILL, 60, noise_m=0.12, error_deg=3.0))
    held, changed = result.status == "held", np.abs(result.after.rotations - result.before.rotations).max((1, 2, 3))
    assert {"held", "blended"} <= set(result.status)
    assert (result.blend[held] == 0).all() and (changed[held] == 0).all()
    assert result.blend[~held].min() > 0 and (changed[~held] > 0).all()
    assert np.array_equal(result.refined.body_pose[held], result.estimate.body_pose[held])


def test_in_sequence_a_frame_with_a_lost_estimate_starts_from_the_last_result() -> None:
    estimate = in_room(SAME, 16, noise_m=0.0, error_deg=3.0)
    lost = estimate.body_pose.copy()
    lost[6:12] += np.random.default_rng(0).normal(0, 0.8, lost[6:12].shape).astype(np.float32)
    off = {
        mode: Refiner(open_body(), mode=mode, align="camera", smooth_seconds=0.0)
        .refine(estimate.replace(body_pose=lost))
        .metrics["refined"]["mpjpe_mm_body25"]
        for mode in get_args(Mode)
    }
    assert off["sequential"] < 5 < 50 < off["plug-in"]


def test_another_pass_starts_from_the_result_of_the_first() -> None:
    far = pose_on_body(in_room(SAME, 12, error_deg=70.0), open_body())
    seen = Targets(torch.as_tensor(true_points(12)).float(), torch.ones(12, 25))
    once, twice = (
        Refiner(open_body(), passes=count).follower("body25", np.zeros(10)).step(seen, far).error_m for count in (1, 2)
    )
    assert twice.mean() < 0.5 * once.mean()


def test_longer_smoothing_leaves_less_of_the_noise() -> None:
    estimate = in_room(SAME, 45, noise_m=0.02)
    jitter = [
        Refiner(open_body(), smooth_seconds=seconds).refine(estimate).metrics["refined"]["accel_mm_per_frame2"]
        for seconds in (0.0, 0.05, 0.2)
    ]
    assert jitter[0] > 2 * jitter[1] > 2 * jitter[2]


def test_doubtful_keypoints_pull_less(projection: Refiner) -> None:
    """A wrist keypoint ten centimetres beside the wrist, in every frame."""
    estimate = in_room(SAME, 30, noise_m=0.0, error_deg=0.0)
    assert estimate.keypoints is not None
    aside = np.zeros((30, 25, 3))
    aside[:, 4, 1] = 0.1
    followed = []
    for confidence in (1.0, 0.35):
        moved = with_keypoints_moved(estimate, aside).keypoints
        assert moved is not None
        doubted = np.where(aside.any(-1), confidence, 1.0)
        result = projection.refine(estimate.replace(keypoints=replace(moved, confidence=doubted)))
        followed.append((result.after.keypoints("body25") - result.before.keypoints("body25"))[:, 4, 1].mean())
    assert followed[0] > 1.7 * followed[1] > 0


def test_a_doubtful_keypoint_hardly_counts_for_gate_and_metrics(projection: Refiner) -> None:
    """The elbow is seen; the wrist is a guess, and lies where the wrong estimate has it."""
    estimate = in_room(SAME, 20, noise_m=0.0, error_deg=0.0)
    assert estimate.keypoints is not None
    wrong = estimate.body_pose.copy()
    wrong[:, 16, 2] += 0.35  # the right shoulder
    pose = pose_on_body(estimate.replace(body_pose=wrong), open_body())
    guess = open_body().keypoints("body25", pose.rotations.numpy(), pose.pelvis.numpy(), np.zeros(10))
    positions, confidence = estimate.keypoints.positions.copy(), estimate.keypoints.confidence.copy()
    positions[:, 4], confidence[:, 4] = guess[:, 4], 0.06
    keypoints = replace(estimate.keypoints, positions=positions, confidence=confidence)
    result = projection.refine(estimate.replace(body_pose=wrong, keypoints=keypoints))
    assert set(result.status) == {"accepted"}
    assert result.metrics["refined"]["mpjpe_mm_body25"] < 0.45 * result.metrics["calibrated"]["mpjpe_mm_body25"]


def test_a_keypoint_that_is_wrong_throughout_holds_no_frame(projection: Refiner) -> None:
    """It is a metre away, and the right correction leads the other way."""
    estimate = in_room(SAME, 20, noise_m=0.0, error_deg=0.0)
    estimate = estimate.replace(transl=(estimate.transl - [0.05, 0.0, 0.0]).astype(np.float32))
    aside = np.zeros((20, 25, 3))
    aside[:, 4, 0] = -1.0
    result = projection.refine(with_keypoints_moved(estimate, aside))
    assert set(result.status) == {"accepted"}
    np.testing.assert_allclose(result.after.pelvis - result.before.pelvis, [[0.05, 0.0, 0.0]] * 20, atol=0.01)


def test_a_gap_takes_the_correction_of_the_frames_around_it(projection: Refiner) -> None:
    """An elbow that is wrong throughout, whose keypoints are missing for a quarter of a second."""
    estimate = in_room(SAME, 36, noise_m=0.0, error_deg=0.0)
    estimate = estimate.replace(transl=(estimate.transl - [0.05, 0.0, 0.0]).astype(np.float32))
    assert estimate.keypoints is not None
    wrong = estimate.body_pose.copy()
    wrong[:, 18, 1] += 0.5  # the right elbow
    confidence = estimate.keypoints.confidence.copy()
    confidence[14:22, [3, 4]] = 0.0
    keypoints = replace(estimate.keypoints, confidence=confidence)
    refined = projection.refine(estimate.replace(body_pose=wrong, keypoints=keypoints)).refined
    left = np.abs(refined.body_pose - estimate.body_pose)[:, 18, 1]
    assert left.max() < 0.18


@pytest.mark.parametrize(("frame", "per"), [("camera", "frame"), ("world", "place")])
def test_only_a_camera_may_turn_from_frame_to_frame(frame: Literal["camera", "world"], per: str) -> None:
    """In a world, keypoints turn against an estimate only by the estimate's errors."""
    estimate = in_room(from_moving_camera(60), 60).replace(frame=frame)
    alignment = Refiner(open_body()).refine(estimate).alignment
    assert alignment is not None and alignment.per == per


def test_a_constant_offset_in_the_image_is_not_written(projection: Refiner) -> None:
    """Two body models have different pelvis joints; the fitted offset accounts for that."""
    estimate = scene(30, error_deg=0.0)
    aside = estimate.replace(transl=(estimate.transl + np.array([0.04, -0.03, 0.0])).astype(np.float32))
    result = projection.refine(aside)
    error = {stage: metrics["reprojection_px_coco17"] for stage, metrics in result.metrics.items()}
    assert error["calibrated"] < 0.35 * error["input"]
    assert np.abs(result.refined.transl - aside.transl).max() < 0.01


def test_smoothing_is_in_seconds_of_the_estimates_rate(projection: Refiner) -> None:
    """The same frames: at 60 fps, a tenth of a second covers four times as many of them as at 15 fps."""
    estimate = in_room(SAME, 60, noise_m=0.02)
    left = {}
    for fps in (15.0, 60.0):
        result = projection.refine(estimate.replace(fps=fps))
        left[fps] = roughness(result.after.pelvis - result.before.pelvis)
    assert left[15.0] > 4 * left[60.0]
