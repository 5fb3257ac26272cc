"""The solver's problem: poses, targets, the prior and the schedule of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy.typing as npt
import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

#: Some frames, by slice, index or mask.
Rows = slice | Tensor


@dataclass(frozen=True)
class Targets:
    """Observed keypoints, ready for the solver (torch tensors, one device).

    Attributes:
        positions: Rays (x/z, y/z) of 2D keypoints, or 3D keypoints in metres in the camera frame; finite everywhere.
        weights: In [0, 1]; 0 where missing.
    """

    positions: Float[Tensor, "frames points dimensions"]
    weights: Real[Tensor, "frames points"]

    @property
    def is_image(self) -> bool:
        """True for 2D keypoints."""
        return self.positions.shape[-1] == 2

    def to(self, like: str | torch.device | Tensor) -> Targets:
        """On a device, or of the device and precision of a tensor."""
        return Targets(self.positions.to(like), self.weights.to(like))

    def __getitem__(self, rows: Rows) -> Targets:
        return Targets(self.positions[rows], self.weights[rows])


@dataclass(frozen=True)
class Pose:
    """Poses of N frames: parent-relative rotations, and the pelvis in metres."""

    rotations: Float[Tensor, "frames joints 3 3"]
    pelvis: Float[Tensor, "frames 3"]

    def to(self, like: str | torch.device | Tensor) -> Pose:
        """On a device, or of the device and precision of a tensor."""
        return Pose(self.rotations.to(like), self.pelvis.to(like))

    @classmethod
    def joined(cls, poses: Sequence[Pose]) -> Pose:
        """Poses concatenated along the frames."""
        return cls(torch.cat([pose.rotations for pose in poses]), torch.cat([pose.pelvis for pose in poses]))

    def __getitem__(self, rows: Rows) -> Pose:
        return Pose(self.rotations[rows], self.pelvis[rows])

    def shifted(self, offset: npt.ArrayLike) -> Pose:
        """The pose with an offset (3,) or (N, 3), metres, added to the pelvis."""
        return Pose(self.rotations, self.pelvis + torch.as_tensor(offset).to(self.pelvis))

    def with_rows(self, rows: Int[Tensor, " rows"], others: Pose) -> Pose:
        """The pose, with some rows replaced."""
        return Pose(
            self.rotations.index_copy(0, rows, others.rotations), self.pelvis.index_copy(0, rows, others.pelvis)
        )

    def where(self, first: Bool[Tensor, " frames"], other: Pose) -> Pose:
        """This pose where `first` is true, else the other."""
        return Pose(
            torch.where(first[:, None, None, None], self.rotations, other.rotations),
            torch.where(first[:, None], self.pelvis, other.pelvis),
        )

    def detach(self) -> Pose:
        """The pose, detached from the autograd graph."""
        return Pose(self.rotations.detach(), self.pelvis.detach())


@dataclass(frozen=True)
class Prior:
    """How strongly the solution is held to its start: 1 / variance per unknown, in units of observation weight.

    Attributes:
        rotation: Per joint, m^2/rad^2; infinite for joints that must not move.
        pelvis: Per axis of the camera frame; the depth axis carries the estimate's depth as prior.
        together: Ways in which joints turn together, in the axes of each joint's parent, as standard deviations
            (rad/m). They add to the variance that each joint has on its own. None if joints are independent.
    """

    rotation: Float[Tensor, "frames joints"]
    pelvis: Float[Tensor, "frames 3"]
    together: Float[Tensor, "frames joints 3 ways"] | None = None

    def __getitem__(self, rows: Rows) -> Prior:
        together = None if self.together is None else self.together[rows]
        return Prior(self.rotation[rows], self.pelvis[rows], together)


@dataclass(frozen=True)
class Schedule:
    """One entry per Gauss-Newton step.

    Attributes:
        damping: Factor on the prior's weights; high first, so that no step overshoots, 1 last.
        radius_m: Scale of the robust kernel, metres: residuals far beyond it hardly count.
        enough_rad: A frame stops after a step that turned no joint further than this: about the step's square is left.
    """

    damping: Sequence[float]
    radius_m: Sequence[float]
    enough_rad: float = 0.0
