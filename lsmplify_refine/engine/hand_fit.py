"""Hand fit: wrist and finger rotations of every frame from a hand's 21 keypoints, then their most likely motion.

Fingers bend about one axis each and spread a little at the knuckles; the thumb turns about all axes. That is the prior,
about the estimate's fingers or a relaxed hand. How much it counts depends on the keypoints' noise, which is read from
what the fit leaves over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lsmplify_refine.body import skinning
from lsmplify_refine.body.hand import FINGERS, Hand
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.engine.motion import BIAS_HZ, most_likely_motion
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.gauss_newton import observed_share, project, residuals, robust_weights
from lsmplify_refine.solver.problem import Pose, Prior, Schedule, Targets
from lsmplify_refine.values.conventions import HAND_POINTS
from lsmplify_refine.values.smpl_joints import HAND_JOINTS

#: Standard deviations of a finger joint's rotation about the prior, radians: bending, spreading, other turns; thumb.
_BEND_RAD, _SPREAD_RAD, _OTHER_RAD, _THUMB_RAD = 0.8, 0.25, 0.08, 0.45
#: The same of the wrist's orientation, about where it starts: in space, and in an image, which shows its tilt badly.
_WRIST_RAD, _WRIST_IN_IMAGE_RAD = 3.0, 0.8
#: The same of the wrist's place, metres: in space and across the view, and in depth.
_PLACE_M, _DEPTH_M = 0.1, 0.03
#: Noise of keypoints, metres: where reading it begins, and its least, for no hand is modelled better.
_FIRST_NOISE_M, _MIN_NOISE_M = 0.01, 0.0007
#: How often it is read.
_READINGS = 4
#: Bend of the joints of a relaxed hand from the knuckle on, radians.
_RELAXED_RAD = (0.35, 0.45, 0.25)
#: Bend of each joint of a hand that is half closed, and of one that may be bent backwards, radians.
_HALF_BENT_RAD, _BACKWARDS_RAD = 0.9, 0.1
#: A finger's points from the knuckle on.
_PARTS = ("1", "2", "3", "_tip")
_STEPS = Schedule(damping=(30.0, 5.0, 1.0, 1.0, 1.0, 1.0), radius_m=(0.2, 0.1, 0.06, 0.04, 0.04, 0.04))
#: Points that do not move with the fingers: the wrist and the knuckles.
_PALM = [HAND_POINTS.index(point) for point in ("hand_wrist", "index1", "middle1", "ring1", "pinky1")]
#: Turns about the forearm at which the fit of an image begins.
_TURNS_RAD = (0.0, np.pi / 2, np.pi, -np.pi / 2)


@dataclass(frozen=True)
class HandFit:
    """A fitted hand.

    Attributes:
        pose: Joint 0 is the wrist; its rotation is the orientation in space, and `pelvis` its position.
        share: Share of each joint, and last of the place, that the keypoints decide.
        error_m: Root mean square distance of each frame's points from the fit, metres; NaN in frames without.
    """

    pose: Pose
    share: Float[Tensor, "frames joints_and_place"]
    error_m: Float[np.ndarray, " frames"]


def relaxed(hand: Hand, frames: int) -> Float[np.ndarray, "frames 15 3"]:
    """Axis-angle of a relaxed hand's finger joints: bent a little, the thumb at rest."""
    bend = np.tile(_RELAXED_RAD, len(FINGERS))
    bend[3 * FINGERS.index("thumb") :] = 0.0
    pose: np.ndarray = np.tile(hand.flexion() * bend[:, None], (frames, 1, 1))
    return pose


def hand_pose(
    wrist: Float[np.ndarray, "frames 3 3"],
    fingers: Float[np.ndarray, "frames 15 3"],
    place: Float[np.ndarray, "frames 3"],
) -> Pose:
    """A hand's pose from the wrist's orientation and place and the fingers' axis-angle."""
    rotations = np.concatenate([wrist[:, None], rotvec_to_rotmat(fingers)], axis=1)
    return Pose(torch.as_tensor(rotations).float(), torch.as_tensor(place).float())


