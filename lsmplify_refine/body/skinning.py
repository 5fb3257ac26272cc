"""Linear blend skinning of keypoints without the mesh.

A keypoint that is linear in the vertices becomes, under linear blend skinning, a sum over bones of *virtual points*:
k_j = sum_b (G_b a_jb + c_jb t_b). Here G_b, t_b move bone b, a_jb = sum_v r_jv w_vb v and c_jb = sum_v r_jv w_vb.
Everything is relative to the pelvis joint; batch dimensions lead.

A fit spends most of its time here, in small operations on many frames. So bones are 4x4 matrices: one product per
level of the tree poses them. Keypoints come last in memory, which makes inner loops long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True)
class Skeleton:
    """A shaped body, prepared once and posed many times (all tensors on one device).

    `rest_joints`, `points` and `pose_points` may lead with a batch dimension: then every pose has its own shape.

    Attributes:
        parents: Parent of each joint, -1 for the root; parents come before children.
        rest_joints: Rest joints relative to the pelvis, metres.
        points: Virtual points a_jb relative to the pelvis, metres.
        shares: Bone shares c_jb.
        pose_points: Pose blend shapes of the virtual points, 9 features for each joint but the root, or None.
    """

    parents: tuple[int, ...]
    rest_joints: Float[Tensor, "*batch joints 3"]
    points: Float[Tensor, "*batch points joints 3"]
    shares: Float[Tensor, "points joints"]
    pose_points: Float[Tensor, "*batch points joints 3 features"] | None

    @classmethod
    def stacked(cls, skeletons: Sequence[Skeleton]) -> Skeleton:
        """Skeletons of one body model as a batch, one row each."""
        first = skeletons[0]
        pose_points = None
        if first.pose_points is not None:
            pose_points = torch.stack([each.pose_points for each in skeletons if each.pose_points is not None])
        rest_joints = torch.stack([each.rest_joints for each in skeletons])
        points = torch.stack([each.points for each in skeletons])
        return cls(first.parents, rest_joints, points, first.shares, pose_points)

    def __getitem__(self, rows: int | slice | Tensor) -> Skeleton:
        """Some rows of a batch."""
        batched = self.pose_points is not None and self.pose_points.dim() == 5
        pose_points = self.pose_points[rows] if self.pose_points is not None and batched else self.pose_points
        return replace(self, rest_joints=self.rest_joints[rows], points=self.points[rows], pose_points=pose_points)

    def to(self, device: torch.device) -> Skeleton:
        """On a device."""
        pose_points = None if self.pose_points is None else self.pose_points.to(device)
        rest_joints, points, shares = (part.to(device) for part in (self.rest_joints, self.points, self.shares))
        return Skeleton(self.parents, rest_joints, points, shares, pose_points)

    def of_frames(self, rows: slice | Tensor) -> Skeleton:
        """The skeleton of some frames; itself if all frames share it."""
        return self[rows] if self.rest_joints.dim() == 3 else self

    @cached_property
    def steps(self) -> Float[Tensor, "*batch joints 4 4"]:
        """Rest offset of each joint from its parent, as a 4x4 matrix that a rotation is added to."""
        parent = torch.tensor(self.parents, device=self.rest_joints.device).clamp(min=0)
        steps = torch.zeros(*self.rest_joints.shape[:-1], 4, 4).to(self.rest_joints)
        steps[..., :3, 3] = self.rest_joints - self.rest_joints.index_select(-2, parent)
        steps[..., 3, 3] = 1.0
        return steps

    @cached_property
    def points_on_bones(self) -> Float[Tensor, "*batch points joints 4"]:
        """Homogeneous virtual points about their bones' joints: a_jb - c_jb joint_b, c_jb."""
        shares = self.shares[..., None].expand(*self.points.shape[:-1], 1)
        return torch.cat([self.points - shares * self.rest_joints[..., None, :, :], shares], -1)

    @cached_property
    def rest_levers(self) -> Float[Tensor, "*batch points joints"]:
        """Distance in metres of each keypoint from each joint that moves it, in the rest pose; 0 for other joints."""
        below = subtree_mask(self.parents).to(self.points)
        arms = below @ self.points - (self.shares @ below.T)[..., None] * self.rest_joints[..., None, :, :]
        levers: Tensor = arms.norm(dim=-1)
        return levers


@lru_cache(maxsize=8)
def tree_levels(parents: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Joints grouped by depth, so that a whole level is posed at once."""
    depth = [0] * len(parents)
    for joint, parent in enumerate(parents):
        depth[joint] = 0 if parent < 0 else depth[parent] + 1
    return tuple(tuple(j for j, d in enumerate(depth) if d == level) for level in range(max(depth) + 1))


@lru_cache(maxsize=8)
def subtree_mask(parents: tuple[int, ...]) -> Float[Tensor, "joints joints"]:
    """Float mask: entry [i, b] is 1 where bone b lies in the subtree of joint i."""
    mask = torch.eye(len(parents))
    for joint in range(len(parents) - 1, 0, -1):
        mask[parents[joint]] = torch.maximum(mask[parents[joint]], mask[joint])
    return mask


@lru_cache(maxsize=8)
def _descent(
    parents: tuple[int, ...], device: torch.device
) -> tuple[Tensor, tuple[int, ...], tuple[Tensor, ...], Tensor]:
    """The order in which levels are posed.

    Returns:
        The joints ordered by level, the size of each level, the parents' indices in the level above (for each level but
        the first), and each joint's index in that order.
    """
    levels = tree_levels(parents)
    above = tuple(
        torch.tensor([upper.index(parents[joint]) for joint in level], device=device)
        for upper, level in pairwise(levels)
    )
    order = torch.tensor([joint for level in levels for joint in level], device=device)
    return order, tuple(len(level) for level in levels), above, order.argsort()


def pose_bones(skeleton: Skeleton, rotations: Float[Tensor, "frames joints 3 3"]) -> Float[Tensor, "frames joints 4 4"]:
    """Bone transforms for parent-relative rotations: from each bone's axes at its joint to the pelvis frame."""
    order, sizes, above, place = _descent(skeleton.parents, rotations.device)
    local = nn.functional.pad(rotations, (0, 1, 0, 1)) + skeleton.steps
    root, *levels = torch.split(local.index_select(1, order), list(sizes), 1)
    posed = [root]
    for level, upper in zip(levels, above):
        posed.append(posed[-1].index_select(1, upper) @ level)
    return torch.cat(posed, 1).index_select(1, place)


