"""Fusion: project, regress on what is left, project again from the regressor's pose with the regressor's prior.

The training loss is taken on the result, so the network learns what the keypoints do not decide.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lsmplify_refine.body import skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.regressor.network import Regressed, regress
from lsmplify_refine.regressor.published import PublishedNetwork, published_pose
from lsmplify_refine.regressor.weights import Network
from lsmplify_refine.solver.evidence import Scales, estimate_scales
from lsmplify_refine.solver.gauss_newton import (
    approach,
    free_joints,
    linearise,
    open_pelvis,
    prior_weights,
    project,
    step_to,
)
from lsmplify_refine.solver.initialise import turned_to_face
from lsmplify_refine.solver.problem import Pose, Prior, Schedule, Targets
from lsmplify_refine.solver.running_mean import RunningMean
from lsmplify_refine.values.smpl_joints import JOINTS, WRISTS

#: The first projection: from far, robust, the start as a weak prior. Four in five of an estimator's frames need only
#: one step.
FIRST = Schedule(damping=(5.0, 3.0, 1.0), radius_m=(1.0, 0.6, 0.4), enough_rad=0.2)
_FIRST_PRIOR = 0.01
#: No keypoint lies beyond the wrists: the first projection fixes all joints from this one on.
_WRIST = min(WRISTS)
#: Robust radius of the one step that follows, under the most likely prior.
_SCALED_RADIUS_M = 0.2
#: The last projection: from the regressor's pose, with its prior; often one step.
LAST = Schedule(damping=(1.0, 1.0), radius_m=(0.4, 0.4), enough_rad=0.1)
#: The last projection without a regressor.
ALONE = Schedule(damping=(10.0, 3.0, 1.0, 1.0), radius_m=(1.0, 0.6, 0.4, 0.4))


def first_solution(skeleton: Skeleton, start: Pose, targets: Targets) -> tuple[Pose, Pose, Scales]:
    """The start (see `turned_to_face`), the projection before the regressor, and the scales of noise and prior."""
    start = turned_to_face(skeleton, start, targets)
    relative = torch.ones(start.rotations.shape[:2], device=start.pelvis.device)
    relative[:, _WRIST:] = torch.inf
    root = relative[:, 0]
    prior = Prior(_FIRST_PRIOR * relative, open_pelvis(_FIRST_PRIOR * root, is_image=targets.is_image))
    walk = approach(skeleton, start, targets, prior, FIRST)
    joints = free_joints(prior)
    model = linearise(skeleton, walk.pose, targets, _SCALED_RADIUS_M, joints)
    # estimates are worse in position (metres) than in pose (radians)
    weights = prior_weights(Prior(relative, open_pelvis(root, is_image=targets.is_image, across=0.01)), joints)
    scales, target = estimate_scales(model.jacobian, model.residual_at_start(walk), weights)
    return start, step_to(walk, model, target, joints).pose, scales


def in_space(skeleton: Skeleton, pose: Pose, targets: Targets) -> Float[Tensor, "frames points 3"]:
    """The targets as points: 3D ones as they are, 2D ones at the depth of the posed keypoints."""
    if not targets.is_image:
        return targets.positions
    depth = (skinning.keypoints(skeleton, pose.rotations) + pose.pelvis[:, None])[..., 2:]
    return torch.cat([targets.positions * depth, depth], -1)


def fuse(
    network: nn.Module, skeleton: Skeleton, start: Pose, targets: Targets, earlier: RunningMean | None = None
) -> tuple[Pose, Regressed]:
    """The refined pose, and the regressor's output on the way (see `regress`)."""
    with torch.no_grad():
        start, solution, scales = first_solution(skeleton, start, targets)
        points = in_space(skeleton, solution, targets)
    regressed = regress(network, skeleton, start, solution, scales, targets, points, earlier)
    trusted = Targets(targets.positions, targets.weights * regressed.trust)
    # where the last projection begins hardly matters to where it ends, so no gradient goes that way
    return project(skeleton, regressed.mean, trusted, regressed.prior, LAST, regressed.pose.detach()), regressed


def project_alone(skeleton: Skeleton, start: Pose, targets: Targets) -> Pose:
    """The refined pose without a network, under the prior that the observations make most likely."""
    start, _, scales = first_solution(skeleton, start, targets)
    return project(skeleton, start, targets, even_prior(start, scales, targets), ALONE)


def fuse_published(
    network: PublishedNetwork, skeleton: Skeleton, start: Pose, targets: Targets, betas: Float[Tensor, "frames 10"]
) -> Pose:
    """The published network's pose, projected under the prior that the observations make most likely."""
    start, solution, scales = first_solution(skeleton, start, targets)
    in_place = Targets(in_space(skeleton, solution, targets), targets.weights)
    pose = published_pose(network, skeleton, Pose(start.rotations, solution.pelvis), in_place, betas)
    return project(skeleton, pose, targets, even_prior(start, scales, targets), LAST)


def even_prior(start: Pose, scales: Scales, targets: Targets) -> Prior:
    """The prior that the observations make most likely: all joints held equally, hands fixed."""
    rotation = scales.strength[:, None].expand(start.rotations.shape[:2]).clone()
    rotation[:, JOINTS:] = torch.inf
    return Prior(rotation, open_pelvis(scales.strength, is_image=targets.is_image))


class FrameSolver:
    """Refines independent frames with the given network.

    Args:
        network: Ours, the published one, or None for the projection alone.
        skeleton: The shaped body with BODY_25 points, shared by all frames or one per frame.
        betas: Shape coefficients, for the published network.
        passes: How often to refine; each pass starts from the result of the one before.
    """

    def __init__(
        self, network: Network | None, skeleton: Skeleton, betas: Float[Tensor, "*frames betas"], *, passes: int = 1
    ) -> None:
        self.network = network
        self.skeleton = skeleton
        self.passes = passes
        self._betas = nn.functional.pad(betas.float(), (0, 10))[..., :10]

    @torch.inference_mode()
    def __call__(self, start: Pose, targets: Targets, earlier: RunningMean | None = None) -> Pose:
        """Refine N frames; `earlier` is the mean of the results that the starts follow, if any."""
        pose = start
        for done in range(self.passes):
            if done and earlier:
                # from the second pass on, the start is a result
                earlier = earlier.only(earlier.count > 0)
            if self.network is None:
                pose = project_alone(self.skeleton, pose, targets)
            elif isinstance(self.network, PublishedNetwork):
                betas = self._betas.expand(len(pose.pelvis), -1)
                pose = fuse_published(self.network, self.skeleton, pose, targets, betas)
            else:
                pose, _ = fuse(self.network, self.skeleton, pose, targets, earlier)
        return pose