def fit_hand(hand: Hand, start: Pose, targets: Targets) -> HandFit:
    """Fit every frame's hand to its keypoints.

    Args:
        hand: The hand in its size.
        start: What is expected: the body's wrist, and the estimate's fingers or relaxed ones.
        targets: The observations; frames without keep their start.
    """
    skeleton = hand.skeleton()
    begin = _placed(skeleton, start, targets)
    # an image hardly shows the wrist's tilt, so there the start counts
    held = begin if not targets.is_image else Pose(start.rotations, begin.pelvis)
    noise = _FIRST_NOISE_M
    for reading in range(_READINGS):
        prior = _prior(hand, held, noise, is_image=targets.is_image)
        found = project(skeleton, held, targets, prior, _STEPS, begin)
        if targets.is_image and reading < _READINGS - 1:
            # an image also fits fingers that are bent backwards
            bent = project(skeleton, held, targets, prior, _STEPS, _clenched(hand, found))
            found = _likelier_fingers(hand, skeleton, (found, bent), targets, noise)
        begin = found
        noise = max(_noise(skeleton, begin, targets), _MIN_NOISE_M)
    return HandFit(begin, observed_share(skeleton, begin, targets, prior), fit_errors(skeleton, begin, targets))


def moving_hand(
    start: Pose,
    fit: HandFit,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    *,
    is_image: bool,
    alone: bool,
    bias_hz: float = BIAS_HZ,
) -> Pose:
    """The hand's most likely motion, see `most_likely_motion`.

    Args:
        start: The estimate's hand.
        fit: The hand fitted to its keypoints.
        frame_ids: Video frame of each row.
        fps: Frames per second.
        is_image: Whether the keypoints are 2D.
        alone: Whether the start's fingers are not an estimate.
        bias_hz: How fast the estimate's bias may change.
    """
    return most_likely_motion(
        start,
        fit.pose,
        fit.share.double().numpy(),
        frame_ids=frame_ids,
        fps=fps,
        is_image=is_image,
        bias_hz=bias_hz,
        alone=alone,
    )


def _placed(skeleton: Skeleton, start: Pose, targets: Targets) -> Pose:
    """The start with the wrist where the palm's points show it."""
    if targets.is_image:
        return _best_turn(skeleton, start, targets)
    rest = skeleton.points.sum(1)[_PALM]
    seen, weights = targets.positions[:, _PALM], targets.weights[:, _PALM]
    known = (weights > 0).sum(1) >= 3
    rotation, place = roma.rigid_points_registration(
        rest.expand(len(seen), -1, -1), seen, weights=torch.where(known[:, None], weights, 1.0)
    )
    rotations = start.rotations.clone()
    rotations[:, 0] = torch.where(known[:, None, None], rotation, start.rotations[:, 0])
    return Pose(rotations, torch.where(known[:, None], place, start.pelvis))


def _best_turn(skeleton: Skeleton, start: Pose, targets: Targets) -> Pose:
    """The start, turned about the hand's length until the palm fits the image best."""
    along = torch.nn.functional.normalize(skeleton.points.sum(1)[HAND_POINTS.index("middle1")], dim=0)
    fingers = torch.full((len(targets.weights), HAND_JOINTS), torch.inf)
    wrist = torch.full_like(fingers[:, :1], (_FIRST_NOISE_M / _WRIST_IN_IMAGE_RAD) ** 2)
    prior = Prior(torch.cat([wrist, fingers], 1), _place_prior(len(fingers), _FIRST_NOISE_M, is_image=True))
    palm = torch.zeros_like(targets.weights)
    palm[:, _PALM] = targets.weights[:, _PALM]
    best, least = start, torch.full((len(fingers),), torch.inf)
    for angle in _TURNS_RAD:
        rotations = start.rotations.clone()
        rotations[:, 0] = start.rotations[:, 0] @ roma.rotvec_to_rotmat(along * angle)
        found = project(skeleton, Pose(rotations, start.pelvis), Targets(targets.positions, palm), prior, _STEPS)
        points = skinning.keypoints(skeleton, found.rotations) + found.pelvis[:, None]
        error = residuals(points, targets)[0].square().sum(-1)
        away = roma.rotmat_geodesic_distance(found.rotations[:, 0], start.rotations[:, 0])
        cost = (palm * error).sum(1) / _FIRST_NOISE_M**2 + (away / _WRIST_IN_IMAGE_RAD) ** 2
        best, least = found.where(cost < least, best), torch.minimum(cost, least)
    return best


def _clenched(hand: Hand, pose: Pose) -> Pose:
    """The pose with all fingers but the thumb bent by half."""
    bend = np.full(HAND_JOINTS, _HALF_BENT_RAD)
    bend[3 * FINGERS.index("thumb") :] = 0.0
    fingers = torch.as_tensor(rotvec_to_rotmat(hand.flexion() * bend[:, None])).to(pose.rotations)
    rotations = pose.rotations.clone()
    rotations[:, 1 : 1 + 3 * FINGERS.index("thumb")] = fingers[: 3 * FINGERS.index("thumb")]
    return Pose(rotations, pose.pelvis)


