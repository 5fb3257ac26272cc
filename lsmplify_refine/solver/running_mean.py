"""The mean pose of a sequence: what keypoints do not see is held to what it has been, and wanders less.

A frame that starts from the last one's result carries that result's error on, and along what keypoints do not see
(twists of forearms, shares along the spine) such errors add up. Starts that are drawn to the mean of all results slow
that down; what keypoints do see, they decide all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import roma
import torch
from torch import Tensor

from lsmplify_refine.solver.problem import Pose, Rows

#: Share of the way from the last result to the mean.
_SHARE = 0.3
#: Frames after which older ones begin to count less. A pose that is known to be true counts for as many: results carry
#: errors on, it does not.
_LONGEST = 1000


@dataclass(frozen=True)
class MeanPose:
    """The mean of the poses of N tracks so far.

    Attributes:
        rotations: (N, J, 3, 3) parent-relative; the root's is not used, which goes where the person goes.
        count: (N,) frames in it; -1 where there is not even an estimate: the start was made from the keypoints alone.
    """

    rotations: Tensor
    count: Tensor

    @classmethod
    def of(cls, pose: Pose, count: Tensor | float = 1) -> MeanPose:
        """Of one pose, which counts as so many frames (N,): none where it is only an estimate."""
        return cls(pose.rotations, torch.zeros_like(pose.pelvis[:, 0]) + count)

    @classmethod
    def of_known(cls, pose: Pose) -> MeanPose:
        """Of a pose that is known to be true."""
        return cls.of(pose, _LONGEST)

    @classmethod
    def of_nobody(cls, pose: Pose) -> MeanPose:
        """Of no frame, for starts that were made from the keypoints alone."""
        return cls.of(pose, -1)

    def to(self, device: torch.device) -> MeanPose:
        """On a device."""
        return MeanPose(self.rotations.to(device), self.count.to(device))

    def __getitem__(self, tracks: Rows) -> MeanPose:
        return MeanPose(self.rotations[tracks], self.count[tracks])

    def beside(self, other: MeanPose) -> MeanPose:
        """These tracks, then others."""
        return MeanPose(torch.cat([self.rotations, other.rotations]), torch.cat([self.count, other.count]))

    def only(self, tracks: Tensor) -> MeanPose:
        """Forgotten for the tracks where `tracks` (N,) is false."""
        return MeanPose(self.rotations, self.count * tracks)

    def where(self, tracks: Tensor, other: MeanPose) -> MeanPose:
        """This mean for the tracks where `tracks` (N,) is true, else the other."""
        rotations = torch.where(tracks[:, None, None, None], self.rotations, other.rotations)
        return MeanPose(rotations, torch.where(tracks, self.count, other.count))

    def after(self, pose: Pose, counts: Tensor | bool = True) -> MeanPose:
        """With one more frame, for those tracks (N,) where it counts."""
        added = torch.as_tensor(counts).to(self.count)
        count = (self.count.clamp(min=0) + added).clamp(max=_LONGEST)
        return MeanPose(_between(self.rotations, pose.rotations, added / count.clamp(min=1)), count)

    def way_from(self, pose: Pose) -> Tensor:
        """(N, J, 3) rotation vectors from a pose's joints to the mean's; 0 for the root and where there is no mean."""
        way = roma.rotmat_to_rotvec(pose.rotations.transpose(-1, -2) @ self.rotations)
        known = (self.count > 0)[:, None, None].expand_as(way).clone()
        known[:, 0] = False
        return torch.where(known, way, 0.0)

    def draw(self, pose: Pose) -> Pose:
        """A pose drawn to the mean, to start from; as it is where there is none."""
        return Pose(pose.rotations @ roma.rotvec_to_rotmat(_SHARE * self.way_from(pose)), pose.pelvis)


def _between(rotations: Tensor, others: Tensor, share: Tensor) -> Tensor:
    """Rotations (N, J, 3, 3) about a share (N,) of the way to others: their columns' mean, made orthonormal again.

    A small share leads where it would along the rotation vector, for a sixth of the operations.
    """
    columns = torch.lerp(rotations[..., :2], others[..., :2], share[:, None, None, None])
    # halfway between opposite columns there is nothing to make orthonormal
    return roma.special_gramschmidt(columns, epsilon=1e-9)
