"""Trust: which keypoints count less, and that a refined result shows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lsmplify_refine import Estimate, Refinement, Refiner
from lsmplify_refine.engine.targets import image_targets
from lsmplify_refine.engine.track import make_track
from lsmplify_refine.engine.trust import distrust_outliers, steepness, usual_confidence
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.problem import Targets
from tests.support.rooms import STILL, in_room
from tests.support.scenes import SIZE, open_body, scene, true_motion

KNEES, ANKLES, ELBOWS, HIPS = [13, 14], [15, 16], [7, 8], [11, 12]
#: SMPL joints.
LEG_JOINTS, ELBOW_JOINTS = [4, 5, 7, 8], [18, 19]


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(open_body())


def with_points(
    estimate: Estimate, points: list[int], positions: np.ndarray, confidence: float, size: tuple[int, int] | None = SIZE
) -> Estimate:
    """The estimate with other pixels at some points, in an image of another size."""
    assert estimate.keypoints is not None and estimate.camera is not None
    pixels, weights = estimate.keypoints.positions.copy(), estimate.keypoints.confidence.copy()
    pixels[:, points], weights[:, points] = positions, confidence
    keypoints = replace(estimate.keypoints, positions=pixels, confidence=weights)
    return estimate.replace(keypoints=keypoints, camera=replace(estimate.camera, image_size=size))


def pixels_of(estimate: Estimate) -> np.ndarray:
    assert estimate.keypoints is not None
    return estimate.keypoints.positions


def moved_mm(result: Refinement, joints: list[int]) -> float:
    """How far refining moved some joints, mean."""
    moved = np.linalg.norm(result.after.joints() - result.before.joints(), axis=-1)
    return float(1000 * moved[:, joints].mean())


def test_an_outlier_in_time_loses_its_weight_and_a_lasting_offset_keeps_it() -> None:
    estimate = scene(45, error_deg=0)
    assert estimate.camera is not None and estimate.keypoints is not None
    pose, pelvis = true_motion(45)
    points = open_body().keypoints("coco17", rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    targets = image_targets(estimate.keypoints, estimate.camera)
    positions = targets.positions.clone()
    positions[20, 9] += 0.2  # 0.8 m at 4 m, for one frame
    positions[:, 10] += 0.1  # 0.4 m throughout
    trusted = distrust_outliers(Targets(positions, targets.weights), points, estimate.frame_ids, 30.0)
    assert trusted.weights[20, 9] < 0.01
    assert trusted.weights[:, 10].min() > 0.9
    assert trusted.weights[:, 5].min() > 0.99


@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_confidence_counts_relative_to_what_the_detector_usually_gives(scale: float) -> None:
    confidence = scale * np.array([[1.0, 1.0, 1.0, 0.95, 0.5, 0.25]])
    (weight,) = confidence * steepness(confidence, usual_confidence(confidence)) / scale
    assert weight[3] == pytest.approx(0.95)
    assert 0.15 < weight[4] < 0.25  # a third of its confidence
    assert weight[5] < 0.03


def test_unsure_keypoints_hardly_move_an_arm(refiner: Refiner) -> None:
    """Bypassing the steep weight of confidence fails here."""
    estimate = scene(30, error_deg=0)
    wrong = pixels_of(estimate)[:, ELBOWS] + [0.0, 25.0]  # 17 cm
    assert moved_mm(refiner.refine(with_points(estimate, ELBOWS, wrong, 1.0)), ELBOW_JOINTS) > 45
    assert moved_mm(refiner.refine(with_points(estimate, ELBOWS, wrong, 0.25)), ELBOW_JOINTS) < 10


def test_guesses_pressed_against_the_border_move_no_leg(refiner: Refiner) -> None:
    """Bypassing the border rule fails here: one leg folds onto no line, and no bone is too long."""
    estimate = with_points(scene(30, error_deg=0), [14, 16], np.zeros(2), 0.0)
    guess = pixels_of(estimate)[:, [13, 15]].copy()
    guess[..., 1] = 275, 278
    inside, pressed = (
        refiner.refine(with_points(estimate, [13, 15], guess, 0.6, (SIZE[0], height))) for height in (480, 280)
    )
    left_leg = [4, 7]
    assert moved_mm(inside, left_leg) > 60
    assert moved_mm(pressed, left_leg) < 10


@pytest.mark.parametrize("confidence", [0.15, 0.3, 0.5])
@pytest.mark.parametrize("place", ["on the border", "inside"])
def test_legs_out_of_the_picture_keep_the_estimate(refiner: Refiner, confidence: float, place: str) -> None:
    """Bypassing the rule of lines fails here for "inside", which is no border."""
    estimate = scene(45)
    generator = np.random.default_rng(0)
    row = float(pixels_of(estimate)[:, HIPS, 1].max()) + 20
    x = pixels_of(estimate)[:, HIPS, 0].mean(1, keepdims=True) + generator.normal(0, 15, (45, 4))
    guess = np.stack([x, row + generator.normal(0, 1, (45, 4))], -1)
    size = (SIZE[0], int(row) + (2 if place == "on the border" else 100))
    result = refiner.refine(with_points(estimate, KNEES + ANKLES, guess, confidence, size))
    assert moved_mm(result, LEG_JOINTS) < 40


def test_feet_that_are_truly_near_the_border_are_followed(refiner: Refiner) -> None:
    estimate = scene(45, noise_px=1.0)
    lowest = int(pixels_of(estimate)[..., 1].max()) + 3
    near = with_points(estimate, ANKLES, pixels_of(estimate)[:, ANKLES], 1.0, (SIZE[0], lowest))
    far = refiner.refine(estimate)
    np.testing.assert_allclose(refiner.refine(near).refined.body_pose, far.refined.body_pose, atol=1e-5)


@pytest.mark.parametrize("placeholder", [(-1.0, -1.0), (0.0, 0.0), (np.nan, np.nan), (3000.0, -2000.0)])
def test_placeholders_are_missing_whatever_their_confidence(refiner: Refiner, placeholder: tuple[float, float]) -> None:
    """Bypassing the rule of missing points fails here."""
    estimate = scene(30)
    wrists = [9, 10]
    given = refiner.refine(with_points(estimate, wrists, np.array(placeholder), 0.9))
    missing = refiner.refine(with_points(estimate, wrists, np.array([100.0, 100.0]), 0.0))
    np.testing.assert_array_equal(given.refined.body_pose, missing.refined.body_pose)
    assert given.metrics["refined"] == missing.metrics["refined"]


def test_zeros_in_space_are_missing_too(refiner: Refiner) -> None:
    estimate = in_room(STILL, 30)
    assert estimate.keypoints is not None
    results = []
    for position, weight in ((0.0, 0.9), (np.nan, 0.9), (5.0, 0.0)):
        points, confidence = estimate.keypoints.positions.copy(), estimate.keypoints.confidence.copy()
        points[5:15, 4], confidence[5:15, 4] = position, weight
        keypoints = replace(estimate.keypoints, positions=points, confidence=confidence)
        results.append(refiner.refine(estimate.replace(keypoints=keypoints)).refined.body_pose)
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_array_equal(results[1], results[2])


def test_a_guess_that_looks_right_for_a_moment_does_not_count_either() -> None:
    """Bypassing the judgement with neighbouring frames fails here."""
    estimate = scene(30, error_deg=0)
    x = np.array([330, 300, 350, 315])
    guess = np.stack([x, np.full(4, 270)], -1) + np.random.default_rng(0).normal(0, 1, (30, 4, 2))
    guess[2::5] = pixels_of(estimate)[2::5][:, KNEES + ANKLES]
    track = make_track(with_points(estimate, KNEES + ANKLES, guess, 0.5), open_body(), fps=30.0, align="auto")
    assert (track.targets.weights[:, KNEES + ANKLES] == 0).all()


def test_an_impossibly_long_bone_does_not_count_however_confident() -> None:
    """Bypassing the rule of bone lengths fails here."""
    estimate = scene(30, error_deg=0)
    far = pixels_of(estimate)[:, ELBOWS] + [0.0, -150.0]  # 1 m
    track = make_track(with_points(estimate, ELBOWS, far, 1.0), open_body(), fps=30.0, align="auto")
    assert track.targets.weights[:, ELBOWS].max() < 0.2
    assert track.targets.weights[:, KNEES].min() > 0.9


def test_placeholders_are_missing_without_an_estimate_too(refiner: Refiner) -> None:
    points = in_room(STILL, 20).keypoints
    assert points is not None
    results = []
    for position, weight in ((-1.0, 0.9), (2.0, 0.0)):
        positions, confidence = points.positions.copy(), points.confidence.copy()
        positions[5:10, [4, 11]], confidence[5:10, [4, 11]] = position, weight
        results.append(refiner.fit(replace(points, positions=positions, confidence=confidence)).refined.body_pose)
    np.testing.assert_array_equal(results[0], results[1])
