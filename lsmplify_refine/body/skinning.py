"""Linear blend skinning of keypoints without the mesh.

A keypoint that is linear in the vertices is, under linear blend skinning, a sum over bones of rigidly moved
*virtual points*: k_j = sum_b (G_b a_jb + c_jb t_b), where G_b, t_b move bone b, a_jb = sum_v r_jv w_vb v and
c_jb = sum_v r_jv w_vb. Everything here is relative to the pelvis joint; batch dimensions lead.

Most of the time of a fit is spent here, in small operations on many frames: bones are 4x4 matrices so that one product
per level of the tree poses them, and keypoints come last in memory so that inner loops are long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import torch
from torch import Tensor, nn


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

    def __getitem__(self, rows: int | slice | Tensor) -> Skeleton:
        """One or some of a batch."""
        return replace(self, rest_joints=self.rest_joints[rows], points=self.points[rows])

    def to(self, device: torch.device) -> Skeleton:
        """On a device."""
        pose_points = None if self.pose_points is None else self.pose_points.to(device)
        rest_joints, points, shares = (part.to(device) for part in (self.rest_joints, self.points, self.shares))
        return Skeleton(self.parents, rest_joints, points, shares, pose_points)

    def of_frames(self, rows: slice | Tensor) -> Skeleton:
        """Of some frames: itself where all share it."""
        return self[rows] if self.rest_joints.dim() == 3 else self

    @cached_property
    def steps(self) -> Tensor:
        """(J, 4, 4) or (N, J, 4, 4) from each joint's parent to it at rest, as a translation to add a rotation to."""
        parent = torch.tensor(self.parents, device=self.rest_joints.device).clamp(min=0)
        steps = torch.zeros(*self.rest_joints.shape[:-1], 4, 4).to(self.rest_joints)
        steps[..., :3, 3] = self.rest_joints - self.rest_joints.index_select(-2, parent)
        steps[..., 3, 3] = 1.0
        return steps

    @cached_property
    def points_on_bones(self) -> Tensor:
        """(K, J, 4) or (N, K, J, 4) homogeneous virtual points about their bones' joints: a_jb - c_jb joint_b, c_jb."""
        shares = self.shares[..., None].expand(*self.points.shape[:-1], 1)
        return torch.cat([self.points - shares * self.rest_joints[..., None, :, :], shares], -1)


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
def _descent(
    parents: tuple[int, ...], device: torch.device
) -> tuple[Tensor, tuple[int, ...], tuple[Tensor, ...], Tensor]:
    """The joints level after level, the levels' sizes, for each level but the first its parents' places in the level
    above, and each joint's place in the order of levels."""
    levels = tree_levels(parents)
    above = tuple(
        torch.tensor([upper.index(parents[joint]) for joint in level], device=device)
        for upper, level in pairwise(levels)
    )
    order = torch.tensor([joint for level in levels for joint in level], device=device)
    return order, tuple(len(level) for level in levels), above, order.argsort()


def pose_bones(skeleton: Skeleton, rotations: Tensor) -> Tensor:
    """Pose the skeleton.

    Args:
        skeleton: The shaped body.
        rotations: (N, J, 3, 3) parent-relative rotations.

    Returns:
        (N, J, 4, 4) from the axes of each bone, about its joint, to the pelvis.
    """
    order, sizes, above, place = _descent(skeleton.parents, rotations.device)
    local = nn.functional.pad(rotations, (0, 1, 0, 1)) + skeleton.steps
    root, *levels = local.index_select(1, order).split(sizes, 1)
    posed = [root]
    for level, upper in zip(levels, above):
        posed.append(posed[-1].index_select(1, upper) @ level)
    return torch.cat(posed, 1).index_select(1, place)


def joint_positions(skeleton: Skeleton, rotations: Tensor) -> Tensor:
    """Posed joints (N, J, 3) in metres, relative to the pelvis, for rotations (N, J, 3, 3)."""
    return pose_bones(skeleton, rotations)[..., :3, 3]


