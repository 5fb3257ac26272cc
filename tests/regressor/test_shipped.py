"""What the shipped weights must be able to do anywhere, also where their training motion never was."""

from __future__ import annotations

import pytest
import roma
import torch

from lsmplify_refine.body import _core
from lsmplify_refine.engine.project import Pose, Targets
from lsmplify_refine.regressor.fuse import FrameSolver
from lsmplify_refine.regressor.weights import open_network
from tests.engine.scenes import open_body

_NOISE_M, _FRAMES = 0.02, 40


@pytest.mark.parametrize("arms_deg", [0, 30, 60])
def test_who_stands_still_with_spread_arms_is_left_alone(arms_deg: int) -> None:
    """A true start is worth more than noisy keypoints, also for a pose that nobody took in training."""
    skeleton = open_body().skeleton("body25", [0.0])
    arms = torch.zeros(_FRAMES, 24, 3)
    arms[:, 16, 2], arms[:, 17, 2] = -torch.tensor(arms_deg).deg2rad(), torch.tensor(arms_deg).deg2rad()
    truth = Pose(roma.rotvec_to_rotmat(arms), torch.zeros(_FRAMES, 3))
    points = _core.keypoints(skeleton, truth.rotations)
    noise = _NOISE_M * torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
    seen = Targets(points + noise, torch.ones(points.shape[:2]))
    found = FrameSolver(open_network("shipped"), skeleton, torch.zeros(1))(truth, seen)
    moved = (_core.keypoints(skeleton, found.rotations) - points).norm(dim=-1)
    assert moved.mean() < 0.3 * _NOISE_M
