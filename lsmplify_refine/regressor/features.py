"""Inputs of the regressor: features of keypoints and joints in a human-centric frame."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lsmplify_refine.body import skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.solver.evidence import Scales
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.solver.running_mean import RunningMean
from lsmplify_refine.values.conventions import BODY25
from lsmplify_refine.values.smpl_joints import JOINTS

_POINTS = len(BODY25.points)
_NECK, _MID_HIP, _RIGHT_HIP, _LEFT_HIP = (BODY25.points.index(n) for n in ("neck", "mid_hip", "right_hip", "left_hip"))
#: Features per keypoint node and per joint node.
POINT_FEATURES, JOINT_FEATURES = 24, 24


def human_frame(
    points: Float[Tensor, "frames 25 3"],
) -> tuple[Float[Tensor, "frames 3 3"], Float[Tensor, "frames 3"]]:
    """The human-centric frame of BODY_25 points (Learnable SMPLify, section 3).

    Returns:
        Axes in columns, and the mid-hip. y points from right to left hip; z is the trunk made orthogonal to y.
    """
    origin = points[:, _MID_HIP]
    y = nn.functional.normalize(points[:, _LEFT_HIP] - points[:, _RIGHT_HIP], dim=-1)
    trunk = points[:, _NECK] - origin
    z = nn.functional.normalize(trunk - (trunk * y).sum(-1, keepdim=True) * y, dim=-1)
    return torch.stack([torch.linalg.cross(y, z), y, z], -1), origin


def features_of(
    skeleton: Skeleton,
    start: Pose,
    solution: Pose,
    scales: Scales,
    targets: Targets,
    target_points: Float[Tensor, "frames 25 3"],
    earlier: RunningMean | None,
) -> tuple[
    Float[Tensor, "frames 3 3"], Float[Tensor, "frames 25 point_features"], Float[Tensor, "frames 22 joint_features"]
]:
    """Human-centric axes, keypoint features and joint features; arguments as for `network.regress`."""
    before = skinning.keypoints(skeleton, start.rotations) + start.pelvis[:, None]
    after = skinning.keypoints(skeleton, solution.rotations) + solution.pelvis[:, None]
    axes, origin = human_frame(before)
    seen = (targets.weights > 0).to(before)[..., None]
    local_before, local_after, local_target = ((p - origin[:, None]) @ axes for p in (before, after, target_points))
    count = len(before)
    rest_points = skeleton.points.sum(-2).expand(count, _POINTS, 3)
    flat = torch.full_like(seen, float(targets.is_image))
    known = torch.stack([(scales.noise_m + 1e-4).log() + 5, scales.strength.log() + 2], -1)[:, None]
    # residual of the first solution, in standard deviations
    left = (target_points - after).norm(dim=-1, keepdim=True) / (scales.noise_m + 1e-4)[:, None, None]
    points = torch.cat(
        [
            local_before,
            local_target * seen,
            (local_target - local_before) * seen * 5,
            (local_target - local_after) * seen * 10,
            targets.weights[..., None],
            rest_points,
            local_after,
            seen,
            flat,
            left.log1p() * seen,
            known.expand(count, _POINTS, 2),
        ],
        -1,
    )
    turned = [_root_in(axes, pose.rotations[:, :JOINTS]) for pose in (start, solution)]
    two_columns = [r[..., :2].transpose(-1, -2).flatten(-2) for r in turned]
    moved = 5 * (turned[1] - turned[0])[..., 1, :]
    rest_joints = skeleton.rest_joints[..., :JOINTS, :].expand(count, JOINTS, 3)
    joints = [*two_columns, moved, rest_joints, known.expand(count, JOINTS, 2), _memory(start, earlier)]
    return axes, points, torch.cat(joints, -1)


def _memory(start: Pose, earlier: RunningMean | None) -> Float[Tensor, "frames 22 4"]:
    """The way from the start to the mean of earlier results, and the weight of that mean.

    The weight is up to 1, 0 for no mean, and -1 for a start that was made from the keypoints alone.
    """
    if earlier is None:
        return start.pelvis.new_zeros(len(start.pelvis), JOINTS, 4)
    # bounded: an hour of frames gives about the same as the seconds seen in training
    known = torch.where(earlier.from_keypoints, -1.0, 1 - (1 + earlier.count).rsqrt())
    return torch.cat([5 * earlier.way_from(start)[:, :JOINTS], known[:, None, None].expand(-1, JOINTS, 1)], -1)


def _root_in(
    axes: Float[Tensor, "frames 3 3"], rotations: Float[Tensor, "frames joints 3 3"]
) -> Float[Tensor, "frames joints 3 3"]:
    """Rotations with the root's expressed in the human-centric frame."""
    return torch.cat([axes.transpose(-1, -2)[:, None] @ rotations[:, :1], rotations[:, 1:]], 1)
