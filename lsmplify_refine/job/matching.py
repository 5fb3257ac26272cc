"""Match detected tracks with people by distance.

These are functions of arrays; `job.people` applies them to estimates and files.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Floats: TypeAlias = npt.NDArray[np.floating]
Whole: TypeAlias = npt.NDArray[np.int64]

#: A person and an estimate belong together if their points are at most this share of their size apart.
_MAX_MATCH_DISTANCE = 0.5
#: In one frame they do not belong together if they are this many times as far apart as usual, and by more than this
#: share of the person's size.
_UNUSUAL_RATIO, _MIN_UNUSUAL_DISTANCE = 4.0, 0.15


def distances(points: Floats, confidence: Floats, expected: Floats) -> Floats:
    """Distance of keypoints from where a person is expected, frame by frame.

    Args:
        points: (T, K, D).
        confidence: (T, K), 0 where missing.
        expected: (T, K, D) the person's own points in the same coordinates; NaN if unknown.

    Returns:
        (T,) weighted mean distance as a share of the expected person's size, infinite if nothing can be compared.
    """
    apart = np.linalg.norm(points - expected, axis=-1)
    weight = np.where(np.isfinite(apart), confidence, 0.0)
    total = weight.sum(axis=1)
    size = np.linalg.norm(np.ptp(expected, axis=1), axis=-1)
    mean = (np.nan_to_num(apart) * weight).sum(axis=1) / np.maximum(total, 1e-9)
    return np.where((total > 0) & np.isfinite(size), mean / np.maximum(np.nan_to_num(size), 1e-6), np.inf)


def box_distances(points: Floats, confidence: Floats, boxes: Floats) -> Floats:
    """The same (T,) by the overlap of the points' box with boxes (T, 4) x1, y1, x2, y2; infinite without overlap."""
    seen = ((confidence > 0) & np.isfinite(points).all(axis=-1))[..., None]
    low = np.where(seen, points, np.inf).min(axis=1)
    high = np.where(seen, points, -np.inf).max(axis=1)
    shared = _area(np.maximum(low, boxes[:, :2]), np.minimum(high, boxes[:, 2:]))
    union = _area(low, high) + _area(boxes[:, :2], boxes[:, 2:]) - shared
    # boxes that barely touch get the maximum distance of a match
    return np.where(shared > 0, _MAX_MATCH_DISTANCE * (1 - shared / np.maximum(union, 1e-9)), np.inf)


def _area(low: Floats, high: Floats) -> Floats:
    """Areas (T,) of boxes between corners (T, 2); 0 for an inverted or unknown box."""
    areas: Floats = np.nan_to_num(np.clip(high - low, 0.0, None)).prod(axis=-1)
    return areas


def assign_tracks(costs: Floats, tracks: Whole, frames: int) -> list[int | None]:
    """Assign whole tracks to people, each track at most once.

    Args:
        costs: (P, N) distances of people to detections, infinite if there is nothing to compare.
        tracks: (N,) the track of each detection; it has at most one in a frame.
        frames: Number of frames.

    Returns:
        For each person the track, None if none is near enough.
    """
    names, index = np.unique(tracks, return_inverse=True)
    # a frame without keypoints counts like a distant one, so the longer of two tracks that fit wins
    gains = np.stack([np.bincount(index, np.minimum(row, _MAX_MATCH_DISTANCE) - _MAX_MATCH_DISTANCE) for row in costs])
    found: list[int | None] = [None] * len(costs)
    for person, column in zip(*linear_sum_assignment(gains / frames)):
        seen = costs[person, index == column]
        seen = seen[np.isfinite(seen)]
        if len(seen) and np.median(seen) < _MAX_MATCH_DISTANCE:
            found[person] = int(names[column])
    return found


def assign_frames(costs: Floats, at: Whole, frames: int) -> Whole:
    """Assign detections to people frame by frame, so that a detector's identity switches do not matter.

    Args:
        costs: (P, N) as for `assign_tracks`.
        at: (N,) the frame of each detection, from 0.
        frames: Number of frames.

    Returns:
        (P, T) indices of detections, -1 if no detection is near enough.
    """
    found = np.full((len(costs), frames), -1)
    chosen = np.full((len(costs), frames), np.inf)
    order = np.argsort(at, kind="stable")
    starts = np.searchsorted(at[order], np.arange(frames + 1))
    for frame in range(frames):
        here = order[starts[frame] : starts[frame + 1]]
        here = here[np.isfinite(costs[:, here]).any(axis=0)]
        for person, column in zip(*linear_sum_assignment(np.minimum(costs[:, here], 2 * _MAX_MATCH_DISTANCE))):
            found[person, frame] = here[column]
            chosen[person, frame] = costs[person, here[column]]
    for person in range(len(costs)):
        near = chosen[person] < _MAX_MATCH_DISTANCE
        # a detection within half a body, but much farther away than this person's usual one, is another person
        usual = np.median(chosen[person][near]) if near.any() else 0.0
        found[person, ~(near & (chosen[person] < max(_UNUSUAL_RATIO * usual, _MIN_UNUSUAL_DISTANCE)))] = -1
    return found
