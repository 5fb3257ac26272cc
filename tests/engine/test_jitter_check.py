"""What was taken for jitter and was motion stays."""

from __future__ import annotations

import numpy as np
import torch

from lsmplify_refine.engine.jitter_check import without_lost_motion
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.values.keypoints import Keypoints
from tests.support.scenes import open_body, scene

FRAMES = 60


def poses() -> tuple[Pose, Pose]:
    """At rest, and the same a metre to the right."""
    rotations = torch.eye(3).repeat(FRAMES, 24, 1, 1)
    return Pose(rotations, torch.zeros(FRAMES, 3)), Pose(rotations.clone(), torch.ones(FRAMES, 3))


def test_where_the_error_grows_the_estimate_stays() -> None:
    start, smooth = poses()
    before, after = np.full(FRAMES, 10.0), np.full(FRAMES, 10.0)
    after[40:] = 15.0
    kept = (
        without_lost_motion(start, smooth, before, after, np.arange(FRAMES), 30.0, is_image=False).pelvis[:, 0].numpy()
    )
    assert (kept[:15] == 1).all() and (kept[45:] == 0).all()
    assert (np.diff(kept) <= 1e-6).all() and np.abs(np.diff(kept)).max() < 0.2  # eased in


def test_a_detector_shares_some_of_an_estimators_jitter() -> None:
    start, smooth = poses()
    before, after = np.full(FRAMES, 10.0), np.full(FRAMES, 15.0)
    assert without_lost_motion(start, smooth, before, after, np.arange(FRAMES), 30.0, is_image=True) is smooth
    kept = without_lost_motion(start, smooth, before, 2 * after, np.arange(FRAMES), 30.0, is_image=True)
    assert (kept.pelvis == start.pelvis).all()


def test_errors_of_single_frames_are_noise() -> None:
    start, smooth = poses()
    noise = 10 + np.random.default_rng(0).uniform(-5, 5, (2, FRAMES))
    assert without_lost_motion(start, smooth, noise[0], noise[1], np.arange(FRAMES), 30.0, is_image=False) is smooth


def test_single_images_in_a_row_are_not_smoothed_into_each_other() -> None:
    """A file of images that have nothing to do with each other: the keypoints of each show its own pose."""
    generator = np.random.default_rng(1)
    person = scene(FRAMES)
    images = person.replace(
        body_pose=generator.normal(0, 0.6, person.body_pose.shape).astype(np.float32),
        global_orient=person.global_orient[generator.permutation(FRAMES)],
    )
    pose = pose_on_body(images, open_body())
    points = open_body().keypoints("body25", pose.rotations.numpy(), pose.pelvis.numpy(), np.zeros(10))
    seen = Keypoints("body25", points + generator.normal(0, 0.01, points.shape), np.ones(points.shape[:2]))
    refinement = Refiner(weights="none", align="camera").refine(images.replace(keypoints=seen))
    before, after = (refinement.metrics[stage]["mpjpe_mm_body25"] for stage in ("calibrated", "refined"))
    assert 10 < before < 25 and after < 1.02 * before + 0.5
