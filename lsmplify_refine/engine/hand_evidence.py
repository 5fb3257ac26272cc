"""Hand evidence: a hand's keypoints as observations, in the frames in which they can belong to that hand.

A hand detector looks at a box around a wrist. It may look at the other hand, at another person's, or at nothing. So a
frame counts only if enough points are confident, and if their wrist lies where the body has this wrist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Real

from lsmplify_refine.body.hand import FINGERS, Hand
from lsmplify_refine.engine.hand_arm import Arm
from lsmplify_refine.engine.hand_fit import fit_errors, fit_hand, hand_pose, relaxed
from lsmplify_refine.engine.hand_limits import within_limits
from lsmplify_refine.geometry.projection import pixels_to_rays
from lsmplify_refine.solver.problem import Pose, Targets

#: Points below this confidence count as missing, as for the body.
_MIN_CONFIDENCE = 0.05
#: A hand's frame counts with at least this mean confidence of its 21 points.
_MIN_MEAN_CONFIDENCE = 0.25
#: A hand's wrist is at most this far from the body's, metres; a hand is 0.2 m long.
_MAX_APART_M = 0.12
#: Points farther than this from the fitted hand (root mean square, metres) belong to another hand.
_MAX_ERROR_M = 0.04
#: A hand bends against its forearm by less than this, radians.
_MAX_BEND_RAD = 1.9
#: Points in space that the other hand's mirror image fits this many times better are the other hand's ...
_MIRRORED = 0.6
#: ... unless this hand fits them as well as this, metres.
_FITS_M = 0.004
#: Handedness and garbage are judged on at most this many frames of a track together.
_JUDGED = 60


@dataclass(frozen=True)
class HandEvidence:
    """A hand's observations.

    Attributes:
        targets: All 21 points; weight 0 where missing, and in frames that do not count.
        usable: Frames that count.
        seen: Frames with enough confident points, wherever they are.
    """

    targets: Targets
    usable: Bool[np.ndarray, " frames"]
    seen: Bool[np.ndarray, " frames"]

    def without(self, rows: Bool[np.ndarray, " frames"]) -> HandEvidence:
        """The evidence without some frames."""
        usable = self.usable & ~rows
        weights = self.targets.weights * torch.as_tensor(usable)[:, None]
        return HandEvidence(Targets(self.targets.positions, weights), usable, self.seen)


def hand_evidence(
    positions: Float[np.ndarray, "frames 21 dimensions"],
    confidence: Real[np.ndarray, "frames 21"],
    own_wrist: Float[np.ndarray, "frames 3"],
    other_wrist: Float[np.ndarray, "frames 3"],
    K: Float[np.ndarray, "frames 3 3"] | None,
) -> HandEvidence:
    """The observations of a hand.

    Args:
        positions: In metres and the frame of the body, or in pixels.
        confidence: In [0, 1].
        own_wrist: Where the body has the wrist of this hand, metres.
        other_wrist: The wrist of the other hand.
        K: Intrinsics for pixels.
    """
    found = (confidence >= _MIN_CONFIDENCE) & np.isfinite(positions).all(-1)
    weights = np.where(found, confidence, 0.0)
    points = np.nan_to_num(positions.astype(np.float64))
    if positions.shape[-1] == 2:
        assert K is not None  # pixels come with a camera
        points = pixels_to_rays(points, K)
    seen = weights.mean(1) >= _MIN_MEAN_CONFIDENCE
    own, other = (_apart(points[:, 0], wrist) for wrist in (own_wrist, other_wrist))
    usable = seen & found[:, 0] & (own < _MAX_APART_M) & (own <= other)
    targets = Targets(torch.as_tensor(points).float(), torch.as_tensor(weights * usable[:, None]).float())
    return HandEvidence(targets, usable, seen)


def _apart(
    seen: Float[np.ndarray, "frames dimensions"], wrist: Float[np.ndarray, "frames 3"]
) -> Float[np.ndarray, " frames"]:
    """Distance of an observed wrist from the body's, metres; across the view for rays."""
    if seen.shape[-1] == 3:
        distance: np.ndarray = np.linalg.norm(seen - wrist, axis=-1)
        return distance
    depth = wrist[:, 2:]
    across: np.ndarray = np.linalg.norm(seen - wrist[:, :2] / depth, axis=-1) * depth[:, 0]
    return across


def of_this_hand(hand: Hand, start: Pose, evidence: HandEvidence, arm: Arm) -> HandEvidence:
    """The evidence without frames whose points cannot belong to this hand.

    Args:
        hand: The hand in its size.
        start: Where its fit starts, in every frame.
        evidence: Its observations.
        arm: The hand's arm.
    """
    usable = evidence.usable
    rows = torch.as_tensor(np.flatnonzero(usable))
    targets = evidence.targets[rows]
    if not targets.is_image and _is_mirrored(hand, start, evidence):
        return evidence.without(usable)
    fit = fit_hand(hand, start[rows], targets)
    along = hand.joints[3 * FINGERS.index("middle")]
    bend = arm[usable].bend(fit.pose.rotations[:, 0].double().numpy(), along)
    wrong = np.zeros(len(usable), dtype=bool)
    wrong[usable] = (fit.error_m > _MAX_ERROR_M) | (bend > _MAX_BEND_RAD)
    return evidence.without(wrong)


def _is_mirrored(hand: Hand, start: Pose, evidence: HandEvidence) -> bool:
    """Whether points in space are those of the other hand: a left hand cannot be turned into a right one."""
    usable = np.flatnonzero(evidence.usable)
    rows = torch.as_tensor(usable[np.unique(np.linspace(0, len(usable) - 1, _JUDGED).astype(int))])
    targets = evidence.targets[rows]
    other = hand.mirrored()
    turned = start.rotations[rows, :1].double().numpy()
    errors = []
    for each in (hand, other):
        begin = hand_pose(turned[:, 0], relaxed(each, len(rows)), start.pelvis[rows].double().numpy())
        fit = fit_hand(each, begin, targets).pose
        # a hand bent backwards looks like the other one
        possible = torch.as_tensor(within_limits(each, fit.rotations.double().numpy())).float()
        errors.append(float(np.median(fit_errors(each.skeleton(), Pose(possible, fit.pelvis), targets))))
    return errors[0] > _FITS_M and errors[1] < _MIRRORED * errors[0]
