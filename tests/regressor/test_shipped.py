"""What the shipped weights must do, even for people unlike those in the training data."""

from __future__ import annotations

import numpy as np
import pytest
import roma
import torch
from torch import Tensor

from lsmplify_refine.body import skinning
from lsmplify_refine.regressor.fusion import FrameSolver
from lsmplify_refine.regressor.weights import open_network
from lsmplify_refine.solver.problem import Pose, Targets
from tests.support.scenes import open_body

_FRAMES, _NOISE_M = 40, 0.02


def with_arms_lowered(degrees: float) -> Tensor:
    """Rotation vectors (N, 24, 3) of people in the rest pose except for their arms."""
    rotvec = torch.zeros(_FRAMES, 24, 3)
    rotvec[:, 16, 2], rotvec[:, 17, 2] = -torch.tensor(degrees).deg2rad(), torch.tensor(degrees).deg2rad()
    return rotvec


def contorted(size: float) -> Tensor:
    """Rotation vectors (N, 24, 3) of people with all joints turned except hands and root."""
    rotvec = size * torch.randn(_FRAMES, 24, 3, generator=torch.Generator().manual_seed(1))
    rotvec[:, [0, 22, 23]] = 0
    return rotvec


@pytest.mark.parametrize(
    "rotvec",
    [with_arms_lowered(0.0), with_arms_lowered(60.0), contorted(0.3), contorted(0.6)],
    ids=["T-pose", "A-pose", "contorted", "contorted much"],
)
def test_a_true_start_is_held_against_noise_whoever_stands_there(rotvec: Tensor) -> None:
    skeleton = open_body().skeleton("body25", np.zeros(1))
    truth = Pose(roma.rotvec_to_rotmat(rotvec), torch.zeros(_FRAMES, 3))
    points = skinning.keypoints(skeleton, truth.rotations)
    noise = _NOISE_M * torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
    seen = Targets(points + noise, torch.ones(points.shape[:2]))
    found = FrameSolver(open_network("shipped"), skeleton, torch.zeros(1))(truth, seen)
    moved = skinning.keypoints(skeleton, found.rotations) - points
    assert moved.norm(dim=-1).mean() < 0.25 * _NOISE_M
