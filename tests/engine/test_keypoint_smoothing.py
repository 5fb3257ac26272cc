"""Keypoint smoothing: less noise, no outliers, no short gaps; keypoints that fit the track do not change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lsmplify_refine.body import skinning
from lsmplify_refine.engine.keypoint_smoothing import smooth_about_track
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.problem import Pose, Targets
from tests.support.scenes import open_body, true_motion

FRAMES = 40
SKELETON = open_body().skeleton("body25", np.zeros(10))


def track() -> tuple[Pose, torch.Tensor]:
    """A moving person and their keypoints (T, 25, 3) before a camera."""
    rotvec, pelvis = true_motion(FRAMES)
    pose = Pose(torch.tensor(rotvec_to_rotmat(rotvec)).float(), torch.tensor(pelvis).float())
    return pose, skinning.keypoints(SKELETON, pose.rotations) + pose.pelvis[:, None]


def seen(points: torch.Tensor, *, image: bool) -> torch.Tensor:
    return points[..., :2] / points[..., 2:] if image else points


def smoothed(pose: Pose, targets: Targets) -> Targets:
    return smooth_about_track(SKELETON, pose, targets, frame_ids=np.arange(FRAMES), fps=30.0, seconds=0.1)


@pytest.mark.parametrize("image", [False, True])
def test_noise_is_averaged_about_a_moving_track_not_the_motion(image: bool) -> None:
    pose, points = track()
    noisy = points + 0.02 * torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
    targets = Targets(seen(noisy, image=image), torch.ones(FRAMES, 25))
    result = smoothed(pose, targets)
    before, after = ((t.positions - seen(points, image=image)).square().mean().sqrt() for t in (targets, result))
    assert after < 0.5 * before
    exact = smoothed(pose, Targets(seen(points, image=image), torch.ones(FRAMES, 25)))
    assert torch.allclose(exact.positions, seen(points, image=image), atol=1e-5)
    assert torch.allclose(exact.weights, torch.ones(FRAMES, 25), atol=1e-5)


def test_a_slow_error_of_the_track_stays_to_be_corrected() -> None:
    pose, points = track()
    shifted = Pose(pose.rotations, pose.pelvis + torch.tensor([0.03, 0.0, 0.0]))
    result = smoothed(shifted, Targets(points, torch.ones(FRAMES, 25)))
    assert torch.allclose(result.positions, points, atol=1e-4)


def test_outliers_give_way_and_short_gaps_close() -> None:
    pose, points = track()
    positions, weights = points.clone(), torch.ones(FRAMES, 25)
    positions[10, 4] += 0.5
    weights[20, 7], weights[:, 11] = 0.0, 0.0
    positions[20, 7] = positions[:, 11] = 0.0
    result = smoothed(pose, Targets(positions, weights))
    assert (result.positions[10, 4] - points[10, 4]).norm() < 0.02
    assert (result.positions[20, 7] - points[20, 7]).norm() < 0.01 and result.weights[20, 7] > 0.5
    assert (result.weights[:, 11] == 0).all()  # never seen, still not seen
