"""Guesses: keypoints that a detector puts somewhere because it must, for limbs that are not in the picture.

A guess is not an observation. Three things tell guesses: they are pressed against the image border or lie beyond it,
the points of both legs (or both arms) fold onto one line, or a bone becomes longer than it can be. The body in the
estimate's pose says what the image should show.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from scipy.ndimage import median_filter

from lsmplify_refine.engine.limbs import points_of
from lsmplify_refine.geometry.robust import robust_weight
from lsmplify_refine.geometry.smoothing import odd_window, segments

#: A keypoint this near to the border is pressed against it, metres on the body. It cannot be seen this far beyond it.
_PRESSED_M, _BEYOND_M = 0.06, 0.03
#: A pressed keypoint is a guess if the body is this far beyond the border, metres.
_BODY_BEYOND_M = 0.05
#: Confidence relative to the track's usual one: guesses lie below the first, observations above the second.
_GUESSED, _OBSERVED = 0.65, 0.9
#: Points lie on one line if they are this near to it (standard deviation, metres on the body)...
_LINE_M = 0.03
#: ... and contradict the body if the same points of the body are this far from a parallel line.
_BODY_OFF_LINE_M = 0.08
_MIN_LINE_POINTS = 3
#: Max length of a bone as a multiple of the body's: people's proportions differ. Beyond it, the scale of the kernel, m.
_MAX_STRETCH, _STRETCH_M = 1.35, 0.1
#: Min length of a bone in space as a multiple of the body's.
_MIN_STRETCH = 0.6
#: Guesses last: a frame is judged with its neighbours within this time.
_WINDOW_SECONDS = 0.3


def certainty(confidence: Real[np.ndarray, "*batch"], usual: float) -> Float[np.ndarray, "*batch"]:
    """How much a confidence speaks for an observation, 0 to 1, where `usual` is the track's."""
    share: np.ndarray = np.clip((confidence / usual - _GUESSED) / (_OBSERVED - _GUESSED), 0.0, 1.0)
    return share


def inside_border(
    inset_m: Float[np.ndarray, "frames points"],
    body_inset_m: Float[np.ndarray, "frames points"],
    certain: Float[np.ndarray, "frames points"],
) -> Float[np.ndarray, "frames points"]:
    """Trust in keypoints by their distance from the image border.

    A keypoint that is pressed against the border counts by its certainty, as a foot may truly be seen there. If the
    body is beyond the border at that point, it does not count.

    Args:
        inset_m: Distance of keypoints from the border, metres on the body; negative outside.
        body_inset_m: The same of the body's own points.
        certain: See `certainty`.
    """
    pressed = np.where(body_inset_m < -_BODY_BEYOND_M, 0.0, certain)
    return np.where(inset_m > _PRESSED_M, 1.0, np.where(inset_m < -_BEYOND_M, 0.0, pressed))


def off_line(
    positions: Float[np.ndarray, "frames points dimensions"],
    body: Float[np.ndarray, "frames points dimensions"],
    seen: Bool[np.ndarray, "frames points"],
    certain: Float[np.ndarray, "frames points"],
    convention: str,
) -> Float[np.ndarray, "frames points"]:
    """Trust in keypoints of limbs: low where both legs or both arms fold onto a line that the body contradicts.

    Args:
        positions: Keypoints, metres on the body (in the image plane, or in space).
        body: The body's own points in the estimate's pose, in the same coordinates.
        seen: Which keypoints count.
        certain: See `certainty`; certain keypoints stay trusted.
        convention: Of the keypoints.
    """
    trust = np.ones(seen.shape)
    for limb in ("legs", "arms"):
        members = points_of(convention, limb)
        if len(members) < _MIN_LINE_POINTS:
            continue
        weight = seen[:, members].astype(float)
        count = np.maximum(weight.sum(1), 1.0)
        found, expected = (_centred(each[:, members], weight) for each in (positions, body))
        across = np.linalg.svd(found, full_matrices=False)[2][:, -1]
        spread, body_spread = (
            np.sqrt(np.einsum("tkd,td->tk", each, across) ** 2 @ np.ones(len(members)) / count)
            for each in (found, expected)
        )
        folded = (spread < _LINE_M) & (body_spread > _BODY_OFF_LINE_M) & (weight.sum(1) >= _MIN_LINE_POINTS)
        mean_certainty = (certain[:, members] * weight).sum(1) / count
        trust[:, members] = np.where(folded, mean_certainty, 1.0)[:, None]
    return trust


def bone_lengths(
    positions: Float[np.ndarray, "frames points dimensions"],
    lengths_m: dict[tuple[int, int], Float[np.ndarray, " frames"]],
    seen: Bool[np.ndarray, "frames points"],
) -> Float[np.ndarray, "frames points"]:
    """Trust in the outer end of each bone: low where the bone is longer than it can be, or in space shorter.

    If the inner end is itself distrusted, the outer one is compared with the point before it.

    Args:
        positions: Keypoints, metres on the body (in the image plane, or in space).
        lengths_m: Length of each bone, from `limbs.bones`, in each frame.
        seen: Which keypoints count.
    """
    trust = np.ones(seen.shape)
    in_space = positions.shape[-1] == 3
    above: dict[int, int] = {}
    for (parent, child), length in lengths_m.items():
        above[child] = parent
        doubted = trust[:, parent] < 0.5
        grandparent = above.get(parent, parent)
        start = np.where(doubted[:, None], positions[:, grandparent], positions[:, parent])
        longest = np.where(doubted, length + lengths_m.get((grandparent, parent), length), length)
        known = np.where(doubted, seen[:, grandparent], seen[:, parent]) & seen[:, child]
        measured = np.linalg.norm(positions[:, child] - start, axis=-1)
        excess = np.maximum(measured - _MAX_STRETCH * longest, 0.0)
        if in_space:
            excess = np.maximum(excess, np.where(doubted, 0.0, _MIN_STRETCH * length - measured))
        trust[:, child] = np.where(known, robust_weight((excess / _STRETCH_M) ** 2), 1.0)
    return trust


def lasting(
    trust: Float[np.ndarray, "frames points"], frame_ids: Int[np.ndarray, " frames"], fps: float
) -> Float[np.ndarray, "frames points"]:
    """Trust judged with the neighbouring frames: the lower of each frame's own and the median around it."""
    window = odd_window(_WINDOW_SECONDS, fps)
    around = np.concatenate([median_filter(trust[rows], (window, 1), mode="nearest") for rows in segments(frame_ids)])
    lower: np.ndarray = np.minimum(trust, around)
    return lower


def _centred(
    points: Float[np.ndarray, "frames points dimensions"], weight: Real[np.ndarray, "frames points"]
) -> Float[np.ndarray, "frames points dimensions"]:
    """Points about their weighted mean; 0 where they have no weight."""
    total = np.maximum(weight.sum(1), 1.0)[:, None, None]
    mean = (points * weight[..., None]).sum(1, keepdims=True) / total
    centred: np.ndarray = (points - mean) * weight[..., None]
    return centred
