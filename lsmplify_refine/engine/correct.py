"""Correction: project every frame onto its keypoints and low-pass the correction, in a few rounds.

One pass of per-frame fitting halves the keypoint error and doubles the jitter. Smoothing the correction removes that
jitter and costs some fit. Fitting again from the smoothed result, onto smoothed keypoints (see `keypoint_smoothing`),
regains most of the fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lsmplify_refine.body.skinning import Skeleton, rest_levers
from lsmplify_refine.engine.keypoint_smoothing import smooth_about_track
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.geometry.smoothing import smooth
from lsmplify_refine.solver.batches import in_parallel
from lsmplify_refine.solver.gauss_newton import observed_share, project
from lsmplify_refine.solver.problem import Pose, Prior, Schedule, Targets

#: m^2/rad^2: at this prior a joint turns if keypoints 10 cm away from it are off by a few centimetres.
_ROTATION_PRIOR = 0.01
_PELVIS_PRIOR = (0.1, 0.1, 0.1)
#: An image decides the pelvis across the view but hardly its depth, whose prior is ten times as strong.
_PELVIS_PRIOR_IN_IMAGE = (0.1, 0.1, 1.0)
#: Keypoints nearer to a joint than this do not show its rotation.
_MIN_LEVER_M = 0.05
_FAR = Schedule(damping=(10.0, 1.0, 1.0), radius_m=(0.5, 0.25, 0.12))
_NEAR = Schedule(damping=(1.0, 1.0), radius_m=(0.12, 0.12))
_ROUNDS = (_FAR, _NEAR, _NEAR)
#: Smoothing time of keypoints as a share of the correction's, which has yet to follow them.
_KEYPOINT_SHARE = 0.5
#: Max turn of a person between two frames, radians; beyond it the estimate flips.
_FLIP_RAD = 1.0


def default_prior(skeleton: Skeleton, targets: Targets) -> Prior:
    """The prior without a regressor: all joints held equally to the estimate, unseen ones fixed.

    A wrist keypoint lies a centimetre or two beside the wrist joint: it does not show how the hand is turned.
    """
    informative = (rest_levers(skeleton) > _MIN_LEVER_M).to(targets.weights)
    seen = (targets.weights > 0).to(informative) @ informative > 0
    rotation = torch.where(seen, _ROTATION_PRIOR, torch.inf)
    pelvis = torch.tensor(_PELVIS_PRIOR_IN_IMAGE if targets.is_image else _PELVIS_PRIOR, device=rotation.device)
    return Prior(rotation, pelvis.expand(len(rotation), 3))


def correct(
    skeleton: Skeleton,
    start: Pose,
    targets: Targets,
    prior: Prior,
    *,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    smooth_seconds: float,
    regressor: Callable[[Pose, Targets], Pose] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Float[np.ndarray, "frames joints 3"], Float[np.ndarray, "frames 3"]]:
    """Compute the smoothed correction of a track.

    Args:
        skeleton: The shaped body.
        start: The input, after the shape fit.
        targets: The observations.
        prior: How strongly each unknown is held to where a round starts.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
        smooth_seconds: Standard deviation of the low-pass; 0 fits each frame on its own.
        regressor: Predicts the start of the first round, which then needs no coarse steps.
        progress: Called with (frames done, frames in all).

    Returns:
        (T, J, 3) rotation vectors, applied on the left of the input's joint rotations, and (T, 3) pelvis shift, metres.
    """
    count = len(start.pelvis)
    pose, seen, rounds = start, targets, _ROUNDS
    if regressor is not None:
        pose, rounds = _keep_fixed(regressor(start, targets), start, prior), (_NEAR, *_ROUNDS[1:])
    for index, schedule in enumerate(rounds):
        fit = partial(_fit, skeleton, pose, seen, prior, schedule)
        found, share, done = [], [], index * count
        for part, part_share in in_parallel(fit, count, start.pelvis.device):
            found.append(part)
            share.append(part_share)
            done += len(part.pelvis)
            if progress:
                progress(done, len(rounds) * count)
        fitted = Pose.joined(found)
        turn, shift = correction_to(fitted, start)
        turn, unbroken = _unwrapped(turn), _split_at_flips(start, fitted, frame_ids)
        weights = torch.cat(share).cpu().double().numpy()
        turn = smooth(turn, unbroken, fps, smooth_seconds, weights[:, :-1, None])
        shift = smooth(shift, unbroken, fps, smooth_seconds, weights[:, -1:])
        pose = apply_correction(start, turn, shift)
        if index == 0:
            seconds = _KEYPOINT_SHARE * smooth_seconds
            seen = smooth_about_track(skeleton, pose, targets, frame_ids=frame_ids, fps=fps, seconds=seconds)
    return turn, shift


def _fit(
    skeleton: Skeleton, start: Pose, targets: Targets, prior: Prior, schedule: Schedule, rows: slice
) -> tuple[Pose, Float[Tensor, "rows joints_and_pelvis"]]:
    """Fit some frames to their keypoints; also return the share of each unknown that the keypoints decide."""
    seen, held = targets[rows], prior[rows]
    found = project(skeleton, start[rows], seen, held, schedule)
    return found, observed_share(skeleton, found, seen, held)


def _keep_fixed(pose: Pose, start: Pose, prior: Prior) -> Pose:
    """The pose, with the start's rotations where the prior lets nothing move."""
    return Pose(torch.where(prior.rotation.isfinite()[..., None, None], pose.rotations, start.rotations), pose.pelvis)


