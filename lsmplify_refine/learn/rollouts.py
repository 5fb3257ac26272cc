"""Sequences: short motions in which every frame starts from what the network made of the frame before.

In sequential use what the keypoints do not see would wander from frame to frame, unless the network has learned from
its own results to bring it back. Starts are drawn to the mean of the results, as the engine's are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lsmplify_refine.learn.keypoint_noise import Flaws
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.solver.running_mean import RunningMean


@dataclass(frozen=True)
class Motions:
    """N short motions of T frames.

    Attributes:
        rotations: (N, T, J, 3, 3) true rotations.
        pelvis: (N, T, 3) true place, metres.
        betas: (N, 10) true shape.
        told: (N, 10) the shape that the refiner is told.
        flaws: What is wrong with the keypoints.
        start: The pose that the first refined frame (the second of the T) starts from.
        known: (N,) True where that is known to be a true pose.
    """

    rotations: Tensor
    pelvis: Tensor
    betas: Tensor
    told: Tensor
    flaws: Flaws
    start: Pose
    known: Tensor

    def truth(self, frame: int) -> Pose:
        """The true pose of one frame."""
        return Pose(self.rotations[:, frame], self.pelvis[:, frame])


class Sequences:
    """Walks through motions, all at the same pace, and then through new ones.

    Args:
        draw: Gives new motions.
        generator: Of what is new in each frame.
    """

    def __init__(self, draw: Callable[[], Motions], generator: torch.Generator) -> None:
        self._draw = draw
        self._generator = generator
        self.motions: Motions
        self.mean: RunningMean
        self._begin()

    def follow(self, result: Pose) -> None:
        """Go on to the next frame, which starts from the result of the present one."""
        self.frame += 1
        if self.frame == self.motions.pelvis.shape[1]:
            self._begin()
        else:
            result = result.detach()
            self.mean = self.mean.after(result)
            flaws = self.motions.flaws.later(self._generator)
            self.motions = replace(self.motions, start=self.mean.draw(result), flaws=flaws)

    def state_dict(self) -> dict[str, Any]:
        """Where all motions are."""
        return {"frame": self.frame, "motions": asdict(self.motions), "mean": asdict(self.mean)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        motions = state["motions"]
        self.motions = Motions(**{**motions, "start": Pose(**motions["start"]), "flaws": Flaws(**motions["flaws"])})
        # checkpoints of 0.1.0 do not say which starts were made from keypoints: none, in a sequence
        unsaid = {"from_keypoints": torch.zeros_like(state["mean"]["count"], dtype=torch.bool)}
        self.frame, self.mean = state["frame"], RunningMean(**{**unsaid, **state["mean"]})

    def _begin(self) -> None:
        self.motions, self.frame = self._draw(), 1
        self.mean = RunningMean.of_known(self.motions.start).only(self.motions.known)
