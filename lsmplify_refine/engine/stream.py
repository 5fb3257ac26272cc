"""Stream: refine frame by frame, each frame from the best start there is; for live use and for whole takes in sequence.

Learnable SMPLify starts frame t from its own result at t - 1 and restarts at fixed intervals. Here every track chooses
its start anew: the last accepted result, the estimator's pose if there is one, or the body at rest placed on the torso,
whichever lies nearest to the keypoints. A result that explains the keypoints badly is not fed back, and what they do
not see is held to the mean of all results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import roma
import torch
from torch import Tensor

from lsmplify_refine.body import _core
from lsmplify_refine.body._core import Skeleton
from lsmplify_refine.engine.batches import in_parallel
from lsmplify_refine.engine.mean_pose import MeanPose
from lsmplify_refine.engine.project import Pose, Prior, Schedule, Targets, project, residuals
from lsmplify_refine.keypoints import BODY25

#: Robust keypoint error above which a result is not fed back, metres.
_LOST_M = 0.12
#: A prior may hold a result this much further from the keypoints than its start was.
_WORSE_M = 0.005
#: Errors beyond this count no more, metres.
_RADIUS_M = 0.3
#: From the body at rest to any pose.
_FROM_REST = Schedule(damping=(30.0, 10.0, 5.0, 3.0, 2.0, 1.0, 1.0), radius_m=(9.0, 9.0, 3.0, 1.0, 0.6, 0.4, 0.3))
_REST_PRIOR = 0.01
_TORSO = [BODY25.points.index(f"{side}{part}") for part in ("hip", "shoulder") for side in ("left_", "right_")]
_TORSO += [BODY25.points.index(part) for part in ("neck", "mid_hip")]
_FEWEST_TORSO_POINTS = 3
_YAWS = (0.0, 1.57, 3.14, 4.71)


class Solver(Protocol):
    """Refines frames that each have a start; a `FrameSolver` does."""

    def __call__(self, start: Pose, targets: Targets, earlier: MeanPose | None = None, /) -> Pose:
        """The refined pose of N frames, of which some may go on from earlier results of that mean."""
        ...


@dataclass(frozen=True)
class Step:
    """One frame of N tracks.

    Attributes:
        pose: The refined pose.
        error_m: (N,) robust keypoint error, metres on the body.
        accepted: (N,) False where the result explains the keypoints badly or nothing was seen: the pose is then the
            start that it was refined from, and the next frame does not build on it.
    """

    pose: Pose
    error_m: Tensor
    accepted: Tensor


class Stream:
    """Refines N tracks frame by frame in constant memory.

    Args:
        skeleton: The shaped body with BODY_25 points.
        solver: Refines frames from a start.
    """

    def __init__(self, skeleton: Skeleton, solver: Solver) -> None:
        self.skeleton = skeleton
        self.solver = solver
        self._last: Step | None = None
        self._mean: MeanPose | None = None

    def begin(self, pose: Pose) -> None:
        """Go on from a true pose, one row per track, as where people hold one that is known before they move.

        What the keypoints do not see is then held to it.
        """
        error = torch.zeros_like(pose.pelvis[:, 0])
        self._last = Step(pose, error, torch.ones_like(error, dtype=torch.bool))
        self._mean = MeanPose.of_known(pose)

    @torch.inference_mode()
    def step(self, targets: Targets, estimate: Pose | None = None) -> Step:
        """Refine the next frame of every track.

        Args:
            targets: One row per track, BODY_25; weights 0 where nothing was seen.
            estimate: The estimator's pose, if there is one.

        Returns:
            Made in torch's inference mode: clone its tensors to change them in place or to differentiate through them.
        """
        start, error, goes_on = self._start(targets, estimate)
        mean = self._mean and self._mean.only(goes_on)
        pose = self.solver(mean.draw(start) if mean else start, targets, mean)
        refined_error = robust_error_m(self.skeleton, pose, targets)
        seen = (targets.weights > 0).any(1)
        accepted = seen & (refined_error <= (error + _WORSE_M).clamp(max=_LOST_M))
        self._last = Step(_choose(accepted, pose, start), torch.where(accepted, refined_error, error), accepted)
        self._mean = self._mean.after(pose, accepted) if self._mean else MeanPose.of(pose, accepted)
        return self._last

    def follow(self, estimate: Pose | None, targets: Targets) -> Pose:
        """Refine one track in order: estimate (if any) and targets hold its T frames."""
        steps = []
        for row in torch.arange(len(targets.positions)).split(1):
            steps.append(self.step(targets[row], estimate and estimate[row]).pose)
        return joined(steps)

    def _start(self, targets: Targets, estimate: Pose | None) -> tuple[Pose, Tensor, Tensor]:
        """For every track the candidate that lies nearest to the keypoints, its error, and whether it is the last."""
        candidates = [] if estimate is None else [estimate]
        errors = [robust_error_m(self.skeleton, pose, targets) for pose in candidates]
        last = len(candidates)
        if self._last is not None:
            candidates.append(self._last.pose)
            fresh = robust_error_m(self.skeleton, self._last.pose, targets)
            # without anything better, what was rejected is still where to go on from
            errors.append(torch.where(self._last.accepted, fresh, fresh + _LOST_M))
        if not candidates or bool((torch.stack(errors).amin(0) > _LOST_M).any()):
            candidates.append(from_rest(self.skeleton, targets))
            errors.append(robust_error_m(self.skeleton, candidates[-1], targets))
        error, chosen = torch.stack(errors).min(0)
        best = candidates[0]
        for index, pose in enumerate(candidates[1:], 1):
            best = _choose(chosen == index, pose, best)
        return best, error, chosen == last


def in_batches(solver: Solver, start: Pose, targets: Targets) -> Pose:
    """Refine frames that do not depend on each other."""

    def solve(rows: slice) -> Pose:
        return solver(start[rows], targets[rows])

    return joined(list(in_parallel(solve, len(start.pelvis), start.pelvis.device)))


def joined(poses: Sequence[Pose]) -> Pose:
    """Poses of some frames after those of others."""
    return Pose(torch.cat([pose.rotations for pose in poses]), torch.cat([pose.pelvis for pose in poses]))


def robust_error_m(skeleton: Skeleton, pose: Pose, targets: Targets) -> Tensor:
    """(N,) root of the confidence-weighted mean of robust squared distances, metres on the body."""
    points = _core.keypoints(skeleton, pose.rotations) + pose.pelvis[:, None]
    squared = residuals(points, targets)[0].square().sum(-1)
    bounded = squared / (1.0 + squared / _RADIUS_M**2)
    total = targets.weights.sum(1)
    return ((targets.weights * bounded).sum(1) / total.clamp(min=1e-6)).sqrt()


def from_rest(skeleton: Skeleton, targets: Targets) -> Pose:
    """A pose without any estimate: the body at rest on the torso's keypoints, then projected onto all of them."""
    count, joints = len(targets.positions), len(skeleton.parents)
    rest = torch.eye(3).to(targets.positions).expand(count, joints, 3, 3).clone()
    points = _core.keypoints(skeleton, rest)
    root, pelvis = (_placed_in_image if targets.is_image else _placed_in_space)(points, targets)
    rest[:, 0] = root
    held = torch.full((count, joints), _REST_PRIOR).to(pelvis)
    held[:, 22:] = torch.inf
    return project(skeleton, Pose(rest, pelvis), targets, Prior(held, torch.full_like(pelvis, 1e-5)), _FROM_REST)


