"""Another person's keypoints are said to be so; those of a person with a bad estimate are not."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine import Estimate, Keypoints, Refinement, Refiner
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.geometry.smoothing import gaussian_mean
from lsmplify_refine.values.notes import Note
from tests.support.rooms import SAME, in_room
from tests.support.scenes import open_body, scene, true_motion

FRAMES = 120


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(open_body(), weights="none")


def points_of_another(frames: int, seed: int = 0, aside_m: float = 0.0) -> np.ndarray:
    """COCO keypoints in space of somebody who moves about in another way, at the same place or beside it."""
    pose, pelvis = true_motion(frames)
    noise = np.random.default_rng(seed).normal(0, 1, (frames, 23, 3))
    slow = gaussian_mean(noise, 12.0)
    pose[:, 1:] = 0.35 * slow / slow.std()
    return open_body().keypoints("coco17", rotvec_to_rotmat(pose), pelvis + np.array([aside_m, 0, 0]), np.zeros(10))


def seeing(estimate: Estimate, points: np.ndarray) -> Estimate:
    """The estimate with other keypoints, points (T, 17, 3) in its camera coordinates."""
    assert estimate.camera is not None and estimate.keypoints is not None
    pixels = project_to_image(points, estimate.camera.K)
    return estimate.replace(keypoints=Keypoints("coco17", pixels, estimate.keypoints.confidence))


def warnings(refinement: Refinement) -> list[Note]:
    return [note for note in refinement.notes if note.code == "keypoints-doubtful"]


@pytest.mark.parametrize("aside_m", [0.0, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_another_persons_keypoints_are_doubted(refiner: Refiner, seed: int, aside_m: float) -> None:
    """At the very place, and a metre beside it, where the fitted offset takes them to the body."""
    result = refiner.refine(seeing(scene(FRAMES), points_of_another(FRAMES, seed, aside_m)))
    assert "accepted" not in set(result.status) and (result.status[result.blend == 1] == "doubtful").any()
    (note,) = warnings(result)
    assert note.severity == "warning" and f"{FRAMES} of {FRAMES} frames" in note.text
    assert all("another person" in reason for reason in result.reasons)


def test_another_persons_keypoints_in_space_are_doubted(refiner: Refiner) -> None:
    estimate = scene(FRAMES)
    points = points_of_another(FRAMES)
    result = refiner.refine(estimate.replace(keypoints=Keypoints("coco17", points, np.ones(points.shape[:2]))))
    assert (result.status != "accepted").all() and warnings(result)


@pytest.mark.parametrize(("error_deg", "noise_px"), [(10.0, 2.0), (25.0, 4.0)])
def test_a_bad_estimate_of_the_right_person_is_refined(refiner: Refiner, error_deg: float, noise_px: float) -> None:
    result = refiner.refine(scene(FRAMES, error_deg=error_deg, noise_px=noise_px))
    assert "doubtful" not in set(result.status) and not warnings(result)
    name = "reprojection_px_coco17"
    assert result.metrics["refined"][name] < 0.6 * result.metrics["calibrated"][name]


def test_an_estimate_that_is_wrong_anew_in_every_frame_is_refined(refiner: Refiner) -> None:
    estimate = scene(FRAMES, noise_px=2.0)
    wild = np.random.default_rng(0).normal(0, 0.15, estimate.body_pose.shape).astype(np.float32)
    result = refiner.refine(estimate.replace(body_pose=estimate.body_pose + wild))
    assert "doubtful" not in set(result.status) and not warnings(result)


def test_keypoints_in_space_of_the_right_person_are_trusted(refiner: Refiner) -> None:
    result = refiner.refine(in_room(SAME, FRAMES, error_deg=20.0, noise_m=0.02, garbage=0.1))
    assert "doubtful" not in set(result.status) and not warnings(result)


def test_somebody_else_takes_over_halfway(refiner: Refiner) -> None:
    """Only the frames of the other person are doubted; a second or two about the change may fall to either."""
    frames = 480
    estimate = scene(frames)
    assert estimate.camera is not None and estimate.keypoints is not None
    pixels = estimate.keypoints.positions.copy()
    other = project_to_image(points_of_another(frames, aside_m=0.3), estimate.camera.K)
    pixels[240:] = other[240:]
    keypoints = Keypoints("coco17", pixels, estimate.keypoints.confidence)
    result = refiner.refine(estimate.replace(keypoints=keypoints))
    doubted = np.array(["another person" in reason for reason in result.reasons])
    assert not doubted[:180].any() and doubted[300:].all()


def test_keypoints_that_wander_off_are_doubted(refiner: Refiner) -> None:
    """They move their limbs as the person does, but walk across the room while the estimate stands."""
    pose, pelvis = true_motion(FRAMES)
    walk = np.linspace(-1.5, 1.5, FRAMES)[:, None] * np.array([1.0, 0.0, 0.0])
    points = open_body().keypoints("coco17", rotvec_to_rotmat(pose), pelvis + walk, np.zeros(10))
    result = refiner.refine(seeing(scene(FRAMES), points))
    assert warnings(result) and (result.status != "accepted").mean() > 0.5
