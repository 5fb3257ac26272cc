"""Fuse: project, regress on what is left, project again with the regressor's pose and prior.

The loss of training is taken on the result, so that the network spends itself on what the keypoints do not decide.
"""

from __future__ import annotations

import torch
from torch import nn

from lsmplify_refine.body import _core
from lsmplify_refine.body._core import Skeleton
from lsmplify_refine.engine.evidence import Scales, estimate_scales
from lsmplify_refine.engine.project import (
    Pose,
    Prior,
    Schedule,
    Targets,
    advance,
    approach,
    free_joints,
    linearise,
    prior_weights,
    project,
)
from lsmplify_refine.regressor.network import JOINTS, Regressed, regress

#: The first projection: from far, robust, the start as a weak prior.
FIRST = Schedule(damping=(10.0, 3.0), radius_m=(1.0, 0.6))
_FIRST_PRIOR = 0.01
#: Then one step under the prior that the observations themselves speak for.
_SCALED_RADIUS_M = 0.2
#: The last: the regressor's pose and weights.
LAST = Schedule(damping=(1.0, 1.0), radius_m=(0.4, 0.4))


def first_solution(skeleton: Skeleton, start: Pose, targets: Targets) -> tuple[Pose, Scales]:
    """The projection before the regressor, and what the observations say about noise and start."""
    relative = torch.ones(start.rotations.shape[:2], device=start.pelvis.device)
    relative[:, JOINTS:] = torch.inf
    prior = Prior(_FIRST_PRIOR * relative, torch.full_like(start.pelvis, 1e-5))
    walk = approach(skeleton, start, targets, prior, FIRST)
    joints = free_joints(prior)
    model = linearise(skeleton, walk.pose, targets, _SCALED_RADIUS_M, joints)
    # estimates are worse in place (metres) than in pose (radians)
    weights = prior_weights(Prior(relative, torch.full_like(start.pelvis, 0.01)), joints)
    scales = estimate_scales(model.jacobian, model.residual_at_start(walk), weights)
    return advance(walk, model, weights * scales.strength[:, None], joints).pose, scales


def in_space(skeleton: Skeleton, pose: Pose, targets: Targets) -> torch.Tensor:
    """The targets as points (N, K, 3): 3D ones as they are, 2D ones at the depth of the posed keypoints."""
    if not targets.is_image:
        return targets.positions
    depth = (_core.keypoints(skeleton, pose.rotations) + pose.pelvis[:, None])[..., 2:]
    return torch.cat([targets.positions * depth, depth], -1)


def fuse(network: nn.Module, skeleton: Skeleton, start: Pose, targets: Targets) -> tuple[Pose, Regressed]:
    """The refined pose, and what the regressor said on the way."""
    with torch.no_grad():
        solution, scales = first_solution(skeleton, start, targets)
        points = in_space(skeleton, solution, targets)
    regressed = regress(network, skeleton, start, solution, scales, targets, points)
    trusted = Targets(targets.positions, targets.weights * regressed.trust)
    return project(skeleton, regressed.pose, trusted, regressed.prior, LAST), regressed
