"""Correction: fit every frame to its keypoints, then find the track's most likely motion; twice.

Both fits start from the regressor's pose and are held to it. Held to the last result instead, every further fit would
follow the keypoints' slow errors a little more. The second fit's keypoints are averaged about the first motion (see
`keypoint_smoothing`), so that garbage and short gaps do not show.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.engine.keypoint_smoothing import smooth_about_track
from lsmplify_refine.engine.motion import BIAS_HZ, most_likely_motion
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.solver.batches import in_parallel
from lsmplify_refine.solver.gauss_newton import observed_share, project
from lsmplify_refine.solver.problem import Pose, Prior, Schedule, Targets

#: m^2/rad^2: at this prior a joint turns if keypoints 10 cm away from it are off by a few centimetres.
_ROTATION_PRIOR = 0.0045
_PELVIS_PRIOR = (0.045, 0.045, 0.045)
#: An image determines the pelvis across the view but hardly its depth; the prior of the depth is ten times as strong.
_PELVIS_PRIOR_IN_IMAGE = (0.045, 0.045, 0.45)
#: Standard deviation of the average of keypoints over time.
_KEYPOINT_SECONDS = 0.05
#: Keypoints nearer to a joint than this do not show its rotation.
_MIN_LEVER_M = 0.05
_FAR = Schedule(damping=(10.0, 1.0, 1.0), radius_m=(0.5, 0.25, 0.12))
_NEAR = Schedule(damping=(1.0, 1.0), radius_m=(0.12, 0.12))


def default_prior(skeleton: Skeleton, targets: Targets) -> Prior:
    """The prior without a regressor: all joints held equally to the estimate, unseen ones fixed.

    A wrist keypoint lies a centimetre or two beside the wrist joint: it does not show how the hand is turned.
    """
    informative = (skeleton.rest_levers > _MIN_LEVER_M).to(targets.weights)
    # each row may have its own body
    seen = ((targets.weights > 0).to(informative)[:, None] @ informative)[:, 0] > 0
    rotation = torch.where(seen, _ROTATION_PRIOR, torch.inf)
    pelvis = torch.tensor(_PELVIS_PRIOR_IN_IMAGE if targets.is_image else _PELVIS_PRIOR, device=rotation.device)
    return Prior(rotation, pelvis.expand(len(rotation), 3))


def decided_share(skeleton: Skeleton, pose: Pose, targets: Targets) -> Float[np.ndarray, "frames joints_and_pelvis"]:
    """Share of each joint's rotation, and last of the pelvis, that the keypoints decide under the default prior.

    Args:
        skeleton: The shaped body with the targets' convention.
        pose: Poses near the keypoints.
        targets: The observations.
    """
    share = observed_share(skeleton, pose, targets, default_prior(skeleton, targets))
    return share.cpu().double().numpy()


def correct(
    skeleton: Skeleton,
    start: Pose,
    targets: Targets,
    prior: Prior,
    *,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    bias_hz: float | None = BIAS_HZ,
    regressor: Callable[[Pose, Targets], Pose] | None = None,
    alone: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Pose:
    """Compute the refined motion of a track.

    Args:
        skeleton: The shaped body.
        start: The input, after the shape fit.
        targets: The observations.
        prior: How strongly each unknown is held to where the fit starts.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
        bias_hz: How fast the estimate's bias may change (see `most_likely_motion`); None fits each frame on its own.
        regressor: Predicts the start of the fit, which then needs no coarse steps.
        alone: Whether the input was itself fitted to these keypoints and is not independent evidence of the motion.
        progress: Called with (frames done, frames in all).
    """
    begin, schedule = start, _FAR
    if regressor is not None:
        begin, schedule = _keep_fixed(regressor(start, targets), start, prior), _NEAR
    rounds = 1 if bias_hz is None else 2
    count, seen = len(start.pelvis), targets
    for index in range(rounds):
        fit = partial(_fit, skeleton, begin, seen, prior, schedule)
        found, share, done = [], [], index * count
        for part, part_share in in_parallel(fit, count, start.pelvis.device):
            found.append(part)
            share.append(part_share)
            done += len(part.pelvis)
            if progress:
                progress(done, rounds * count)
        pose = Pose.joined(found)
        if bias_hz is None:
            break
        pose = most_likely_motion(
            start,
            pose,
            torch.cat(share).cpu().double().numpy(),
            frame_ids=frame_ids,
            fps=fps,
            is_image=targets.is_image,
            bias_hz=bias_hz,
            alone=alone,
        )
        if index + 1 < rounds:
            seen = smooth_about_track(skeleton, pose, targets, frame_ids=frame_ids, fps=fps, seconds=_KEYPOINT_SECONDS)
    return pose


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
    # the product of a rotation and its inverse is the identity only to rounding
    turn[(pose.rotations == start.rotations).flatten(2).all(-1).cpu().numpy()] = 0.0
    return turn, (pose.pelvis - start.pelvis).cpu().double().numpy()


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