def _placed_in_space(points: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Rotation (N, 3, 3) and translation (N, 3) of points (N, K, 3) onto the torso's targets, or onto all of them."""
    torso = torch.zeros_like(targets.weights)
    torso[:, _TORSO] = targets.weights[:, _TORSO]
    enough = (torso > 0).sum(1, keepdim=True) >= _FEWEST_TORSO_POINTS
    weights = torch.where(enough, torso, targets.weights) + 1e-9
    return roma.rigid_points_registration(points, targets.positions, weights)


def _placed_in_image(points: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """An upright body facing one of four sides: the one whose best place before the camera leaves the least error."""
    best: tuple[Tensor, Tensor, Tensor] | None = None
    for yaw in _YAWS:
        # y down and z forward: the camera sees an upright body turned by half a turn about x
        turn = roma.rotvec_to_rotmat(torch.tensor([torch.pi, 0.0, 0.0])) @ roma.rotvec_to_rotmat(
            torch.tensor([0.0, yaw, 0.0])
        )
        turn = turn.to(points)
        pelvis, error = _place_before_camera(points @ turn.T, targets)
        roots = turn.expand(len(points), 3, 3)
        if best is None:
            best = roots, pelvis, error
        else:
            nearer = error < best[2]
            best = (
                torch.where(nearer[:, None, None], roots, best[0]),
                torch.where(nearer[:, None], pelvis, best[1]),
                torch.where(nearer, error, best[2]),
            )
    assert best is not None
    return best[0], best[1]


def _place_before_camera(points: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """The translation (N, 3) that brings points (N, K, 3) nearest to their rays, and the error left (N,).

    (x + t) lies on the ray u where t_xy - u t_z = u x_z - x_xy: linear in t.
    """
    rays = targets.positions
    rows = torch.zeros(*rays.shape, 3).to(points)
    rows[..., 0, 0] = rows[..., 1, 1] = 1.0
    rows[..., 2] = -rays
    right = rays * points[..., 2:] - points[..., :2]
    root = targets.weights.sqrt()[..., None]
    system, wanted = (rows * root[..., None]).flatten(1, 2), (right * root).flatten(1)
    normal = system.transpose(1, 2) @ system + 1e-6 * torch.eye(3).to(points)
    place = torch.linalg.solve(normal, (system.transpose(1, 2) @ wanted[..., None])[..., 0])
    place = torch.cat([place[:, :2], place[:, 2:].clamp(min=0.5)], 1)
    error = ((system @ place[..., None])[..., 0] - wanted).square().sum(1)
    return place, error


def _choose(first: Tensor, one: Pose, other: Pose) -> Pose:
    """One pose where `first` (N,), else the other."""
    return Pose(
        torch.where(first[:, None, None, None], one.rotations, other.rotations),
        torch.where(first[:, None], one.pelvis, other.pelvis),
    )
