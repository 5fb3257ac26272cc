"""Projection of poses onto keypoints: a few damped, annealed, confidence-weighted, robust Gauss-Newton steps.

Every frame solves, in tangent space y about its start pose,

    min_y  sum_k w_k |A_k (x_k(y) - target_k)|^2 + y^T diag(prior) y

where A_k maps metres to what was observed: the identity for 3D keypoints, the image plane at the keypoint's own
depth for 2D ones. The prior pulls to the start, so what the keypoints do not see keeps its value *exactly*: a zero
Jacobian column gives a zero step.
"""

from __future__ import annotations

from dataclasses import dataclass

import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lsmplify_refine.body import skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.geometry.projection import points_to_rays
from lsmplify_refine.geometry.robust import robust_weight
from lsmplify_refine.solver.least_squares import minimiser, row_times
from lsmplify_refine.solver.problem import Pose, Prior, Rows, Schedule, Targets

#: Robust radius of `observed_share`, metres: a keypoint far beyond it did not decide the solution.
_TRUSTED_RADIUS_M = 0.15


def open_pelvis(
    strength: Float[Tensor, " frames"], *, is_image: bool, across: float = 1e-5
) -> Float[Tensor, "frames 3"]:
    """Weak pelvis prior: the keypoints decide its position.

    An image hardly decides depth, so there a metre of depth is held like a radian of a joint, at `strength`.
    """
    weak = torch.full_like(strength, across)
    return torch.stack([weak, weak, strength if is_image else weak], 1)


def residuals(
    points: Float[Tensor, "frames points 3"], targets: Targets
) -> tuple[Float[Tensor, "frames points dimensions"], Float[Tensor, "frames points dimensions 3"]]:
    """Residuals in metres, and the linear map from points in space to them.

    Args:
        points: Posed keypoints in the camera frame.
        targets: The observations.

    Returns:
        Target minus point in metres (for 2D in the image plane at the point's depth), and A.
    """
    if not targets.is_image:
        identity = torch.eye(3, device=points.device).expand(*points.shape[:2], 3, 3)
        return targets.positions - points, identity
    ray, depth = points_to_rays(points)
    rows = torch.zeros(*points.shape[:2], 2, 3, device=points.device)
    rows[..., 0, 0] = rows[..., 1, 1] = 1.0
    rows[..., 2] = -ray
    return (targets.positions - ray) * depth, rows


def robust_weights(
    residual: Float[Tensor, "frames points dimensions"], radius_m: float
) -> Float[Tensor, "frames points"]:
    """Geman-McClure weights in (0, 1] for residuals in metres."""
    return robust_weight(residual.square().sum(-1) / radius_m**2)


@dataclass(frozen=True)
class Walk:
    """State of Gauss-Newton: the present pose, and the way to it from the start.

    Attributes:
        pose: The present pose.
        turn: Rotation of each free joint from the start, radians, in its parent's axes.
        shift: Of the pelvis, metres.
    """

    pose: Pose
    turn: Float[Tensor, "frames free 3"]
    shift: Float[Tensor, "frames 3"]

    def __getitem__(self, rows: Rows) -> Walk:
        return Walk(self.pose[rows], self.turn[rows], self.shift[rows])

    def with_rows(self, rows: Int[Tensor, " rows"], others: Walk) -> Walk:
        """This walk, with some rows replaced."""
        turn, shift = self.turn.index_copy(0, rows, others.turn), self.shift.index_copy(0, rows, others.shift)
        return Walk(self.pose.with_rows(rows, others.pose), turn, shift)


@dataclass(frozen=True)
class LinearModel:
    """Observations near a pose: residual - jacobian @ step.

    Unknowns are x of all free joints, then y, then z (camera axes), then the pelvis: 3 M + 3 for M free joints.
    Observations are the coordinates of all keypoints.

    Attributes:
        jacobian: In metres per radian and metre, weighted.
        residual: Metres, weighted.
        above: Orientation of each free joint's parent.
    """

    jacobian: Float[Tensor, "frames observations unknowns"]
    residual: Float[Tensor, "frames observations"]
    above: Float[Tensor, "frames free 3 3"]

    def travelled(self, walk: Walk) -> Float[Tensor, "frames unknowns"]:
        """The way of a walk from its start, in this model's unknowns."""
        turn = (self.above @ walk.turn[..., None])[..., 0]
        return torch.cat([turn.transpose(1, 2).flatten(1), walk.shift], 1)

    def residual_at_start(self, walk: Walk) -> Float[Tensor, "frames observations"]:
        """The model's residual where the walk started."""
        return self.residual + row_times(self.travelled(walk), self.jacobian.transpose(1, 2))


def project(
    skeleton: Skeleton, start: Pose, targets: Targets, prior: Prior, schedule: Schedule, begin: Pose | None = None
) -> Pose:
    """Move each frame's pose onto its keypoints.

    Args:
        skeleton: The shaped body with the targets' convention.
        start: The pose that the prior holds to.
        targets: The observations.
        prior: Per-unknown prior.
        schedule: Damping and robust radius per step.
        begin: The pose of the first step, if not `start`; one near the solution saves steps.
    """
    return approach(skeleton, start, targets, prior, schedule, begin).pose


