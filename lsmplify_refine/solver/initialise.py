"""Initialisation: bring a body near enough to its keypoints for Gauss-Newton to converge.

Gauss-Newton takes straight steps and cannot turn a body by half a turn. So it needs an initial pose if there is no
estimate, and if the person faces another way than the start.
"""

from __future__ import annotations

import roma
import torch
from jaxtyping import Float
from torch import Tensor

from lsmplify_refine.body import skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.geometry.robust import robust_square
from lsmplify_refine.solver.gauss_newton import project, residuals
from lsmplify_refine.solver.problem import Pose, Prior, Schedule, Targets
from lsmplify_refine.values.conventions import BODY25
from lsmplify_refine.values.smpl_joints import JOINTS

#: Robust radius: errors saturate beyond it, metres.
_RADIUS_M = 0.3
#: Schedule from the rest pose to any pose.
_FROM_REST = Schedule(damping=(30.0, 10.0, 5.0, 3.0, 2.0, 1.0, 1.0), radius_m=(9.0, 9.0, 3.0, 1.0, 0.6, 0.4, 0.3))
_REST_PRIOR = 0.01
_TORSO = [BODY25.points.index(f"{side}{part}") for part in ("hip", "shoulder") for side in ("left_", "right_")]
_TORSO += [BODY25.points.index(part) for part in ("neck", "mid_hip")]
_MIN_TORSO_POINTS = 3
_YAWS = (0.0, 1.57, 3.14, 4.71)
#: A start is turned as a whole by more than this angle, radians, and only if its error after translation exceeds this
#: distance, metres.
_FAR_RAD, _FAR_M = 1.0, 0.15


def robust_error_m(skeleton: Skeleton, pose: Pose, targets: Targets) -> Float[Tensor, " frames"]:
    """Root of the confidence-weighted mean of robust squared distances, metres on the body."""
    return _robust_error_m(skinning.keypoints(skeleton, pose.rotations) + pose.pelvis[:, None], targets)


def from_rest(skeleton: Skeleton, targets: Targets) -> Pose:
    """A pose without an estimate: the rest pose fitted to the torso's keypoints, then projected onto all keypoints."""
    count, joints = len(targets.positions), len(skeleton.parents)
    rest = torch.eye(3).to(targets.positions).expand(count, joints, 3, 3).clone()
    points = skinning.keypoints(skeleton, rest)
    root, pelvis = (_fit_in_image if targets.is_image else _fit_in_space)(points, targets)
    rest[:, 0] = root
    held = torch.full((count, joints), _REST_PRIOR).to(pelvis)
    held[:, JOINTS:] = torch.inf
    return project(skeleton, Pose(rest, pelvis), targets, Prior(held, torch.full_like(pelvis, 1e-5)), _FROM_REST)


def turned_to_face(skeleton: Skeleton, start: Pose, targets: Targets) -> Pose:
    """The start, turned as a whole where it faces another way than 3D keypoints; joint angles are kept."""
    if targets.is_image:
        return start
    points = skinning.keypoints(skeleton, start.rotations) + start.pelvis[:, None]
    error = _robust_error_m(points + mean_offset(points, targets)[:, None], targets)
    far = torch.nonzero(error > _FAR_M)[:, 0]
    if not len(far):
        return start
    turn, shift = _fit_in_space(points[far], targets[far])
    better = _robust_error_m(points[far] @ turn.mT + shift[:, None], targets[far]) < error[far]
    elsewhere = better & (roma.rotmat_geodesic_distance(turn, torch.eye(3).to(turn)) > _FAR_RAD)
    far, turn, shift = far[elsewhere], turn[elsewhere], shift[elsewhere]
    some = start[far]
    rotations = torch.cat([turn[:, None] @ some.rotations[:, :1], some.rotations[:, 1:]], 1)
    return start.with_rows(far, Pose(rotations, (turn @ some.pelvis[..., None])[..., 0] + shift))


def mean_offset(points: Float[Tensor, "frames points 3"], targets: Targets) -> Float[Tensor, "frames 3"]:
    """Confidence-weighted mean offset from points to 3D targets, metres."""
    weights = targets.weights[..., None]
    return ((targets.positions - points) * weights).sum(1) / weights.sum(1).clamp(min=1e-6)


def _robust_error_m(points: Float[Tensor, "frames points 3"], targets: Targets) -> Float[Tensor, " frames"]:
    squared = residuals(points, targets)[0].square().sum(-1)
    total = targets.weights.sum(1)
    return ((targets.weights * robust_square(squared, _RADIUS_M)).sum(1) / total.clamp(min=1e-6)).sqrt()


def _fit_in_space(
    points: Float[Tensor, "frames points 3"], targets: Targets
) -> tuple[Float[Tensor, "frames 3 3"], Float[Tensor, "frames 3"]]:
    """Rotation and translation of points onto the torso's targets, or onto all of them if the torso's are too few."""
    torso = torch.zeros_like(targets.weights)
    torso[:, _TORSO] = targets.weights[:, _TORSO]
    enough = (torso > 0).sum(1, keepdim=True) >= _MIN_TORSO_POINTS
    weights = torch.where(enough, torso, targets.weights) + 1e-9
    rotation, translation = roma.rigid_points_registration(points, targets.positions, weights)
    return rotation, translation


def _fit_in_image(
    points: Float[Tensor, "frames points 3"], targets: Targets
) -> tuple[Float[Tensor, "frames 3 3"], Float[Tensor, "frames 3"]]:
    """Rotation and translation of an upright body: the best of four headings."""
    best: tuple[Tensor, Tensor, Tensor] | None = None
    for yaw in _YAWS:
        # y down and z forward: the camera sees an upright body turned by half a turn about x
        turn = roma.rotvec_to_rotmat(torch.tensor([torch.pi, 0.0, 0.0])) @ roma.rotvec_to_rotmat(
            torch.tensor([0.0, yaw, 0.0])
        )
        turn = turn.to(points)
        pelvis, error = _translate_in_image(points @ turn.T, targets)
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


def _translate_in_image(
    points: Float[Tensor, "frames points 3"], targets: Targets
) -> tuple[Float[Tensor, "frames 3"], Float[Tensor, " frames"]]:
    """The translation that brings points nearest to their rays, and the error left.

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
