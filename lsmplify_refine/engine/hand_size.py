"""Hand size: the lengths of a hand's bones from its keypoints in space, as far as their noise lets them show."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from lsmplify_refine.body.hand import FINGERS, Hand
from lsmplify_refine.solver.problem import Targets
from lsmplify_refine.values.conventions import HAND_POINTS

#: How much bones of hands of one size differ in length, as a share.
_SPREAD = 0.15
#: How much hands of bodies of one size differ in size, as a share.
_SIZE_SPREAD = 0.12
#: Frames of a track are correlated: together they weigh as much as this many independent ones.
_WORTH = 10.0
#: How much of the noise's effect on a short bone may be left, as a share of the plain formula's.
_BIAS_LEFT = 1.5
#: From median absolute deviation to standard deviation.
_MAD = 1.48
#: Indices of each finger's points from the wrist to the tip, in the order of `FINGERS`.
_CHAINS = np.array(
    [[0, *(HAND_POINTS.index(f"{finger}{part}") for part in ("1", "2", "3", "_tip"))] for finger in FINGERS]
)


def sized_hand(hand: Hand, targets: Targets) -> Hand:
    """The hand with bones as long as the keypoints show; the given hand for keypoints in an image.

    Args:
        hand: What is expected.
        targets: The hand's observations.
    """
    if targets.is_image:
        return hand
    positions, weights = targets.positions.numpy(), targets.weights.numpy()
    ends = positions[:, _CHAINS].astype(np.float64)
    shown = np.minimum(weights[:, _CHAINS[:, 1:]], weights[:, _CHAINS[:, :-1]]) > 0
    lengths = np.where(shown, np.linalg.norm(np.diff(ends, axis=2), axis=-1), np.nan)
    expected = np.linalg.norm(hand.bones, axis=-1)
    counted = shown.sum(0) > 0
    if not counted.any():
        return hand
    with np.errstate(invalid="ignore"):
        median = np.where(counted, np.nanmedian(np.where(counted, lengths, 0.0), axis=0), expected)
        noise = _MAD * np.nanmedian(np.abs(np.where(counted, lengths, 0.0) - median), axis=0)
    # noise makes every bone longer: by sigma^2 / length
    measured = np.maximum(median - noise**2 / median, 0.5 * expected)
    doubt = np.where(counted, noise**2 / _WORTH + (_BIAS_LEFT * noise**2 / expected) ** 2, np.inf)
    size = _size(measured, expected, doubt)
    spread = (_SPREAD * size * expected) ** 2
    share = spread / (spread + doubt)
    return hand.with_lengths(size * expected + share * (measured - size * expected))


def _size(
    measured: Float[np.ndarray, "5 4"], expected: Float[np.ndarray, "5 4"], doubt: Float[np.ndarray, "5 4"]
) -> float:
    """The hand's size as a factor, from all bones and the expectation of 1."""
    weight = 1 / (doubt + (_SPREAD * expected) ** 2)
    held = 1 / _SIZE_SPREAD**2
    size = ((weight * measured * expected).sum() + held) / ((weight * expected**2).sum() + held)
    return float(torch.tensor(size).clamp(0.5, 2.0))
