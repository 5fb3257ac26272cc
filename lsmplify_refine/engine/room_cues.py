"""What the bodies in a room of 3D keypoints tell of it: their size, which way they stand, where their front is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lsmplify_refine.body import BodyModel
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints

#: Min length of the limbs that are measured, metres: noise lengthens shorter ones.
_MIN_LIMB_M = 0.12
#: Keypoints below this confidence are not looked at.
_MIN_CONFIDENCE = 0.05
#: Limbs whose lengths over the mean body's are within this factor of their median have a body's proportions.
_PROPORTIONS = 1.6
#: Pairs of points of which the first lies before the second in most poses of a person, beside knees and elbows.
_BEFORE = (
    ("nose", "neck"),
    ("nose", "left_ear"),
    ("nose", "right_ear"),
    ("jaw", "neck"),
    ("head", "neck"),
    *(
        (f"{side}_{front}", f"{side}_ankle")
        for side in ("left", "right")
        for front in ("big_toe", "foot", "toe_base", "small_toe")
    ),
    *((f"{side}_big_toe", f"{side}_heel") for side in ("left", "right")),
)

_Points = Mapping[str, Float[np.ndarray, "frames 3"]]


@dataclass(frozen=True)
class Sizes:
    """Lengths of limbs over those of the mean body in metres.

    Attributes:
        median: Of the limbs' own medians over the frames.
        alike: Share of the limbs that are within a factor of 1.6 of it.
        limbs: Number of limbs seen.
    """

    median: float
    alike: float
    limbs: int


def sizes(keypoints: Keypoints, body: BodyModel) -> Sizes:
    """How long the limbs are; `limbs` is 0 if none has both ends."""
    points = keypoints.body
    convention = CONVENTIONS[points.convention]
    at_rest = np.tile(np.eye(3), (1, body.joint_count, 1, 1))
    rest = body.keypoints(points.convention, at_rest, np.zeros((1, 3)), np.zeros(body.num_betas))[0]
    ends = [
        (a, b) for a, b in convention.edges if not {convention.points[a], convention.points[b]} & convention.unfollowed
    ]
    positions = _seen(points)
    ratios = []
    for a, b in ends:
        length = float(np.linalg.norm(rest[a] - rest[b]))
        measured = np.linalg.norm(positions[:, a] - positions[:, b], axis=-1)
        if length > _MIN_LIMB_M and np.isfinite(measured).any():
            ratios.append(float(np.nanmedian(measured)) / length)
    if not ratios:
        return Sizes(0.0, 0.0, 0)
    median = float(np.median(ratios))
    share = np.array(ratios) / max(median, 1e-12)
    alike = float(np.mean((share > 1 / _PROPORTIONS) & (share < _PROPORTIONS)))
    return Sizes(median, alike, len(ratios))


def upward(keypoints: Keypoints) -> Float[np.ndarray, "seen 3"]:
    """Unit vectors from the ankles (or the hips) to the shoulders, one for each frame that shows them."""
    points = _by_name(keypoints)
    top, hips, ankles = (_middle(points, part) for part in ("shoulder", "hip", "ankle"))
    along = np.where(np.isfinite(ankles), top - ankles, top - hips)
    return _units(along[np.isfinite(along).all(axis=-1)])


def facing(keypoints: Keypoints) -> float:
    """How surely the person's front is where left and right say it is: from 1 to -1, the mirror image.

    Left and right of hips and shoulders, with the trunk, say where the front is. Toes, nose, and bent knees and elbows
    say it on their own: toes and nose point forwards, knees bend forwards, elbows backwards. 0 says nothing.
    """
    points = _by_name(keypoints)
    left, right = (_sides(points, side) for side in ("left", "right"))
    trunk = _units(_middle(points, "shoulder") - _middle(points, "hip"))
    front = _units(np.cross(left - right, trunk))
    cues = [points[a] - points[b] for a, b in _BEFORE if a in points and b in points]
    for side in ("left", "right"):
        hip, knee, ankle = (points.get(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        if hip is not None and knee is not None and ankle is not None:
            cues.append(_off_line(knee, hip, ankle))
        shoulder, elbow, wrist = (points.get(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
        if shoulder is not None and elbow is not None and wrist is not None:
            cues.append(-_off_line(elbow, shoulder, wrist))
    if not cues:
        return 0.0
    all_cues = np.stack(cues)
    forwards = np.einsum("ctd,td->ct", all_cues, front)
    lengths = np.linalg.norm(all_cues, axis=-1)
    known = np.isfinite(forwards) & np.isfinite(lengths)
    return float(forwards[known].sum() / max(float(lengths[known].sum()), 1e-12)) if known.any() else 0.0


def _seen(keypoints: Keypoints) -> Float[np.ndarray, "frames points 3"]:
    """Positions, NaN where missing."""
    there = (keypoints.confidence >= _MIN_CONFIDENCE) & np.isfinite(keypoints.positions).all(axis=-1)
    return np.where(there[..., None], keypoints.positions.astype(np.float64), np.nan)


def _by_name(keypoints: Keypoints) -> _Points:
    body = keypoints.body
    positions = _seen(body)
    return {name: positions[:, index] for index, name in enumerate(CONVENTIONS[body.convention].points)}


def _middle(points: _Points, part: str) -> Float[np.ndarray, "frames 3"]:
    middle: np.ndarray = (points[f"left_{part}"] + points[f"right_{part}"]) / 2
    return middle


def _sides(points: _Points, side: str) -> Float[np.ndarray, "frames 3"]:
    """Sum of the hip and the shoulder of a side."""
    both: np.ndarray = points[f"{side}_hip"] + points[f"{side}_shoulder"]
    return both


def _units(vectors: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    scaled: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return scaled


def _off_line(
    point: Float[np.ndarray, "frames 3"], start: Float[np.ndarray, "frames 3"], end: Float[np.ndarray, "frames 3"]
) -> Float[np.ndarray, "frames 3"]:
    """From the line through start and end to the point."""
    line = _units(end - start)
    off = point - start
    away: np.ndarray = off - (off * line).sum(axis=-1, keepdims=True) * line
    return away
