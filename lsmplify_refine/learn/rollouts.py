"""Rollouts: short motions in which every frame starts from the network's result for the frame before.

In sequential use, what no keypoint shows drifts from frame to frame. The network has to learn from its own results to
bring it back. Starts are drawn to the running mean of the results, as in the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lsmplify_refine.learn.keypoint_noise import KeypointNoise
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.solver.running_mean import RunningMean

#: Fields of `Motions` that have another name in checkpoints.
_STORED_NAMES = {"given_betas": "told", "noise": "flaws"}


@dataclass(frozen=True)
class Motions:
    """N short motions of T frames.

    Attributes:
        rotations: (N, T, J, 3, 3) true parent-relative rotations.
        pelvis: (N, T, 3) true position of the pelvis joint, metres.
        betas: (N, 10) true shape.
        given_betas: (N, 10) the shape that the network gets.
        noise: Keypoint noise.
        start: The pose that the first refined frame (the second of the T) starts from.
        known: (N,) True where the network gets `start` as a true pose.
    """

    rotations: Tensor
    pelvis: Tensor
    betas: Tensor
    given_betas: Tensor
    noise: KeypointNoise
    start: Pose
    known: Tensor

    def truth(self, frame: int) -> Pose:
        """The true pose of one frame."""
        return Pose(self.rotations[:, frame], self.pelvis[:, frame])


class Rollouts:
    """N motions in progress, all at the same frame.

    Args:
        draw: Draws N new motions.
        generator: Generator of the keypoint noise.

    Attributes:
        motions: The motions; `start` and `noise` are those of the current frame.
        frame: The current frame, from 1.
        mean: Running mean of the earlier results.
    """

    def __init__(self, draw: Callable[[], Motions], generator: torch.Generator) -> None:
        self._draw = draw
        self._generator = generator
        self.motions: Motions
        self.mean: RunningMean
        self._begin()

    def follow(self, result: Pose) -> None:
        """Advance to the next frame, which starts from the result of the current one."""
        self.frame += 1
        if self.frame == self.motions.pelvis.shape[1]:
            self._begin()
        else:
            result = result.detach()
            self.mean = self.mean.after(result)
            noise = self.motions.noise.later(self._generator)
            self.motions = replace(self.motions, start=self.mean.draw(result), noise=noise)

    def state_dict(self) -> dict[str, Any]:
        """The state of all motions, as plain values."""
        motions = {_STORED_NAMES.get(name, name): value for name, value in asdict(self.motions).items()}
        return {"frame": self.frame, "motions": motions, "mean": asdict(self.mean)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        names = {stored: name for name, stored in _STORED_NAMES.items()}
        motions = {names.get(stored, stored): value for stored, value in state["motions"].items()}
        motions["start"], motions["noise"] = Pose(**motions["start"]), KeypointNoise(**motions["noise"])
        self.motions = Motions(**motions)
        # checkpoints of 0.1.0 do not say which starts were made from keypoints: none, in a sequence
        missing = {"from_keypoints": torch.zeros_like(state["mean"]["count"], dtype=torch.bool)}
        self.frame, self.mean = state["frame"], RunningMean(**{**missing, **state["mean"]})

    def _begin(self) -> None:
        self.motions, self.frame = self._draw(), 1
        self.mean = RunningMean.of_known(self.motions.start).only(self.motions.known)
