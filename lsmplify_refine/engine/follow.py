"""Follower: refine frame by frame, each frame from the best available start, live or over a whole take.

Learnable SMPLify starts frame t from its own result at t - 1 and restarts at fixed intervals. Here every track takes
the start nearest to its keypoints. The candidates are the last accepted result, the estimator's pose if there is one,
and the rest pose fitted to the torso. A result that explains the keypoints badly is not fed back. What the keypoints do
not see is held to the mean of all results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lsmplify_refine.body import BodyModel
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.engine.shape import FittedShape
from lsmplify_refine.regressor.body25 import body25_skeleton
from lsmplify_refine.regressor.fusion import FrameSolver
from lsmplify_refine.regressor.weights import Network
from lsmplify_refine.solver.batches import in_parallel
from lsmplify_refine.solver.initialise import from_rest, robust_error_m
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.solver.running_mean import RunningMean

#: Robust keypoint error above which a result is not fed back, metres.
_LOST_M = 0.12
#: Max increase of the keypoint error over the start's, metres; the prior can cause some.
_WORSE_M = 0.005


@runtime_checkable
class Solver(Protocol):
    """Refines frames from their starts, as a `FrameSolver` does."""

    def __call__(self, start: Pose, targets: Targets, earlier: RunningMean | None = None, /) -> Pose:
        """The refined pose of N frames; `earlier` is the mean of the results that the starts follow, if any."""
        ...


@dataclass(frozen=True)
class Step:
    """One frame of N tracks.

    Attributes:
        pose: The refined pose.
        error_m: Robust keypoint error, metres on the body.
        accepted: False where the result explains the keypoints badly or nothing was seen. The pose is then the start
            that it was refined from, and the next frame does not build on it.
    """

    pose: Pose
    error_m: Float[Tensor, " tracks"]
    accepted: Bool[Tensor, " tracks"]


class Follower:
    """Refines N tracks frame by frame in constant memory.

    Attributes:
        skeleton: The shaped body with BODY_25 points, shared by all tracks or one per track. It may be changed between
            two frames, together with the solver.
        solver: Refines frames from a start.
    """

    def __init__(self, skeleton: Skeleton, solver: Solver) -> None:
        self.skeleton = skeleton
        self.solver = solver
        self._last: Step | None = None
        self._mean: RunningMean | None = None

    def begin(self, pose: Pose) -> None:
        """Start from a known pose, one row per track, for people who hold that pose before they move.

        The prior then holds what the keypoints do not see to it.
        """
        error = torch.zeros_like(pose.pelvis[:, 0])
        self._last = Step(pose, error, torch.ones_like(error, dtype=torch.bool))
        self._mean = RunningMean.of_known(pose)

    @torch.inference_mode()
    def step(self, targets: Targets, estimate: Pose | None = None) -> Step:
        """Refine the next frame of every track.

        Args:
            targets: One row per track, BODY_25; weights 0 where nothing was seen. On any device, in any precision.
            estimate: The estimator's pose, if there is one; rows of NaN for tracks without one.

        Returns:
            The step, made in torch's inference mode: clone its tensors to change or differentiate them.
        """
        targets = targets.to(self.skeleton.points)
        start, error, mean = self._start(targets, estimate and estimate.to(self.skeleton.points))
        pose = self.solver(mean.draw(start), targets, mean)
        refined_error = robust_error_m(self.skeleton, pose, targets)
        seen = (targets.weights > 0).any(1)
        accepted = seen & (refined_error <= (error + _WORSE_M).clamp(max=_LOST_M))
        self._last = Step(pose.where(accepted, start), torch.where(accepted, refined_error, error), accepted)
        self._mean = self._mean.after(pose, accepted) if self._mean else RunningMean.of(pose, accepted)
        return self._last

    def follow(self, estimate: Pose | None, targets: Targets) -> Pose:
        """Refine one track in order: estimate (if any) and targets hold its T frames."""
        steps = []
        for row in torch.split(torch.arange(len(targets.positions)), 1):
            steps.append(self.step(targets[row], estimate and estimate[row]).pose)
        return Pose.joined(steps)

    def _start(self, targets: Targets, estimate: Pose | None) -> tuple[Pose, Float[Tensor, " tracks"], RunningMean]:
        """Each track's candidate nearest to the keypoints, its error, and the mean of the results before it."""
        candidates, errors = [], []
        if estimate is not None:
            candidates.append((estimate, RunningMean.of(estimate, 0)))
            known = estimate.pelvis.isfinite().all(1)
            errors.append(torch.where(known, robust_error_m(self.skeleton, estimate, targets), torch.inf))
        if self._last is not None and self._mean is not None:
            candidates.append((self._last.pose, self._mean))
            fresh = robust_error_m(self.skeleton, self._last.pose, targets)
            # a rejected result is still better than nothing
            errors.append(torch.where(self._last.accepted, fresh, fresh + _LOST_M))
        without = torch.full_like(targets.weights[:, 0], torch.inf)
        lost = torch.stack([without, *errors]).amin(0) > _LOST_M
        if lost.any():
            rest = from_rest(self.skeleton, targets)
            candidates.append((rest, RunningMean.of_start_from_keypoints(rest)))
            # made from the keypoints, it lies near them; tracked people continue
            errors.append(torch.where(lost, robust_error_m(self.skeleton, rest, targets), torch.inf))
        error, chosen = torch.stack(errors).min(0)
        best, mean = candidates[0]
        for index, (pose, results) in enumerate(candidates[1:], 1):
            here = chosen == index
            best, mean = pose.where(here, best), results.where(here, mean)
        return best, error, mean


def shaped_solver(
    body: BodyModel,
    convention: str,
    shapes: Sequence[FittedShape],
    network: Network | None,
    *,
    device: str = "cpu",
    passes: int = 1,
) -> FrameSolver:
    """A solver, with its skeleton, for keypoints of a convention on shaped bodies.

    Args:
        body: The body model.
        convention: The keypoints' convention.
        shapes: One shape for all tracks, or one for each.
        network: The regressor, if any.
        device: Where to compute.
        passes: How often the regressor is applied.
    """
    skeletons = []
    for shape in shapes:
        own, body25 = (body.skeleton(name, shape.betas, shape.scale, device=device) for name in (convention, "body25"))
        skeletons.append(body25_skeleton(own, body25, convention))
    skeleton = skeletons[0] if len(skeletons) == 1 else Skeleton.stacked(skeletons)
    first = np.zeros((len(shapes), 10))
    for row, shape in zip(first, shapes):
        row[: len(shape.betas)] = shape.betas[:10]
    return FrameSolver(network, skeleton, torch.as_tensor(first).float().to(device), passes=passes)


def in_batches(solver: Solver, start: Pose, targets: Targets) -> Pose:
    """Refine independent frames, in parallel batches."""

    def solve(rows: slice) -> Pose:
        return solver(start[rows], targets[rows])

    return Pose.joined(list(in_parallel(solve, len(start.pelvis), start.pelvis.device)))
