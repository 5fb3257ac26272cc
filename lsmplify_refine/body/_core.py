"""Linear blend skinning of keypoints without the mesh.

A keypoint that is linear in the vertices is, under linear blend skinning, a sum over bones of rigidly moved
*virtual points*: k_j = sum_b (G_b a_jb + c_jb t_b), where G_b, t_b move bone b, a_jb = sum_v r_jv w_vb v and
c_jb = sum_v r_jv w_vb. Everything here is relative to the pelvis joint; batch dimensions lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True)
class Skeleton:
    """A shaped body, prepared once and posed many times (all tensors on one device).

    `rest_joints` and `points` may lead with a batch dimension N: then every pose has a shape of its own.

    Attributes:
        parents: Parent of each joint, -1 for the root; parents come before children.
        rest_joints: (J, 3) or (N, J, 3) rest joints relative to the pelvis, metres.
        points: (K, J, 3) or (N, K, J, 3) virtual points a_jb relative to the pelvis, metres.
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


@lru_cache(maxsize=8)
def _steps_down(parents: tuple[int, ...]) -> tuple[Tensor, tuple[tuple[Tensor, Tensor], ...], Tensor]:
    """Each joint's parent (the root its own), for each level its joints and their parents' places in the level above,
    and where each joint ends up when levels are put one after another."""
    levels = tree_levels(parents)
    steps = tuple(
        (torch.tensor(level), torch.tensor([above.index(parents[joint]) for joint in level]))
        for above, level in pairwise(levels)
    )
    place = torch.tensor([joint for level in levels for joint in level]).argsort()
    return torch.tensor(parents).clamp(min=0), steps, place