def _likelier_fingers(hand: Hand, skeleton: Skeleton, poses: tuple[Pose, Pose], targets: Targets, noise: float) -> Pose:
    """The first pose, with each finger from the other pose that fits better without being bent backwards."""
    costs = []
    for pose in poses:
        points = skinning.keypoints(skeleton, pose.rotations) + pose.pelvis[:, None]
        error = targets.weights * residuals(points, targets)[0].square().sum(-1)
        turn = roma.rotmat_to_rotvec(pose.rotations[:, 1:].double())
        bend = (turn * torch.as_tensor(hand.flexion())).sum(-1).unflatten(1, (len(FINGERS), 3))
        backwards = ((bend / _BACKWARDS_RAD).clamp(max=0.0) ** 2).sum(-1)
        chains = torch.stack([error[:, [HAND_POINTS.index(f"{f}{p}") for p in _PARTS]].sum(1) for f in FINGERS], 1)
        costs.append(chains.double() / noise**2 + backwards)
    other = (costs[1] < costs[0]).repeat_interleave(3, 1)
    other[:, 3 * FINGERS.index("thumb") :] = False
    other = torch.nn.functional.pad(other, (1, 0))[..., None, None]
    return Pose(torch.where(other, poses[1].rotations, poses[0].rotations), poses[0].pelvis)


def _prior(hand: Hand, held: Pose, noise: float, *, is_image: bool) -> Prior:
    """The prior in units of keypoint noise (see `solver.problem.Prior`)."""
    frames = len(held.pelvis)
    thumb = 3 * FINGERS.index("thumb")
    own = np.full(1 + HAND_JOINTS, _OTHER_RAD)
    own[0] = _WRIST_IN_IMAGE_RAD if is_image else _WRIST_RAD
    own[1 + thumb :] = _THUMB_RAD
    together = np.zeros((1 + HAND_JOINTS, 3, 2 * thumb))
    flexion = hand.flexion()
    for joint in range(thumb):
        together[1 + joint, :, joint] = flexion[joint] * _BEND_RAD
        # fingers spread at the knuckles, about the palm's normal
        if joint % 3 == 0:
            together[1 + joint, :, thumb + joint] = np.array([0.0, 1.0, 0.0]) * _SPREAD_RAD
    ways = together[..., np.abs(together).sum((0, 1)) > 0] / noise
    return Prior(
        torch.as_tensor((noise / own) ** 2).float().expand(frames, -1),
        _place_prior(frames, noise, is_image=is_image),
        torch.as_tensor(ways).float().expand(frames, -1, -1, -1),
    )


def _place_prior(frames: int, noise: float, *, is_image: bool) -> Float[Tensor, "frames 3"]:
    depth = _DEPTH_M if is_image else _PLACE_M
    return torch.tensor([(noise / sigma) ** 2 for sigma in (_PLACE_M, _PLACE_M, depth)]).float().expand(frames, 3)


def _noise(skeleton: Skeleton, pose: Pose, targets: Targets) -> float:
    """Standard deviation of the keypoints along an axis, metres, from what a fit leaves over, without outliers."""
    points = skinning.keypoints(skeleton, pose.rotations) + pose.pelvis[:, None]
    left = residuals(points, targets)[0].square().mean(-1)
    seen = targets.weights > 0
    return float(left[seen].median().sqrt()) * _MEDIAN_TO_DEVIATION if seen.any() else _FIRST_NOISE_M


#: A median distance per axis as a standard deviation; a fit also follows a part of the noise.
_MEDIAN_TO_DEVIATION = 1.6


def fit_errors(skeleton: Skeleton, pose: Pose, targets: Targets) -> Float[np.ndarray, " frames"]:
    """Root mean square distance of each frame's points from a posed hand, metres; NaN in frames without points."""
    points = skinning.keypoints(skeleton, pose.rotations) + pose.pelvis[:, None]
    residual, _ = residuals(points, targets)
    weights = targets.weights * robust_weights(residual, _STEPS.radius_m[0])
    square = (weights * residual.square().sum(-1)).sum(1) / weights.sum(1)
    error: np.ndarray = square.sqrt().double().numpy()
    return error
