"""Running mean of a sequence's poses: it slows the drift of what keypoints do not see.

A frame that starts from the last result inherits that result's error. Where keypoints do not see a rotation (twists of
forearms, shares along the spine), such errors add up. Drawing the start to the mean of all results slows this drift.
The keypoints still decide what they see.
"""

from __future__ import annotations

from dataclasses import dataclass

import roma
import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor

from lsmplify_refine.solver.problem import Pose, Rows

#: Share of the way from the last result to the mean.
_SHARE = 0.3
#: Max count of frames: beyond it, older ones count less. A pose known to be true counts as this many, because unlike
#: results it has no inherited error.
_MAX_COUNT = 1000


@dataclass(frozen=True)
class RunningMean:
    """The mean of the poses of N tracks so far.

    Attributes:
        rotations: Parent-relative; the root's is not used, because it goes where the person goes.
        count: Frames in it; 0 for none.
        from_keypoints: True where the start was made from the keypoints alone: no estimate, no earlier result.
    """

    rotations: Float[Tensor, "tracks joints 3 3"]
    count: Float[Tensor, " tracks"]
    from_keypoints: Bool[Tensor, " tracks"]

    @classmethod
    def of(cls, pose: Pose, count: Real[Tensor, " tracks"] | Bool[Tensor, " tracks"] | float = 1) -> RunningMean:
        """The mean of one pose that counts as `count` frames; give 0 if it is only an estimate."""
        counts = torch.zeros_like(pose.pelvis[:, 0]) + count
        return cls(pose.rotations, counts, torch.zeros_like(counts, dtype=torch.bool))

    @classmethod
    def of_known(cls, pose: Pose) -> RunningMean:
        """The mean of a pose that is known to be true."""
        return cls.of(pose, _MAX_COUNT)

    @classmethod
    def of_start_from_keypoints(cls, pose: Pose) -> RunningMean:
        """A mean of no frames, for starts that were made from the keypoints alone."""
        empty = cls.of(pose, 0)
        return cls(empty.rotations, empty.count, torch.ones_like(empty.from_keypoints))

    def to(self, device: torch.device) -> RunningMean:
        """On a device."""
        return RunningMean(self.rotations.to(device), self.count.to(device), self.from_keypoints.to(device))

    def __getitem__(self, tracks: Rows) -> RunningMean:
        return RunningMean(self.rotations[tracks], self.count[tracks], self.from_keypoints[tracks])

    def beside(self, other: RunningMean) -> RunningMean:
        """These tracks followed by others."""
        return RunningMean(
            torch.cat([self.rotations, other.rotations]),
            torch.cat([self.count, other.count]),
            torch.cat([self.from_keypoints, other.from_keypoints]),
        )

    def only(self, tracks: Bool[Tensor, " tracks"]) -> RunningMean:
        """The mean, emptied where `tracks` is false."""
        return RunningMean(self.rotations, self.count * tracks, self.from_keypoints & tracks)

    def where(self, tracks: Bool[Tensor, " tracks"], other: RunningMean) -> RunningMean:
        """This mean where `tracks` is true, else the other."""
        return RunningMean(
            torch.where(tracks[:, None, None, None], self.rotations, other.rotations),
            torch.where(tracks, self.count, other.count),
            torch.where(tracks, self.from_keypoints, other.from_keypoints),
        )

    def after(self, pose: Pose, counts: Bool[Tensor, " tracks"] | bool = True) -> RunningMean:
        """The mean with one more frame, for the tracks where it counts."""
        added = torch.as_tensor(counts).to(self.count)
        count = (self.count + added).clamp(max=_MAX_COUNT)
        rotations = _between(self.rotations, pose.rotations, added / count.clamp(min=1))
        return RunningMean(rotations, count, torch.zeros_like(self.from_keypoints))

    def way_from(self, pose: Pose) -> Float[Tensor, "tracks joints 3"]:
        """Rotation vectors from a pose's joints to the mean's; 0 for the root and where there is no mean."""
        way = roma.rotmat_to_rotvec(pose.rotations.transpose(-1, -2) @ self.rotations)
        known = (self.count > 0)[:, None, None].expand_as(way).clone()
        known[:, 0] = False
        return torch.where(known, way, 0.0)

    def draw(self, pose: Pose) -> Pose:
        """A pose drawn to the mean, to start from; unchanged where there is no mean."""
        return Pose(pose.rotations @ roma.rotvec_to_rotmat(_SHARE * self.way_from(pose)), pose.pelvis)


def _between(
    rotations: Float[Tensor, "tracks joints 3 3"],
    others: Float[Tensor, "tracks joints 3 3"],
    share: Float[Tensor, " tracks"],
) -> Float[Tensor, "tracks joints 3 3"]:
    """Interpolate rotations approximately: blend their columns, then orthonormalise.

    For a small share this follows the geodesic, at a sixth of the operations.
    """
    columns = torch.lerp(rotations[..., :2], others[..., :2], share[:, None, None, None])
    # halfway between opposite columns there is nothing to make orthonormal
    between: Tensor = roma.special_gramschmidt(columns, epsilon=1e-9)
    return between