def correction_to(
    pose: Pose, start: Pose
) -> tuple[Float[np.ndarray, "frames joints 3"], Float[np.ndarray, "frames 3"]]:
    """The correction from a start to a pose; the inverse of `apply_correction`."""
    turn = rotmat_to_rotvec((pose.rotations @ start.rotations.transpose(-1, -2)).cpu().numpy())
    return turn, (pose.pelvis - start.pelvis).cpu().double().numpy()


def _unwrapped(turn: Float[np.ndarray, "frames joints 3"]) -> Float[np.ndarray, "frames joints 3"]:
    """Rotation vectors without jumps at half a turn, so that they can be averaged."""
    angle = np.linalg.norm(turn, axis=-1, keepdims=True)
    if angle.max(initial=0.0) < np.pi / 2:
        return turn
    # the same rotations, the other way round
    others = turn * (1 - 2 * np.pi / np.maximum(angle, 1e-9))
    found: np.ndarray = turn.copy()
    for frame in range(1, len(turn)):
        away, other = (np.linalg.norm(x[frame] - found[frame - 1], axis=-1) for x in (turn, others))
        found[frame] = np.where((other < away)[:, None], others[frame], turn[frame])
    return found


def _split_at_flips(start: Pose, found: Pose, frame_ids: Int[np.ndarray, " frames"]) -> Int[np.ndarray, " frames"]:
    """Frame ids with gaps where the estimate suddenly faces another way, and the fitted pose does not."""
    jumps, left = (
        roma.rotmat_geodesic_distance(pose.rotations[1:, 0], pose.rotations[:-1, 0]).cpu().numpy()
        for pose in (start, found)
    )
    split: np.ndarray = frame_ids + np.concatenate([[0], np.cumsum((jumps > _FLIP_RAD) & (left < jumps / 2))])
    return split


def apply_correction(
    start: Pose,
    turn: Float[np.ndarray, "frames joints 3"],
    shift: Float[np.ndarray, "frames 3"],
    share: Float[np.ndarray, " frames"] | None = None,
) -> Pose:
    """Apply a correction to a start, or each frame's share of it."""
    if share is not None:
        turn, shift = turn * share[:, None, None], shift * share[:, None]
    turned = torch.as_tensor(rotvec_to_rotmat(turn)).to(start.rotations) @ start.rotations
    # uncorrected joints keep their exact values
    still = torch.as_tensor((turn == 0).all(-1), device=start.rotations.device)
    rotations = torch.where(still[..., None, None], start.rotations, turned)
    return Pose(rotations, start.pelvis + torch.as_tensor(shift).to(start.pelvis))
