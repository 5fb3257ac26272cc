"""Linear blend skinning of keypoints without the mesh.

A keypoint that is linear in the vertices is, under linear blend skinning, a sum over bones of rigidly moved
*virtual points*: k_j = sum_b (G_b a_jb + c_jb t_b), where G_b, t_b move bone b, a_jb = sum_v r_jv w_vb v and
c_jb = sum_v r_jv w_vb. Everything here is relative to the pelvis joint; batch dimensions lead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class Skeleton:
    """A shaped body, prepared once and posed many times (all tensors on one device).

    Attributes:
        parents: Parent of each joint, -1 for the root; parents come before children.
        rest_joints: (J, 3) rest joints relative to the pelvis, metres.
        points: (K, J, 3) virtual points a_jb relative to the pelvis, metres.
        shares: (K, J) bone shares c_jb.
        pose_points: (K, J, 3, (J - 1) * 9) pose blend shapes of the virtual points, or None where there are none.
    """

    parents: tuple[int, ...]
    rest_joints: Tensor
    points: Tensor
    shares: Tensor
    pose_points: Tensor | None


@lru_cache(maxsize=8)
def tree_levels(parents: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Joints grouped by depth, so that a whole level is posed at once."""
    depth = [0] * len(parents)
    for joint, parent in enumerate(parents):
        depth[joint] = 0 if parent < 0 else depth[parent] + 1
    return tuple(tuple(j for j, d in enumerate(depth) if d == level) for level in range(max(depth) + 1))


@lru_cache(maxsize=8)
def subtree_mask(parents: tuple[int, ...]) -> Tensor:
    """(J, J) float mask: entry [i, b] is 1 where bone b lies in the subtree of joint i."""
    mask = torch.eye(len(parents))
    for joint in range(len(parents) - 1, 0, -1):
        mask[parents[joint]] = torch.maximum(mask[parents[joint]], mask[joint])
    return mask


def forward_kinematics(rotations: Tensor, rest_joints: Tensor, parents: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Pose the skeleton.

    Args:
        rotations: (N, J, 3, 3) parent-relative rotations.
        rest_joints: (J, 3) rest joints relative to the pelvis.
        parents: Parent of each joint.

    Returns:
        (N, J, 3, 3) bone orientations and (N, J, 3) joint positions, relative to the pelvis.
    """
    orientations: list[Tensor] = [rotations[:, 0]] * len(parents)
    positions: list[Tensor] = [rest_joints[0].expand(len(rotations), 3)] * len(parents)
    for level in tree_levels(parents)[1:]:
        above = torch.stack([orientations[parents[j]] for j in level], 1)
        origin = torch.stack([positions[parents[j]] for j in level], 1)
        offsets = torch.stack([rest_joints[j] - rest_joints[parents[j]] for j in level])
        here = above @ rotations[:, level]
        there = origin + (above @ offsets[..., None])[..., 0]
        for index, joint in enumerate(level):
            orientations[joint], positions[joint] = here[:, index], there[:, index]
    return torch.stack(orientations, 1), torch.stack(positions, 1)


def virtual_points(skeleton: Skeleton, rotations: Tensor) -> Tensor:
    """(N | 1, K, J, 3) virtual points with the pose blend shapes of this pose added."""
    if skeleton.pose_points is None:
        return skeleton.points[None]
    feature = (rotations[:, 1:] - torch.eye(3, device=rotations.device, dtype=rotations.dtype)).flatten(1)
    return skeleton.points[None] + torch.einsum("kjcf,nf->nkjc", skeleton.pose_points, feature)


def _bone_terms(skeleton: Skeleton, rotations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Per-bone contributions (N, K, J, 3) to each keypoint, bone orientations, joint positions."""
    orientations, joints = forward_kinematics(rotations, skeleton.rest_joints, skeleton.parents)
    origins = joints - (orientations @ skeleton.rest_joints[..., None])[..., 0]
    points = virtual_points(skeleton, rotations)
    moved = (points.transpose(1, 2) @ orientations.transpose(-1, -2)).transpose(1, 2)
    return moved + skeleton.shares[..., None] * origins[:, None], orientations, joints


def keypoints(skeleton: Skeleton, rotations: Tensor) -> Tensor:
    """Posed keypoints (N, K, 3) in metres, relative to the pelvis, for rotations (N, J, 3, 3)."""
    return _bone_terms(skeleton, rotations)[0].sum(2)


def keypoints_with_jacobian(skeleton: Skeleton, rotations: Tensor) -> tuple[Tensor, Tensor]:
    """Keypoints and how they move with each joint's rotation.

    The derivative is with respect to w in R_i <- exp(w) R_i (w in the parent's frame, radians): turning joint i
    moves keypoint j by (G_parent w) x sum over bones b below i of (x_jb - c_jb p_i).

    Returns:
        (N, K, 3) keypoints relative to the pelvis and (N, K, 3, J, 3) Jacobian (keypoint axis, joint, w axis).
    """
    terms, orientations, joints = _bone_terms(skeleton, rotations)
    below = subtree_mask(skeleton.parents).to(terms)
    arms = below @ terms - (skeleton.shares @ below.T)[..., None] * joints[:, None]
    parent_axes = torch.cat([torch.eye(3).to(terms).expand(len(terms), 1, 3, 3), orientations[:, skeleton.parents[1:]]], 1)
    # cross(axis, arm) for the three columns of each parent's orientation
    axes = parent_axes.transpose(-1, -2)[:, None]
    jacobian = torch.linalg.cross(axes.expand(-1, arms.shape[1], -1, -1, -1), arms[..., None, :].expand(-1, -1, -1, 3, -1))
    if skeleton.pose_points is not None:
        jacobian = jacobian + _pose_blend_jacobian(skeleton, rotations, orientations)
    return terms.sum(2), jacobian.permute(0, 1, 4, 2, 3)


def rest_levers(skeleton: Skeleton) -> Tensor:
    """(K, J) metres: how far each keypoint lies from each joint that moves it, in the rest pose; 0 if it does not."""
    below = subtree_mask(skeleton.parents).to(skeleton.points)
    arms = below @ skeleton.points - (skeleton.shares @ below.T)[..., None] * skeleton.rest_joints
    return arms.norm(dim=-1)


def _pose_blend_jacobian(skeleton: Skeleton, rotations: Tensor, orientations: Tensor) -> Tensor:
    """What the pose blend shapes add to the Jacobian: (N, K, J, 3 w axes, 3 keypoint axes)."""
    assert skeleton.pose_points is not None
    count, joints = rotations.shape[:2]
    keypoint_count = len(skeleton.points)
    # d exp(w) R / dw_e at w = 0 is [e]x R
    generators = torch.zeros(3, 3, 3).to(rotations)
    for e, (a, b) in enumerate(((1, 2), (2, 0), (0, 1))):
        generators[e, a, b], generators[e, b, a] = -1.0, 1.0
    d_feature = torch.einsum("exy,njyz->njexz", generators, rotations[:, 1:]).flatten(-2)
    blend = skeleton.pose_points.reshape(keypoint_count, joints, 3, joints - 1, 9)
    turned = torch.einsum("nbxc,kbcif->nkixf", orientations, blend)
    added = torch.einsum("nkixf,nief->nkiex", turned, d_feature)
    return torch.cat([torch.zeros(count, keypoint_count, 1, 3, 3).to(added), added], 2)
