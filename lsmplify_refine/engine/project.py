"""Project: a few damped, annealed, confidence-weighted, robust Gauss-Newton steps onto the keypoints.

Every frame solves, in tangent space y about its start pose,

    min_y  sum_k w_k |A_k (x_k(y) - target_k)|^2 + y^T diag(prior) y

where A_k maps metres to what was observed: the identity for 3D keypoints, the image plane at the keypoint's own
depth for 2D ones. The prior pulls to the start, so what the keypoints do not see keeps its value *exactly*: a zero
Jacobian column gives a zero step. Since a frame has fewer observations than unknowns, the step is solved in
observation space (Woodbury): y = P J^T (J P J^T + I)^-1 (r + J y0), P = diag(1 / prior).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import roma
import torch
from torch import Tensor

from lsmplify_refine.body import _core
from lsmplify_refine.body._core import Skeleton

#: A keypoint further than this from the solution did not shape it, metres.
_TRUSTED_RADIUS_M = 0.15


@dataclass(frozen=True)
class Targets:
    """What the keypoints say, ready for the solver (torch tensors, one device).

    Attributes:
        positions: (N, K, 2) normalised image coordinates (x/z, y/z), or (N, K, 3) metres in the camera frame;
            finite everywhere.
        weights: (N, K) in [0, 1]; 0 where missing.
    """

    positions: Tensor
    weights: Tensor

    @property
    def is_image(self) -> bool:
        """True for 2D keypoints."""
        return self.positions.shape[-1] == 2


@dataclass(frozen=True)
class Pose:
    """Poses of N frames: rotations (N, J, 3, 3), parent-relative, and pelvis (N, 3) in metres."""

    rotations: Tensor
    pelvis: Tensor


@dataclass(frozen=True)
class Prior:
    """How strongly the solution is held to its start: 1 / variance per unknown, in units of observation weight.

    Attributes:
        rotation: (N, J) per joint, m^2/rad^2; infinite for joints that must not move.
        pelvis: (N, 3) per axis of the camera frame; the depth axis carries the estimate's depth as prior.
    """

    rotation: Tensor
    pelvis: Tensor


@dataclass(frozen=True)
class Schedule:
    """One entry per Gauss-Newton step.

    Attributes:
        damping: Factor on the prior; high first, so that no step overshoots, 1 last.
        radius_m: Scale of the robust kernel, metres: residuals far beyond it hardly count.
    """

    damping: Sequence[float]
    radius_m: Sequence[float]


def residuals(points: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Residuals in metres and the linear map that took them from points in space.

    Args:
        points: (N, K, 3) posed keypoints in the camera frame.
        targets: The observations.

    Returns:
        (N, K, D) target minus point, in metres (in the image plane at the point's depth for 2D), and (N, K, D, 3) A.
    """
    if not targets.is_image:
        identity = torch.eye(3, device=points.device).expand(*points.shape[:2], 3, 3)
        return targets.positions - points, identity
    depth = points[..., 2:].clamp(min=0.1)
    ray = points[..., :2] / depth
    rows = torch.zeros(*points.shape[:2], 2, 3, device=points.device)
    rows[..., 0, 0] = rows[..., 1, 1] = 1.0
    rows[..., 2] = -ray
    return (targets.positions - ray) * depth, rows


def robust_weights(residual: Tensor, radius_m: float) -> Tensor:
    """Geman-McClure weights (N, K) in (0, 1] for residuals (N, K, D) in metres."""
    squared = residual.square().sum(-1) / radius_m**2
    return 1.0 / (1.0 + squared).square()


def project(skeleton: Skeleton, start: Pose, targets: Targets, prior: Prior, schedule: Schedule) -> Pose:
    """Move each frame's pose onto its keypoints.

    Args:
        skeleton: The shaped body with the targets' convention.
        start: Where to start, and what the prior holds to.
        targets: The observations.
        prior: Per-unknown prior.
        schedule: Damping and robust radius per step.
    """
    joints = free_joints(prior)
    rotations, pelvis = start.rotations, start.pelvis
    weight = torch.cat([prior.rotation[:, joints].repeat_interleave(3, dim=1), prior.pelvis], dim=1)
    moved = torch.zeros_like(weight)
    for damping, radius in zip(schedule.damping, schedule.radius_m):
        jacobian, residual = _linearise(skeleton, Pose(rotations, pelvis), targets, radius, joints)
        target = _damped_step(jacobian, residual, moved, 1.0 / (damping * weight))
        step, moved = target - moved, target
        turned = roma.rotvec_to_rotmat(step[:, :-3].unflatten(1, (-1, 3))) @ rotations[:, joints]
        rotations = rotations.index_copy(1, torch.tensor(joints, device=rotations.device), turned)
        pelvis = pelvis + step[:, -3:]
    return Pose(rotations, pelvis)


def free_joints(prior: Prior) -> list[int]:
    """The joints that some frame's prior lets move."""
    return torch.nonzero(prior.rotation.isfinite().any(0))[:, 0].tolist()


def _linearise(
    skeleton: Skeleton, pose: Pose, targets: Targets, radius: float, joints: list[int]
) -> tuple[Tensor, Tensor]:
    """Weighted Jacobian (N, K * D, 3 M + 3) and residual (N, K * D) at a pose."""
    posed = _core.pose_keypoints(skeleton, pose.rotations)
    residual, rows = residuals(posed.positions + pose.pelvis[:, None], targets)
    seen = targets.weights > 0
    # the square root has no gradient at 0
    root = torch.where(seen, targets.weights * robust_weights(residual, radius), 1.0).sqrt()
    root = torch.where(seen, root, 0.0)[..., None]
    weighted = rows * root[..., None]
    by_rotation = _core.rotation_jacobian(skeleton, posed, weighted, joints).flatten(-2)
    return torch.cat([by_rotation, weighted], -1).flatten(1, 2), (residual * root).flatten(1)


def _damped_step(jacobian: Tensor, residual: Tensor, moved: Tensor, variance: Tensor) -> Tensor:
    """The minimiser y of |residual + J moved - J y|^2 + y^T diag(1 / variance) y, (N, U)."""
    spread = jacobian * variance[:, None]
    system = spread @ jacobian.transpose(1, 2)
    system.diagonal(dim1=1, dim2=2).add_(1.0)
    right = residual + (jacobian @ moved[..., None])[..., 0]
    factor = torch.linalg.cholesky(system)
    return (spread.transpose(1, 2) @ torch.cholesky_solve(right[..., None], factor))[..., 0]


def observed_share(skeleton: Skeleton, pose: Pose, targets: Targets, prior: Prior) -> Tensor:
    """How much of each joint's rotation, and last the pelvis, the keypoints decide against the prior.

    Returns:
        (N, J + 1) in [0, 1): h / (h + prior) with h the unknown's curvature in the data term; exactly 0 where no
        keypoint sees the joint.
    """
    joints = free_joints(prior)
    jacobian, _ = _linearise(skeleton, pose, targets, _TRUSTED_RADIUS_M, joints)
    curvature = jacobian.square().sum(1).unflatten(1, (-1, 3)).mean(-1)
    held = torch.cat([prior.rotation[:, joints], prior.pelvis[:, :1]], 1)
    share = torch.zeros(len(held), prior.rotation.shape[1] + 1, device=held.device)
    share[:, [*joints, -1]] = curvature / (curvature + held)
    return share