def forward_kinematics(rotations: Tensor, rest_joints: Tensor, parents: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Pose the skeleton.

    Args:
        rotations: (N, J, 3, 3) parent-relative rotations.
        rest_joints: (J, 3) or (N, J, 3) rest joints relative to the pelvis.
        parents: Parent of each joint.

    Returns:
        (N, J, 3, 3) bone orientations and (N, J, 3) joint positions, relative to the pelvis.
    """
    device = rotations.device
    parent, steps, place = _steps_down(parents)
    offsets = rest_joints - rest_joints.index_select(-2, parent.to(device))
    orientations, positions = [rotations[:, :1]], [rest_joints[..., :1, :].expand(len(rotations), 1, 3)]
    for joints, above in steps:
        joints, above = joints.to(device), above.to(device)
        upper = orientations[-1].index_select(1, above)
        there = positions[-1].index_select(1, above) + (upper @ offsets.index_select(-2, joints)[..., None])[..., 0]
        orientations.append(upper @ rotations.index_select(1, joints))
        positions.append(there)
    place = place.to(device)
    return torch.cat(orientations, 1).index_select(1, place), torch.cat(positions, 1).index_select(1, place)


@dataclass(frozen=True)
class PosedKeypoints:
    """Keypoints of N poses, with what their Jacobian needs.

    Attributes:
        positions: (N, K, 3) keypoints relative to the pelvis, metres.
        terms: (N, J, K, 3) what each bone contributes to each keypoint.
        rotations: (N, J, 3, 3) parent-relative.
        orientations: (N, J, 3, 3) bone orientations.
        joints: (N, J, 3) joint positions relative to the pelvis.
    """

    positions: Tensor
    terms: Tensor
    rotations: Tensor
    orientations: Tensor
    joints: Tensor


def pose_keypoints(skeleton: Skeleton, rotations: Tensor) -> PosedKeypoints:
    """Pose the keypoints with rotations (N, J, 3, 3)."""
    orientations, joints = forward_kinematics(rotations, skeleton.rest_joints, skeleton.parents)
    origins = joints - (orientations @ skeleton.rest_joints[..., None])[..., 0]
    shape = "nkjc" if skeleton.points.dim() == 4 else "kjc"
    terms = torch.einsum(f"{shape},njxc->njkx", skeleton.points, orientations)
    terms = terms + skeleton.shares.T[..., None] * origins[:, :, None]
    if skeleton.pose_points is not None:
        feature = (rotations[:, 1:] - torch.eye(3, device=rotations.device, dtype=rotations.dtype)).flatten(1)
        blend = torch.einsum("kjcf,nf->njkc", skeleton.pose_points, feature)
        terms = terms + blend @ orientations.transpose(-1, -2)
    return PosedKeypoints(terms.sum(1), terms, rotations, orientations, joints)


def keypoints(skeleton: Skeleton, rotations: Tensor) -> Tensor:
    """Posed keypoints (N, K, 3) in metres, relative to the pelvis, for rotations (N, J, 3, 3)."""
    return pose_keypoints(skeleton, rotations).positions


def rotation_jacobian(skeleton: Skeleton, posed: PosedKeypoints, rows: Tensor, joints: Sequence[int]) -> Tensor:
    """How linear functions of the keypoints move with joint rotations.

    The derivative is with respect to w in R_i <- G^T exp(w) G R_i with G the orientation of the joint's parent: w is in
    the axes of the camera (or world), radians. Turning joint i moves keypoint k by w x s with s = sum over bones b
    below i of (x_kb - c_kb p_i), so a row vector a on it moves by w . (s x a).

    Args:
        skeleton: The shaped body.
        posed: The pose to differentiate at.
        rows: (N, K, D, 3) D row vectors per keypoint.
        joints: The M joints to differentiate by.

    Returns:
        (N, K, D, 3, M).
    """
    chosen = list(joints)
    below = subtree_mask(skeleton.parents).to(posed.terms)[chosen].T
    arms = posed.terms.permute(0, 2, 3, 1) @ below
    arms = arms - (skeleton.shares @ below)[:, None] * posed.joints[:, chosen].transpose(1, 2)[:, None]
    x, y, z = arms[:, :, None].unbind(-2)
    a, b, c = rows[..., None].unbind(-2)
    by_joint = torch.stack([y * c - z * b, z * a - x * c, x * b - y * a], -2)
    if skeleton.pose_points is not None:
        blended = _pose_blend_jacobian(skeleton, posed, rows)[:, chosen]
        above = parent_orientations(skeleton, posed)[:, chosen]
        by_joint = by_joint + torch.einsum("nmkde,nmxe->nkdxm", blended, above)
    return by_joint


def parent_orientations(skeleton: Skeleton, posed: PosedKeypoints) -> Tensor:
    """(N, J, 3, 3) orientation of each joint's parent; the identity above the root."""
    identity = torch.eye(3).to(posed.orientations).expand(len(posed.orientations), 1, 3, 3)
    return torch.cat([identity, posed.orientations[:, skeleton.parents[1:]]], 1)


def rest_levers(skeleton: Skeleton) -> Tensor:
    """(K, J) metres: how far each keypoint lies from each joint that moves it, in the rest pose; 0 if it does not."""
    below = subtree_mask(skeleton.parents).to(skeleton.points)
    arms = below @ skeleton.points - (skeleton.shares @ below.T)[..., None] * skeleton.rest_joints[..., None, :, :]
    return arms.norm(dim=-1)


def _pose_blend_jacobian(skeleton: Skeleton, posed: PosedKeypoints, rows: Tensor) -> Tensor:
    """What the pose blend shapes add to the Jacobian by w in R_i <- exp(w) R_i: (N, J, K, D, 3)."""
    assert skeleton.pose_points is not None
    keypoint_count, joint_count = skeleton.shares.shape
    # d exp(w) R / dw_e at w = 0 is [e]x R
    generators = torch.zeros(3, 3, 3).to(rows)
    for e, (a, b) in enumerate(((1, 2), (2, 0), (0, 1))):
        generators[e, a, b], generators[e, b, a] = -1.0, 1.0
    d_feature = torch.einsum("exy,njyz->njexz", generators, posed.rotations[:, 1:]).flatten(-2)
    blend = skeleton.pose_points.reshape(keypoint_count, joint_count, 3, joint_count - 1, 9)
    turned = torch.einsum("nbxc,kbcif->nkixf", posed.orientations, blend)
    added = torch.einsum("nkdx,nkixf,nief->nikde", rows, turned, d_feature)
    return torch.cat([torch.zeros_like(added[:, :1]), added], 1)
