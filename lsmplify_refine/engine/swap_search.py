"""Swap search: in which frames a detector took left for right, the most probable course of swaps (Viterbi).

Two things tell. The body in the estimate's pose is nearer to the swapped points. And when a swap begins or ends, both
points of a pair jump to each other's place. An estimate that confuses the legs does not make the keypoints jump, so it
does not swap them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from lsmplify_refine.engine.limbs import Part, points_of
from lsmplify_refine.geometry.rigid import fit_rigid
from lsmplify_refine.geometry.robust import robust_square
from lsmplify_refine.geometry.smoothing import segments
from lsmplify_refine.values.conventions import CONVENTIONS

#: The parts of the body that detectors swap.
PARTS: tuple[Part, ...] = ("head", "shoulders", "arms", "hips", "legs")
#: What detectors swap together, by name; the first pattern is nothing.
PATTERNS: tuple[tuple[str, tuple[Part, ...]], ...] = (
    ("nothing", ()),
    ("body", PARTS),
    ("body below the head", ("shoulders", "arms", "hips", "legs")),
    ("arms", ("arms",)),
    ("shoulders and arms", ("shoulders", "arms")),
    ("legs", ("legs",)),
    ("hips and legs", ("hips", "legs")),
    ("arms and legs", ("arms", "legs")),
)
#: The patterns that turn the body as a whole.
_WHOLE = (1, 2)
#: Whether each pattern swaps each part.
SWAPS = np.array([[part in parts for part in PARTS] for _, parts in PATTERNS])
#: Distance of a keypoint from the estimate's body (standard deviation, metres), and where it saturates.
_ESTIMATE_M, _ESTIMATE_MAX_M = 0.12, 0.3
#: An estimate errs for this long in the same way, seconds: its frames are not independent witnesses.
_ESTIMATE_SECONDS = 0.15
#: Keypoint noise, metres, and usual acceleration of limbs, m/s^2: the second difference of a point that is not swapped.
_NOISE_M, _ACCELERATION = 0.04, 5.0
#: Where that second difference saturates, in standard deviations.
_MAX_JUMP = 3.0
#: Costs (negative log probabilities) of a swap's beginning or end, and of each second of it.
_CHANGE_COST, _SWAPPED_COST_PER_S = 6.0, 0.5


def find_swaps(
    positions: Float[np.ndarray, "frames points dimensions"],
    body: Float[np.ndarray, "frames points dimensions"],
    confidence: Real[np.ndarray, "frames points"],
    convention: str,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> Int[np.ndarray, " frames"]:
    """The index of the pattern that is swapped in each frame, 0 for none.

    Args:
        positions: Keypoints, on the scale of the body.
        body: The estimate's own keypoints there.
        confidence: Of the keypoints.
        convention: Their convention.
        frame_ids: Video frame of each row.
        fps: Frames per second.
    """
    mirror = list(CONVENTIONS[convention].mirror)
    weight = np.where(confidence > 0, np.minimum(confidence, confidence[:, mirror]), 0.0).astype(np.float64)
    weight[:, np.array(mirror) == np.arange(len(mirror))] = 0.0
    members = [points_of(convention, part) for part in PARTS]

    def by_part(costs: Float[np.ndarray, "*rows points"]) -> Float[np.ndarray, "*rows parts"]:
        return np.stack([2 * _mean(costs[..., points]) for points in members], -1)

    given, whole = _gains(positions, body, weight, mirror, frame_ids, fps)
    patterns = by_part(given) @ SWAPS.T
    patterns[:, list(_WHOLE)] = by_part(whole) @ SWAPS[list(_WHOLE)].T
    jumps = by_part(_jump_costs(positions, weight > 0, mirror, fps))
    found = np.zeros(len(positions), np.int64)
    for rows in segments(frame_ids):
        if (patterns[rows] < 0).any():
            found[rows] = _most_probable(patterns[rows] / (fps * _ESTIMATE_SECONDS), jumps[rows], fps)
    return found


def _gains(
    positions: Float[np.ndarray, "frames points dimensions"],
    body: Float[np.ndarray, "frames points dimensions"],
    weight: Float[np.ndarray, "frames points"],
    mirror: list[int],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> tuple[Float[np.ndarray, "frames points"], Float[np.ndarray, "frames points"]]:
    """Each point's cost if it is swapped, less its cost as given (negative: it is swapped); also if all are swapped.

    In space, an estimate that faces another way is not mistaken for a swap: it is first turned onto the keypoints.
    """
    onto_given = onto_swapped = body
    swapped = positions[:, mirror]
    if positions.shape[-1] == 3:
        onto_given, onto_swapped = (_turned(body, each, weight, frame_ids, fps) for each in (positions, swapped))
    as_given = _costs(positions, onto_given, weight)
    return _costs(swapped, onto_given, weight) - as_given, _costs(swapped, onto_swapped, weight) - as_given


def _turned(
    body: Float[np.ndarray, "frames points 3"],
    positions: Float[np.ndarray, "frames points 3"],
    weight: Float[np.ndarray, "frames points"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> Float[np.ndarray, "frames points 3"]:
    """The body, turned as a whole onto keypoints in each frame."""
    fit = fit_rigid(body, positions, weight, frame_ids=frame_ids, fps=fps, per="frame")
    return body if fit is None else fit(body)


def _costs(
    positions: Float[np.ndarray, "frames points dimensions"],
    body: Float[np.ndarray, "frames points dimensions"],
    weight: Float[np.ndarray, "frames points"],
) -> Float[np.ndarray, "frames points"]:
    """How far each point is from the body, as a cost times its weight.

    Both are centred, which no swap changes, so that an estimate in the wrong place swaps nothing.
    """
    total = np.maximum(weight.sum(1), 1e-9)[:, None, None]
    found, expected = (x - (x * weight[..., None]).sum(1, keepdims=True) / total for x in (positions, body))
    cost: np.ndarray = robust_square(((found - expected) ** 2).sum(-1), _ESTIMATE_MAX_M) / _ESTIMATE_M**2 * weight
    return cost


def _jump_costs(
    positions: Float[np.ndarray, "frames points dimensions"],
    seen: Bool[np.ndarray, "frames points"],
    mirror: list[int],
    fps: float,
) -> Float[np.ndarray, "frames 2 2 points"]:
    """Cost of each point's second difference, if the sides change or not before the last frame and before this one.

    0 in the first two frames and where a point is missing in one of the three.
    """
    sigma = np.hypot(_NOISE_M, _ACCELERATION / fps**2)
    other = positions[:, mirror]
    costs = np.zeros((len(positions), 2, 2, positions.shape[1]))
    if len(positions) < 3:
        return costs
    usable = seen[2:] & seen[1:-1] & seen[:-2]
    middle = positions[1:-1]
    for before in (0, 1):
        for now in (0, 1):
            first, last = (other if before else positions)[:-2], (other if now else positions)[2:]
            squared = ((first - 2 * middle + last) ** 2).sum(-1) / sigma**2
            costs[2:, before, now] = np.where(usable, robust_square(squared, _MAX_JUMP), 0.0)
    return costs


def _most_probable(
    patterns: Float[np.ndarray, "frames patterns"], jumps: Float[np.ndarray, "frames 2 2 parts"], fps: float
) -> Int[np.ndarray, " frames"]:
    """The cheapest course of patterns (Viterbi, second order: a state is the pattern of a frame and of the last one).

    Args:
        patterns: Cost of each pattern in each frame.
        jumps: Cost of each part's motion, as `_jump_costs`.
        fps: Frames per second.
    """
    count = len(PATTERNS)
    own = patterns + np.where(np.arange(count) > 0, _SWAPPED_COST_PER_S / fps, 0.0)
    differ = (SWAPS[:, None] != SWAPS[None]).astype(int)
    change = _CHANGE_COST * (1 - np.eye(count))
    first = own[0] + change[0]
    if len(own) == 1:
        return np.array([int(first.argmin())])
    # rows: the last frame's pattern, columns: this one's
    table = first[:, None] + change + own[1]
    back = np.zeros((len(own), count, count), np.int64)
    parts = np.arange(len(PARTS))
    for frame in range(2, len(own)):
        jump = jumps[frame][differ[:, :, None], differ[None], parts].sum(-1)
        through = table[:, :, None] + jump
        back[frame] = through.argmin(0)
        table = through.min(0) + change + own[frame]
    found = np.zeros(len(own), np.int64)
    found[-2:] = np.unravel_index(table.argmin(), table.shape)
    for frame in range(len(own) - 1, 1, -1):
        found[frame - 2] = back[frame, found[frame - 1], found[frame]]
    return found


def _mean(costs: Float[np.ndarray, "*rows points"]) -> Float[np.ndarray, "*rows"]:
    """Means over the points; 0 without any."""
    mean: np.ndarray = costs.sum(-1) / max(costs.shape[-1], 1)
    return mean
