"""Hands: wrists and fingers follow the 21 keypoints of each hand, if these can belong to that hand.

The body is fitted without them. Here each hand hangs on the refined body's wrist: its orientation and fingers are
fitted, smoothed by the same model of motion as the body, and eased in and out where keypoints come and go. What the
keypoints cannot show, and hands that are ignored, stay as the estimate has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import binary_closing

from lsmplify_refine.body.hand import Hand, Side
from lsmplify_refine.engine.gate import EASE_SECONDS, ease
from lsmplify_refine.engine.hand_arm import Arm, carried_wrist
from lsmplify_refine.engine.hand_evidence import HandEvidence, hand_evidence, of_this_hand
from lsmplify_refine.engine.hand_fit import fit_hand, hand_pose, moving_hand, relaxed
from lsmplify_refine.engine.hand_limits import within_limits
from lsmplify_refine.engine.hand_size import sized_hand
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.engine.track import Track
from lsmplify_refine.formats.hands import HANDS
from lsmplify_refine.geometry.rotations import nearest_rotvec, rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.geometry.smoothing import segments
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import HAND_JOINTS, joint_index

SIDES: tuple[Side, ...] = ("left", "right")
#: Gaps up to this are bridged by the motion.
_BRIDGED_SECONDS = 0.3
#: It is worth a warning if fewer of a hand's frames than this share can be used.
_MANY = 0.8


@dataclass(frozen=True)
class FollowedHands:
    """A refined body whose hands follow their keypoints.

    Attributes:
        after: The refined track, its wrists and forearms turned.
        fingers: Axis-angle of each hand's finger joints, relative to the flat hand; only for hands that follow.
        notes: What the user should know.
    """

    after: BodyTrack
    fingers: dict[Side, Float[np.ndarray, "frames 15 3"]]
    notes: tuple[Note, ...] = ()

    def written(self, estimate: Estimate, body_means: Float[np.ndarray, "2 15 3"] | None) -> Estimate:
        """The estimate with the fingers, relative to the mean hand if the estimate's are."""
        fields: dict[str, np.ndarray] = {}
        for side, fingers in self.fingers.items():
            given: np.ndarray | None = getattr(estimate, f"{side}_hand_pose")
            if estimate.flat_hand_mean is False and body_means is not None:
                fingers = fingers - body_means[SIDES.index(side)]
            fields[f"{side}_hand_pose"] = fingers.astype(estimate.body_pose.dtype if given is None else given.dtype)
        flat = True if self.fingers and estimate.flat_hand_mean is None else estimate.flat_hand_mean
        return estimate.replace(**fields, flat_hand_mean=flat) if fields else estimate


def follow_hands(
    estimate: Estimate, track: Track, after: BodyTrack, *, fps: float, bias_hz: float | None
) -> FollowedHands:
    """Let both hands of a refined body follow their keypoints.

    Args:
        estimate: The input, with the keypoints of body and hands.
        track: The input on the engine's body.
        after: The refined track.
        fps: Frames per second.
        bias_hz: See `engine.motion.most_likely_motion`; None fits each frame on its own.
    """
    keypoints = estimate.keypoints
    if keypoints is None or keypoints.hand("left") is None:
        return FollowedHands(after, {})
    keypoints = keypoints.without_placeholders()
    # a convention with knuckles among its body's points has already fitted the wrists with them
    named = CONVENTIONS[keypoints.convention]
    fingers: dict[Side, np.ndarray] = {}
    counts: dict[Side, tuple[int, int]] = {}
    for side in SIDES:
        evidence = _evidence(keypoints, track, after, side)
        counts[side] = int(evidence.usable.sum()), int(evidence.seen.sum())
        given = _given_fingers(estimate, side, after)
        if not evidence.usable.any() or (given is None and estimate.flat_hand_mean is False):
            continue
        found = _follow(
            *(side, evidence, after, given, estimate.frame_ids, fps, bias_hz), turns_wrist=named.body != named.name
        )
        counts[side] = 0 if found is None else found.used, counts[side][1]
        if found is not None:
            after, fingers[side] = found.after, found.fingers
    return FollowedHands(after, fingers, _notes(estimate, fingers, counts))


@dataclass(frozen=True)
class _Followed:
    """A body with one hand that follows, its fingers, and in how many frames it does."""

    after: BodyTrack
    fingers: Float[np.ndarray, "frames 15 3"]
    used: int


def _evidence(keypoints: Keypoints, track: Track, after: BodyTrack, side: Side) -> HandEvidence:
    """A hand's observations in the frame of the body."""
    hand = keypoints.hand(side)
    assert hand is not None
    positions, confidence = hand
    if track.alignment is not None:
        positions = track.alignment.transform(np.nan_to_num(positions.astype(np.float64)))
    joints = after.joints().astype(np.float64)
    own, other = (joints[:, joint_index(f"{name}_wrist")] for name in _both(side))
    return hand_evidence(positions, confidence, own, other, None if track.camera is None else track.camera.K)