def approach(
    skeleton: Skeleton, start: Pose, targets: Targets, prior: Prior, schedule: Schedule, begin: Pose | None = None
) -> Walk:
    """As `project`, but return the whole walk."""
    joints = free_joints(prior)
    weight = prior_weights(prior, joints)
    walk = _walk(start, begin, joints)
    rows: Rows = slice(None)
    for index, (damping, radius) in enumerate(zip(schedule.damping, schedule.radius_m), 1):
        before = walk[rows]
        model = linearise(skeleton.of_frames(rows), before.pose, targets[rows], radius, joints)
        after = advance(before, model, damping * weight[rows], joints, prior[rows].together)
        walk = after if isinstance(rows, slice) else walk.with_rows(rows, after)
        if schedule.enough_rad and index < len(schedule.damping):
            far = (after.turn - before.turn).norm(dim=-1).amax(1) > schedule.enough_rad
            if not far.all():
                rows = torch.arange(len(weight), device=weight.device)[rows][far]
                if not len(rows):
                    break
    return walk


def _walk(start: Pose, begin: Pose | None, joints: Int[Tensor, " free"]) -> Walk:
    """The walk from the start to the pose of the first step."""
    if begin is None:
        still = torch.zeros_like(start.pelvis)
        return Walk(start, still[:, None].expand(-1, len(joints), 3), still)
    ends = [pose.rotations.index_select(1, joints) for pose in (start, begin)]
    return Walk(begin, roma.rotmat_to_rotvec(ends[1] @ ends[0].transpose(-1, -2)), begin.pelvis - start.pelvis)


def free_joints(prior: Prior) -> Int[Tensor, " free"]:
    """Joints that the prior of at least one frame lets move."""
    return torch.nonzero(prior.rotation.isfinite().any(0))[:, 0]


def prior_weights(prior: Prior, joints: Int[Tensor, " free"]) -> Float[Tensor, "frames unknowns"]:
    """The prior of a linear model's unknowns."""
    return torch.cat([prior.rotation[:, joints].repeat(1, 3), prior.pelvis], 1)


def linearise(
    skeleton: Skeleton, pose: Pose, targets: Targets, radius_m: float, joints: Int[Tensor, " free"]
) -> LinearModel:
    """The weighted linear model of the observations at a pose."""
    posed = skinning.pose_keypoints(skeleton, pose.rotations)
    residual, rows = residuals(posed.positions + pose.pelvis[:, None], targets)
    seen = targets.weights > 0
    # the square root has no gradient at 0
    root = torch.where(seen, targets.weights * robust_weights(residual, radius_m), 1.0).sqrt()
    root = torch.where(seen, root, 0.0)[:, None]
    weighted = (rows.permute(0, 2, 3, 1) * root[:, None]).contiguous()
    jacobian = skinning.jacobian(skeleton, posed, weighted, joints).flatten(2).transpose(1, 2)
    above = skinning.parent_orientations(skeleton, posed).index_select(1, joints)
    return LinearModel(jacobian, (residual.transpose(1, 2) * root).flatten(1), above)


def advance(
    walk: Walk,
    model: LinearModel,
    weight: Float[Tensor, "frames unknowns"],
    joints: Int[Tensor, " free"],
    together: Float[Tensor, "frames joints 3 ways"] | None = None,
) -> Walk:
    """One Gauss-Newton step under a prior about the walk's start: a weight per unknown, and `Prior.together`."""
    if together is not None:
        turned = (model.above @ together.index_select(1, joints)).transpose(1, 2).flatten(1, 2)
        together = torch.cat([turned, torch.zeros_like(turned[:, :3])], 1)
    return step_to(walk, model, minimiser(model.jacobian, model.residual_at_start(walk), weight, together), joints)


def step_to(
    walk: Walk, model: LinearModel, target: Float[Tensor, "frames unknowns"], joints: Int[Tensor, " free"]
) -> Walk:
    """Move to a target in a linear model's unknowns, counted from the walk's start."""
    by_joint = torch.unflatten(target[:, :-3], 1, (3, -1)).transpose(1, 2)
    turn = (model.above.transpose(-1, -2) @ by_joint[..., None])[..., 0]
    rotations = walk.pose.rotations
    turned = roma.rotvec_to_rotmat(turn - walk.turn) @ rotations.index_select(1, joints)
    rotations = rotations.index_copy(1, joints, turned)
    return Walk(Pose(rotations, walk.pose.pelvis + target[:, -3:] - walk.shift), turn, target[:, -3:])


def observed_share(
    skeleton: Skeleton, pose: Pose, targets: Targets, prior: Prior
) -> Float[Tensor, "frames joints_and_pelvis"]:
    """Share of each joint's rotation, and last of the pelvis, that the keypoints decide rather than the prior.

    Returns:
        In [0, 1): h / (h + prior) with h the unknown's curvature in the data term; exactly 0 where no keypoint sees
        the joint.
    """
    joints = free_joints(prior)
    by_axis = linearise(skeleton, pose, targets, _TRUSTED_RADIUS_M, joints).jacobian.square().sum(1)
    by_joint = torch.unflatten(by_axis[:, :-3], 1, (3, -1)).mean(1)
    curvature = torch.cat([by_joint, by_axis[:, -3:].mean(1, keepdim=True)], 1)
    held = torch.cat([prior.rotation[:, joints], prior.pelvis[:, :1]], 1)
    share = curvature / (curvature + held)
    return torch.cat([torch.zeros_like(prior.rotation).index_copy(1, joints, share[:, :-1]), share[:, -1:]], 1)