def joint_positions(
    skeleton: Skeleton, rotations: Float[Tensor, "frames joints 3 3"]
) -> Float[Tensor, "frames joints 3"]:
    """Posed joints in metres, relative to the pelvis."""
    return pose_bones(skeleton, rotations)[..., :3, 3]


@dataclass(frozen=True)
class PosedKeypoints:
    """Keypoints of N poses, with what their Jacobian needs.

    Attributes:
        positions: Keypoints relative to the pelvis, metres.
        terms: What each bone contributes to each keypoint.
        rotations: Parent-relative.
        bones: As `pose_bones`.
    """

    positions: Float[Tensor, "frames points 3"]
    terms: Float[Tensor, "frames joints 3 points"]
    rotations: Float[Tensor, "frames joints 3 3"]
    bones: Float[Tensor, "frames joints 4 4"]

    @property
    def orientations(self) -> Float[Tensor, "frames joints 3 3"]:
        """Orientation of each bone."""
        return self.bones[..., :3, :3]

    @property
    def joints(self) -> Float[Tensor, "frames joints 3"]:
        """Positions relative to the pelvis."""
        return self.bones[..., :3, 3]


def pose_keypoints(skeleton: Skeleton, rotations: Float[Tensor, "frames joints 3 3"]) -> PosedKeypoints:
    """Pose the keypoints with parent-relative rotations."""
    bones = pose_bones(skeleton, rotations)
    points = skeleton.points_on_bones
    if skeleton.pose_points is not None:
        feature = (rotations[:, 1:] - torch.eye(3, device=rotations.device, dtype=rotations.dtype)).flatten(1)
        blend = torch.einsum(f"{'n' * (skeleton.pose_points.dim() - 4)}kjcf,nf->nkjc", skeleton.pose_points, feature)
        points = points + nn.functional.pad(blend, (0, 1))
    shape = "nkjc" if points.dim() == 4 else "kjc"
    terms = torch.einsum(f"{shape},njxc->njxk", points, bones[..., :3, :])
    return PosedKeypoints(terms.sum(1).transpose(1, 2), terms, rotations, bones)


def keypoints(skeleton: Skeleton, rotations: Float[Tensor, "frames joints 3 3"]) -> Float[Tensor, "frames points 3"]:
    """Posed keypoints in metres, relative to the pelvis."""
    return pose_keypoints(skeleton, rotations).positions


def jacobian(
    skeleton: Skeleton,
    posed: PosedKeypoints,
    rows: Float[Tensor, "frames rows 3 points"],
    joints: Int[Tensor, " free"],
) -> Float[Tensor, "frames unknowns rows points"]:
    """Jacobian of linear functions of the keypoints with respect to joint rotations and the pelvis.

    The derivative is with respect to w in R_i <- G^T exp(w) G R_i, where G is the orientation of the joint's parent.
    So w is in the axes of the camera (or world), radians. Turning joint i moves keypoint k by w x s with s = sum over
    bones b below i of (x_kb - c_kb p_i). A row vector a on it then moves by w . (s x a).

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


def parent_orientations(skeleton: Skeleton, posed: PosedKeypoints) -> Float[Tensor, "frames joints 3 3"]:
    """Orientation of each joint's parent; the identity above the root."""
    identity = torch.eye(3).to(posed.bones).expand(len(posed.bones), 1, 3, 3)
    return torch.cat([identity, posed.orientations[:, skeleton.parents[1:]]], 1)


def _pose_blend_jacobian(
    skeleton: Skeleton, posed: PosedKeypoints, rows: Float[Tensor, "frames rows 3 points"]
) -> Float[Tensor, "frames joints points rows 3"]:
    """The pose blend shapes' part of the Jacobian with respect to w in R_i <- exp(w) R_i."""
    assert skeleton.pose_points is not None
    joint_count = skeleton.shares.shape[1]
    # d exp(w) R / dw_e at w = 0 is [e]x R
    generators = torch.zeros(3, 3, 3).to(rows)
    for e, (a, b) in enumerate(((1, 2), (2, 0), (0, 1))):
        generators[e, a, b], generators[e, b, a] = -1.0, 1.0
    d_feature = torch.einsum("exy,njyz->njexz", generators, posed.rotations[:, 1:]).flatten(-2)
    blend = torch.unflatten(skeleton.pose_points, -1, (joint_count - 1, 9))
    turned = torch.einsum(f"nbxc,{'n' * (blend.dim() - 5)}kbcif->nkixf", posed.orientations, blend)
    added = torch.einsum("ndxk,nkixf,nief->nikde", rows, turned, d_feature)
    return torch.cat([torch.zeros_like(added[:, :1]), added], 1)