@dataclass(frozen=True)
class PosedKeypoints:
    """Keypoints of N poses, with what their Jacobian needs.

    Attributes:
        positions: (N, K, 3) keypoints relative to the pelvis, metres.
        terms: (N, J, 3, K) what each bone contributes to each keypoint.
        rotations: (N, J, 3, 3) parent-relative.
        bones: (N, J, 4, 4) as `pose_bones`.
    """

    positions: Tensor
    terms: Tensor
    rotations: Tensor
    bones: Tensor

    @property
    def orientations(self) -> Tensor:
        """(N, J, 3, 3) of bones."""
        return self.bones[..., :3, :3]

    @property
    def joints(self) -> Tensor:
        """(N, J, 3) positions relative to the pelvis."""
        return self.bones[..., :3, 3]


def pose_keypoints(skeleton: Skeleton, rotations: Tensor) -> PosedKeypoints:
    """Pose the keypoints with rotations (N, J, 3, 3)."""
    bones = pose_bones(skeleton, rotations)
    points = skeleton.points_on_bones
    if skeleton.pose_points is not None:
        feature = (rotations[:, 1:] - torch.eye(3, device=rotations.device, dtype=rotations.dtype)).flatten(1)
        blend = torch.einsum("kjcf,nf->nkjc", skeleton.pose_points, feature)
        points = points + nn.functional.pad(blend, (0, 1))
    shape = "nkjc" if points.dim() == 4 else "kjc"
    terms = torch.einsum(f"{shape},njxc->njxk", points, bones[..., :3, :])
    return PosedKeypoints(terms.sum(1).transpose(1, 2), terms, rotations, bones)


def keypoints(skeleton: Skeleton, rotations: Tensor) -> Tensor:
    """Posed keypoints (N, K, 3) in metres, relative to the pelvis, for rotations (N, J, 3, 3)."""
    return pose_keypoints(skeleton, rotations).positions


def jacobian(skeleton: Skeleton, posed: PosedKeypoints, rows: Tensor, joints: Tensor) -> Tensor:
    """How linear functions of the keypoints move with joint rotations and with the pelvis.

    The derivative is with respect to w in R_i <- G^T exp(w) G R_i with G the orientation of the joint's parent: w is in
    the axes of the camera (or world), radians. Turning joint i moves keypoint k by w x s with s = sum over bones b
    below i of (x_kb - c_kb p_i), so a row vector a on it moves by w . (s x a).

    Args:
        skeleton: The shaped body.
        posed: The pose to differentiate at.
        rows: (N, D, 3, K) D row vectors per keypoint.
        joints: (M,) the joints to differentiate by.

    Returns:
        (N, 3 M + 3, D, K): x of all joints, y, z, then the pelvis.
    """
    below = subtree_mask(skeleton.parents).to(posed.terms).index_select(0, joints)
    arms = torch.einsum("mj,njxk->nmxk", below, posed.terms)
    arms = arms - (below @ skeleton.shares.T)[:, None] * posed.joints.index_select(1, joints)[..., None]
    x, y, z = arms[:, :, None].unbind(3)
    a, b, c = rows[:, None].unbind(3)
    turned = [torch.addcmul(p * q, r, s, value=-1) for p, q, r, s in ((y, c, z, b), (z, a, x, c), (x, b, y, a))]
    if skeleton.pose_points is not None:
        blended = _pose_blend_jacobian(skeleton, posed, rows).index_select(1, joints)
        above = parent_orientations(skeleton, posed).index_select(1, joints)
        turned = [t + b for t, b in zip(turned, torch.einsum("nmkde,nmxe->xnmdk", blended, above))]
    return torch.cat([*turned, rows.transpose(1, 2)], 1)


def parent_orientations(skeleton: Skeleton, posed: PosedKeypoints) -> Tensor:
    """(N, J, 3, 3) orientation of each joint's parent; the identity above the root."""
    identity = torch.eye(3).to(posed.bones).expand(len(posed.bones), 1, 3, 3)
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
    added = torch.einsum("ndxk,nkixf,nief->nikde", rows, turned, d_feature)
    return torch.cat([torch.zeros_like(added[:, :1]), added], 1)
