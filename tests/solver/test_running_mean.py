"""The running mean: it equals the mean of the poses, draws starts part of the way, and reduces drift in a stream."""

from __future__ import annotations

import numpy as np
import roma
import torch

from lsmplify_refine.body import skinning
from lsmplify_refine.engine.follow import Follower
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.regressor.fusion import FrameSolver
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.solver.running_mean import RunningMean
from tests.support.scenes import open_body


def pose(rotvec: torch.Tensor) -> Pose:
    """Of rotation vectors (N, J, 3)."""
    return Pose(roma.rotvec_to_rotmat(rotvec), torch.zeros(len(rotvec), 3))


def angle(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = roma.rotmat_geodesic_distance(one, other)
    return found


def test_it_is_the_mean() -> None:
    center = 0.5 * torch.randn(2, 24, 3, generator=torch.Generator().manual_seed(0))
    wiggles = 0.2 * torch.randn(400, 2, 24, 3, generator=torch.Generator().manual_seed(1))
    mean = RunningMean.of(pose(center + wiggles[0]))
    for wiggle in wiggles[1:]:
        mean = mean.after(pose(center + wiggle))
    assert (mean.count == 400).all()
    assert angle(mean.rotations, pose(center).rotations).max() < 0.06


def test_starts_lie_between_result_and_mean_and_the_root_stays() -> None:
    mean = RunningMean.of(pose(torch.zeros(1, 24, 3)))
    turned = pose(torch.full((1, 24, 3), 0.4))
    drawn = mean.draw(turned)
    whole = angle(mean.rotations, turned.rotations)[:, 1:]
    assert (angle(drawn.rotations, mean.rotations)[:, 1:] < 0.9 * whole).all()
    assert (angle(drawn.rotations, turned.rotations)[:, 1:] < 0.5 * whole).all()
    assert torch.equal(drawn.rotations[:, 0], turned.rotations[:, 0]) and torch.equal(drawn.pelvis, turned.pelvis)


def test_what_does_not_count_changes_nothing() -> None:
    mean = RunningMean.of(pose(torch.zeros(2, 24, 3)), torch.tensor([True, False]))
    turned = pose(torch.full((2, 24, 3), 0.4))
    assert angle(mean.draw(turned).rotations, turned.rotations)[1].max() < 1e-3  # no mean, nothing to draw to
    after = mean.after(turned, torch.tensor([False, True]))
    assert after.count.tolist() == [1, 1]
    assert angle(after.rotations[0], mean.rotations[0]).max() < 1e-3
    assert angle(after.rotations[1], turned.rotations[1]).max() < 1e-3


def test_a_start_from_keypoints_has_no_mean_and_results_count_from_the_first() -> None:
    rest, turned = pose(torch.zeros(2, 24, 3)), pose(torch.full((2, 24, 3), 0.4))
    mean = RunningMean.of_start_from_keypoints(rest).where(torch.tensor([True, False]), RunningMean.of(rest))
    assert mean.count.tolist() == [0, 1] and mean.from_keypoints.tolist() == [True, False]
    assert angle(mean.draw(turned).rotations, turned.rotations)[0].max() < 1e-3
    after = mean.after(turned)
    assert after.count.tolist() == [1, 2] and not after.from_keypoints.any()
    assert angle(after.rotations[0], turned.rotations[0]).max() < 1e-3


def test_a_known_pose_is_hardly_moved_by_results() -> None:
    true, off = pose(torch.zeros(2, 24, 3)), pose(torch.full((2, 24, 3), 0.4))
    mean = RunningMean.of_known(true).only(torch.tensor([True, False]))
    for _ in range(50):
        mean = mean.after(off)
    whole = angle(off.rotations, true.rotations)
    assert (angle(mean.rotations, true.rotations)[0] < 0.1 * whole[0]).all()
    assert angle(mean.rotations, off.rotations)[1].max() < 1e-3  # it was only an estimate


def test_in_a_stream_forearms_twist_away_less() -> None:
    """An arm goes round and round, while no keypoint sees how its forearm is twisted."""
    frames = 120
    phase = np.linspace(0, 8 * np.pi, frames)
    rotvec = np.zeros((frames, 24, 3))
    rotvec[:, 16, 1], rotvec[:, 16, 2] = 0.6 * np.sin(phase), 0.6 * np.cos(phase) - 0.6
    rotvec[:, 18, 1] = -0.8 + 0.5 * np.cos(1.7 * phase)
    truth = Pose(torch.tensor(rotvec_to_rotmat(rotvec)).float(), torch.zeros(frames, 3))
    skeleton = open_body().skeleton("body25", np.zeros(10))
    points = skinning.keypoints(skeleton, truth.rotations) + truth.pelvis[:, None]
    targets = Targets(points, torch.ones(points.shape[:2]))
    solver = FrameSolver(None, skeleton, torch.zeros(10))
    plain, live = truth[:1], Follower(skeleton, solver)
    drawn = live.step(targets[:1], truth[:1]).pose
    for frame in range(1, frames):
        rows = slice(frame, frame + 1)
        plain, drawn = solver(plain, targets[rows]), live.step(targets[rows]).pose
    left = [angle(p.rotations[0, 18], truth.rotations[-1, 18]) for p in (plain, drawn)]
    assert left[1] < 0.8 * left[0]