def _both(side: Side) -> tuple[Side, Side]:
    return ("left", "right") if side == "left" else ("right", "left")


def _given_fingers(estimate: Estimate, side: Side, after: BodyTrack) -> Float[np.ndarray, "frames 15 3"] | None:
    """The estimate's fingers relative to the flat hand; None without fingers, or if they never move."""
    given: np.ndarray | None = getattr(estimate, f"{side}_hand_pose")
    if given is None or np.ptp(given, axis=0).max() == 0:
        return None
    if estimate.flat_hand_mean is False:
        means = after.body.arrays.hand_means
        return None if means is None else given + means[SIDES.index(side)]
    return given.astype(np.float64)


def _follow(
    side: Side,
    evidence: HandEvidence,
    after: BodyTrack,
    given: Float[np.ndarray, "frames 15 3"] | None,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    bias_hz: float | None,
    *,
    turns_wrist: bool,
) -> _Followed | None:
    """One hand that follows its keypoints; None if they are not this hand's."""
    hand = sized_hand(Hand.of(after.body, side, after.betas, after.scale), evidence.targets)
    arm = Arm.of(after, side)
    start = hand_pose(arm.wrist, relaxed(hand, len(after)) if given is None else given, arm.place)
    evidence = of_this_hand(hand, start, evidence, arm)
    if not evidence.usable.any():
        return None
    followed = _bridged(evidence.usable, frame_ids, fps)
    rows = torch.as_tensor(np.flatnonzero(followed))
    targets = evidence.targets[rows]
    fit = fit_hand(hand, start[rows], targets)
    found = fit.pose
    if bias_hz is not None:
        found = moving_hand(
            *(start[rows], fit, frame_ids[followed], fps),
            is_image=targets.is_image,
            alone=given is None,
            bias_hz=bias_hz,
        )
    whole = start.rotations.double().numpy()
    whole[followed] = within_limits(hand, found.rotations.double().numpy())
    share = ease(followed.astype(float), frame_ids, fps, EASE_SECONDS)
    turned = after
    if turns_wrist and not targets.is_image:
        places = arm.place.copy()
        places[followed] = found.pelvis.double().numpy()
        turned = carried_wrist(after, side, places, share)
        arm = Arm.of(turned, side)
    if turns_wrist:
        turned = arm.turned(turned, whole[:, 0], share)
    fingers = _part_of_the_way(start.rotations[:, 1:].double().numpy(), whole[:, 1:], share)
    near = np.zeros((len(after), HAND_JOINTS, 3)) if given is None else given
    return _Followed(turned, nearest_rotvec(fingers, near), int(evidence.usable.sum()))


def _bridged(
    usable: Bool[np.ndarray, " frames"], frame_ids: Int[np.ndarray, " frames"], fps: float
) -> Bool[np.ndarray, " frames"]:
    """The usable frames, and short gaps between them."""
    bridged: np.ndarray = usable.copy()
    width = 1 + round(_BRIDGED_SECONDS * fps)
    for rows in segments(frame_ids):
        bridged[rows] |= binary_closing(np.pad(usable[rows], width), np.ones(width, bool))[width:-width]
    return bridged


def _part_of_the_way(
    start: Float[np.ndarray, "frames joints 3 3"],
    end: Float[np.ndarray, "frames joints 3 3"],
    share: Float[np.ndarray, " frames"],
) -> Float[np.ndarray, "frames joints 3 3"]:
    """Rotations a share of the way from a start to an end."""
    turn = rotmat_to_rotvec(end @ np.swapaxes(start, -1, -2)) * share[:, None, None]
    between: np.ndarray = rotvec_to_rotmat(turn) @ start
    return between


def _notes(
    estimate: Estimate, fingers: Mapping[Side, np.ndarray], counts: Mapping[Side, tuple[int, int]]
) -> tuple[Note, ...]:
    """In how many frames hands follow, and why others do not."""
    notes = []
    if fingers:
        parts = [f"the {side} hand in {counts[side][0]} of {len(estimate)} frames" for side in fingers]
        text = f"fingers follow the keypoints: {', '.join(parts)}"
        if estimate.format and not any(getattr(estimate, name) is not None for name in HANDS):
            text += "; the input's format has none: --output-format smplx-npz or amass writes them"
        notes.append(Note("hands-followed", text))
    if estimate.flat_hand_mean is False and not fingers and any(seen for _, seen in counts.values()):
        text = "hands do not follow their keypoints: they are relative to a mean hand that the body model lacks"
        notes.append(Note("hands-ignored", f"{text}; give your SMPL-X file as --body-model", "warning"))
        return tuple(notes)
    for side, (used, seen) in counts.items():
        if used < _MANY * seen:
            text = f"the {side} hand's keypoints are ignored in {seen - used} of {seen} frames"
            why = "their wrist is not where the body has it, or they are the other hand's"
            notes.append(Note("hands-ignored", f"{text}: {why}", "warning"))
    return tuple(notes)
