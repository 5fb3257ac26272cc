"""Batched skeletons: a different body shape for every sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lsmplify_refine.body import BodyModel
from lsmplify_refine.body.skinning import Skeleton


class ShapeSampler:
    """Makes batched skeletons of a body from batches of betas.

    Args:
        body: The body model.
        convention: Keypoint convention of the skeletons.
    """

    def __init__(self, body: BodyModel, convention: str = "body25") -> None:
        self.count = 10
        basis = [body.skeleton(convention, b) for b in np.vstack([np.zeros(10), np.eye(10)])]
        self._mean = basis[0]
        self._joints = torch.stack([s.rest_joints - self._mean.rest_joints for s in basis[1:]], -1)
        self._points = torch.stack([s.points - self._mean.points for s in basis[1:]], -1)

    def skeleton(self, betas: Tensor) -> Skeleton:
        """Make the skeletons of betas (N, 10)."""
        mean = self._mean
        return Skeleton(
            mean.parents,
            mean.rest_joints + torch.einsum("jcs,ns->njc", self._joints, betas),
            mean.points + torch.einsum("kjcs,ns->nkjc", self._points, betas),
            mean.shares,
            mean.pose_points,
        )


def moved_points(skeleton: Skeleton, offsets: Tensor) -> Skeleton:
    """Move a skeleton's keypoints by (N, K, 3) metres on their bones, to where another convention has them."""
    return replace(skeleton, points=skeleton.points + offsets[:, :, None] * skeleton.shares[..., None])


def with_hands(rotations: Tensor) -> Tensor:
    """Append the hands of the 24 SMPL joints, at rest, to rotations (..., 22, 3, 3)."""
    hands = torch.eye(3).expand(*rotations.shape[:-3], 2, 3, 3)
    return torch.cat([rotations, hands], -3)
