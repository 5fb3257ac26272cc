"""Followers: each frame from the best start, memory of accepted results only, independent tracks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lsmplify_refine import Camera, InputError, Keypoints, Refiner
from lsmplify_refine.engine.follow import Follower, in_batches
from lsmplify_refine.geometry.metrics import accel_mm_per_frame2
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.regressor.fusion import FrameSolver
from lsmplify_refine.regressor.weights import open_network
from lsmplify_refine.solver.initialise import robust_error_m
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.solver.running_mean import RunningMean
from tests.support.scenes import open_body, scene, seen, skeleton, true_motion, true_pose

NO_SHAPE = torch.zeros(10)


def row(pose: Pose, index: int) -> Pose:
    return Pose(pose.rotations[index : index + 1], pose.pelvis[index : index + 1])


def follower() -> Follower:
    return Follower(skeleton(), FrameSolver(None, skeleton(), NO_SHAPE))


def test_a_track_is_followed_without_any_estimate() -> None:
    truth = true_pose()
    followed = follower().follow(None, seen(truth))
    assert robust_error_m(skeleton(), followed, seen(truth)).median() < 0.01


def test_a_start_that_is_far_off_is_replaced_by_the_body_at_rest() -> None:
    truth = row(true_pose(), 0)
    absurd = Pose(truth.rotations, truth.pelvis + 3.0)
    step = follower().step(seen(truth), absurd)
    assert bool(step.accepted) and step.error_m.item() < 0.03


def test_garbage_is_not_fed_back_and_the_track_recovers() -> None:
    truth = true_pose()
    live = follower()
    live.step(seen(row(truth, 0)), row(truth, 0))
    garbage = Targets(torch.randn(1, 25, 3, generator=torch.Generator().manual_seed(3)) * 2, torch.ones(1, 25))
    lost = live.step(garbage, row(truth, 1))
    assert not lost.accepted.any()
    assert torch.isfinite(lost.pose.rotations).all()
    found = live.step(seen(row(truth, 2)))
    assert bool(found.accepted) and found.error_m.item() < 0.01


def test_the_solver_gets_what_a_start_was_made_from() -> None:
    """From the keypoints alone, from earlier results, from an estimate."""
    truth = true_pose()
    given: list[tuple[int, bool]] = []

    def solver(start: Pose, targets: Targets, earlier: RunningMean | None = None, /) -> Pose:
        assert earlier is not None
        given.append((int(earlier.count), bool(earlier.from_keypoints)))
        return FrameSolver(None, skeleton(), NO_SHAPE)(start, targets, earlier)

    live = Follower(skeleton(), solver)
    for index in range(3):
        live.step(seen(row(truth, index)))
    live.step(seen(row(truth, 3)), row(truth, 3))  # a perfect estimate is a better start
    live.step(seen(Pose(truth.rotations[4:5], truth.pelvis[4:5] + 3.0)))  # far from all that came before
    assert given == [(0, True), (1, False), (2, False), (0, False), (0, True)]


def test_a_follower_goes_on_from_a_known_pose_and_holds_to_it() -> None:
    """No keypoint sees how a hand is turned; the pose that was known does."""
    truth, twist = true_pose(), 0.5
    truth.rotations[:, 20] = truth.rotations[:, 20] @ torch.tensor(rotvec_to_rotmat(np.array([twist, 0, 0]))).float()
    live = follower()
    live.begin(row(truth, 0))
    for index in range(1, 10):
        step = live.step(seen(row(truth, index)))
    assert bool(step.accepted)
    assert torch.allclose(step.pose.rotations[0, 20], truth.rotations[9, 20], atol=0.05)
    assert not torch.allclose(follower().step(seen(row(truth, 9))).pose.rotations, step.pose.rotations, atol=0.2)


def test_tracks_without_an_estimate_start_from_elsewhere() -> None:
    truth = true_pose()
    live = follower()
    live.step(seen(truth[:1]), truth[:1])
    unknown = Pose(truth.rotations[1:2], torch.full((1, 3), torch.nan))
    step = live.step(seen(truth[1:2]), unknown)
    assert bool(step.accepted) and torch.isfinite(step.pose.pelvis).all()
    lost = live.step(Targets(torch.zeros(1, 25, 3), torch.zeros(1, 25)), unknown)
    assert torch.equal(lost.pose.pelvis, step.pose.pelvis)


def test_a_frame_without_keypoints_gives_the_start_back() -> None:
    truth = row(true_pose(), 0)
    nothing = Targets(torch.zeros(1, 25, 3), torch.zeros(1, 25))
    step = follower().step(nothing, truth)
    assert not step.accepted.any() and torch.equal(step.pose.rotations, truth.rotations)


def test_tracks_of_a_batch_equal_single_tracks() -> None:
    truth = true_pose()
    both = Follower(skeleton(), FrameSolver(None, skeleton(), NO_SHAPE))
    alone = follower()
    for index in range(3):
        pair = [row(truth, index), row(truth, index + 10)]
        joint = Pose(torch.cat([p.rotations for p in pair]), torch.cat([p.pelvis for p in pair]))
        together = both.step(seen(joint))
        single = alone.step(seen(pair[1]))
        assert torch.allclose(together.pose.rotations[1:], single.pose.rotations, atol=0.02)


def test_a_lost_track_does_not_disturb_the_others() -> None:
    """They continue from their results; the rest pose, fitted to their noisy keypoints, would lie nearer to those."""
    truth, noisy = true_pose(), seen(true_pose(), noise_m=0.02)
    both, alone = (Follower(skeleton(), FrameSolver(None, skeleton(), NO_SHAPE)) for _ in range(2))
    both.begin(Pose.joined([row(truth, 0), row(truth, 0)]))
    alone.begin(row(truth, 0))
    garbage = 2 * torch.randn(30, 25, 3, generator=torch.Generator().manual_seed(3))
    for index in range(1, 12):
        mine = noisy[index : index + 1]
        other = mine.positions if index < 4 else garbage[index : index + 1]
        together = both.step(Targets(torch.cat([mine.positions, other]), torch.ones(2, 25)))
        single = alone.step(mine)
    assert together.accepted.tolist() == [True, False]
    assert torch.allclose(together.pose.rotations[:1], single.pose.rotations, atol=0.01)


def test_targets_of_any_precision_are_taken() -> None:
    truth = seen(row(true_pose(), 0))
    step = follower().step(Targets(truth.positions.double(), truth.weights.double()))
    assert step.pose.rotations.dtype == torch.float32 and bool(step.accepted)


def test_noise_in_an_image_hardly_moves_the_depth() -> None:
    truth = true_pose()
    observed = seen(truth, noise_m=0.02)
    in_image = Targets(observed.positions[..., :2] / observed.positions[..., 2:], observed.weights)
    for network in (None, open_network("shipped")):
        found = FrameSolver(network, skeleton(), NO_SHAPE)(truth, in_image)
        assert (found.pelvis - truth.pelvis)[:, 2].abs().mean() < 0.01


def test_batches_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = true_pose()
    solver = FrameSolver(None, skeleton(), NO_SHAPE)
    start = Pose(truth.rotations, truth.pelvis + 0.02)
    whole = in_batches(solver, start, seen(truth))
    monkeypatch.setattr("lsmplify_refine.solver.batches._BATCH", 7)
    assert torch.allclose(in_batches(solver, start, seen(truth)).rotations, whole.rotations, atol=1e-4)


def test_a_pose_is_fitted_to_keypoints_alone() -> None:
    """Another shape, noise, no estimate: joints within two centimetres, hardly more jitter than the true motion."""
    pose, pelvis = true_motion(30)
    betas = np.array([1.0, -0.5, 0.5])
    rotations = rotvec_to_rotmat(pose)
    points = open_body().keypoints("body25", rotations, pelvis, betas)
    noise = np.random.default_rng(0).normal(0, 0.005, points.shape)
    fitted = Refiner(open_body()).fit(Keypoints("body25", points + noise, np.ones(points.shape[:2])))
    truth = open_body().joints(rotations, pelvis, betas)[:, :22]
    assert np.linalg.norm(fitted.after.joints()[:, :22] - truth, axis=-1).mean() < 0.02
    ids = np.arange(30)
    assert accel_mm_per_frame2(fitted.after.joints()[:, :22], ids) < accel_mm_per_frame2(truth, ids) + 4
    assert fitted.refined.frame == "world" and fitted.refined.body_pose.shape == (30, 23, 3)


def test_few_frames_with_keypoints_suffice() -> None:
    pose, pelvis = true_motion(30)
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    confidence = np.zeros(points.shape[:2])
    confidence[3:6] = 1
    fitted = Refiner(open_body()).fit(Keypoints("body25", points, confidence))
    assert fitted.metrics["refined"]["mpjpe_mm_body25"] < 20
    with pytest.raises(InputError, match="no keypoint has any confidence"):
        Refiner(open_body()).fit(Keypoints("body25", points, 0 * confidence))


def test_pixels_alone_need_a_camera() -> None:
    pose, pelvis = true_motion(30)
    K = np.tile([[1000.0, 0, 640], [0, 1000.0, 360], [0, 0, 1]], (30, 1, 1))
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    pixels = Keypoints("body25", project_to_image(points, K), np.ones(points.shape[:2]))
    refiner = Refiner(open_body())
    with pytest.raises(InputError, match="camera"):
        refiner.fit(pixels)
    fitted = refiner.fit(pixels, camera=Camera(K, (1280, 720)))
    assert fitted.metrics["refined"]["reprojection_px_body25"] < 6


def test_sequential_mode_refines_as_plug_in_does() -> None:
    estimate = scene(30)
    errors = [
        Refiner(open_body(), mode=mode).refine(estimate).metrics["refined"]["reprojection_px_coco17"]
        for mode in ("plug-in", "sequential")
    ]
    assert abs(errors[1] - errors[0]) < 0.5
