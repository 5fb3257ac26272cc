"""Swapped sides: find where a detector took left for right, and swap its keypoints back.

Detectors swap the sides of the whole body, of the arms or of the legs, for some frames or for a whole file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from lsmplify_refine.engine.limbs import points_of
from lsmplify_refine.engine.swap_search import PARTS, PATTERNS, SWAPS, find_swaps
from lsmplify_refine.geometry.rigid import fit_rigid
from lsmplify_refine.geometry.smoothing import segments
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note

#: All 3D keypoints are swapped if they fit this much better so, and if the error as given matters, metres.
_SWAPPED_SHARE, _MIN_ERROR_M = 0.7, 0.03
#: Max number of frame ranges in a note.
_MAX_RANGES = 5


@dataclass(frozen=True)
class Repaired:
    """Keypoints with their sides swapped back.

    Attributes:
        keypoints: The keypoints.
        swapped: Which points of which frames were swapped.
        notes: A warning for each kind of swap, with its frames.
    """

    keypoints: Keypoints
    swapped: Bool[np.ndarray, "frames points"]
    notes: tuple[Note, ...] = ()


def swap_back(
    keypoints: Keypoints,
    positions: Float[np.ndarray, "frames points dimensions"],
    body: Float[np.ndarray, "frames points dimensions"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> Repaired:
    """Swap left and right back wherever the keypoints have them swapped.

    Args:
        keypoints: The keypoints; missing ones have confidence 0.
        positions: The same in metres on the body: in the image plane, or in space.
        body: The body's own points in the estimate's pose, in the same coordinates.
        frame_ids: Video frame of each row.
        fps: Frames per second.
    """
    convention = keypoints.convention
    patterns = find_swaps(positions, body, keypoints.confidence, convention, frame_ids, fps)
    swapped = np.zeros(keypoints.confidence.shape, bool)
    for index, part in enumerate(PARTS):
        swapped[:, points_of(convention, part)] = SWAPS[patterns, index][:, None]
    if not swapped.any():
        return Repaired(keypoints, swapped)
    notes = tuple(
        _note(PATTERNS[pattern][0], frame_ids, patterns == pattern) for pattern in np.unique(patterns[patterns > 0])
    )
    return Repaired(exchanged(keypoints, swapped), swapped, notes)


def all_swapped_back(
    keypoints: Keypoints,
    body: Float[np.ndarray, "frames points 3"],
    weights: Real[np.ndarray, "frames points"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> Repaired:
    """Swap the sides of 3D keypoints of any frame and unit back if the whole file has them swapped.

    Symmetric poses do not tell a swap from a mirrored axis; nothing is swapped then.

    Args:
        keypoints: The keypoints.
        body: The body's own points in the estimate's pose, metres.
        weights: 0 where missing.
        frame_ids: Video frame of each row.
        fps: Frames per second.
    """
    everything = exchanged(keypoints, np.ones(weights.shape, bool))
    mirrored = keypoints.positions * np.array([-1.0, 1.0, 1.0])
    both = np.minimum(weights, weights[:, list(CONVENTIONS[keypoints.convention].mirror)]).astype(np.float64)
    found = []
    for positions in (keypoints.positions, everything.positions, mirrored):
        source = positions.astype(np.float64)
        fit = fit_rigid(source, body, both, frame_ids=frame_ids, fps=fps, per="frame", scaled=True)
        if fit is None:
            return Repaired(keypoints, np.zeros(weights.shape, bool))
        found.append(fit.residual(source, body, both))
    given, swapped, other = found
    if given < _MIN_ERROR_M or max(swapped / given, swapped / other) > _SWAPPED_SHARE:
        return Repaired(keypoints, np.zeros(weights.shape, bool))
    every = np.ones(len(weights), bool)
    return Repaired(everything, np.ones(weights.shape, bool), (_note("body", frame_ids, every),))


def exchanged(keypoints: Keypoints, where: Bool[np.ndarray, "*frames points"]) -> Keypoints:
    """The keypoints with some points in the place of their left-right partners."""
    mirror = list(CONVENTIONS[keypoints.convention].mirror)
    return replace(
        keypoints,
        positions=np.where(where[..., None], keypoints.positions[:, mirror], keypoints.positions),
        confidence=np.where(where, keypoints.confidence[:, mirror], keypoints.confidence),
    )


def _note(what: str, frame_ids: Int[np.ndarray, " frames"], swapped: Bool[np.ndarray, " frames"]) -> Note:
    rows = np.flatnonzero(swapped)
    runs = [frame_ids[rows[run]] for run in segments(rows)]
    ranges = [f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    more = f" and {len(ranges) - _MAX_RANGES} more" if len(ranges) > _MAX_RANGES else ""
    text = f"left and right of the {what} were swapped in {len(rows)} of {len(frame_ids)} frames"
    return Note("sides-swapped", f"{text} ({', '.join(ranges[:_MAX_RANGES])}{more}); swapped back", "warning")
