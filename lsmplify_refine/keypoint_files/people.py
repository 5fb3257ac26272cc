"""People in keypoints: linked from frame to frame, matched to estimates, left told from right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

#: A person moves at most this share of their size from frame to frame, and is forgotten after so many frames.
_REACH, _MEMORY_FRAMES = 0.4, 30
#: A person seen fewer times than this is so much farther away: one who was found twice goes on as the old one.
_YOUNG, _YOUNG_APART = 10, 0.2
#: Sides are swapped where the swapped points lie this much nearer to the estimate, and it matters: by this share of
#: the body's size.
_SWAPPED_SHARE, _SWAPPED_LEAST = 0.6, 0.05
#: A person and an estimate belong together when their points are at most this share of their size apart.
_MATCH_REACH = 0.5
#: In a frame they belong together unless they are this many times as far apart as usual, and more than this share.
_UNUSUAL, _NEVER_UNUSUAL = 4.0, 0.15


class _Seen(Protocol):
    @property
    def frame(self) -> int: ...
    @property
    def points(self) -> np.ndarray: ...
    @property
    def confidence(self) -> np.ndarray: ...


def link(detections: Sequence[_Seen]) -> list[str]:
    """Names ("0", "1", ...) for detections in ascending frames: the nearest person of the frames before.

    Formats without ids list people in any order, which changes from frame to frame.
    """
    frames = [each.frame for each in detections]
    if len(set(frames)) == len(frames):
        return ["0"] * len(frames)  # never two at once: one person, however long the gaps
    names: list[str] = [""] * len(detections)
    last: list[_Seen] = []
    times: list[int] = []
    for frame in dict.fromkeys(frames):
        here = [index for index, each in enumerate(detections) if each.frame == frame]
        alive = [index for index, each in enumerate(last) if frame - each.frame <= _MEMORY_FRAMES]
        taken: dict[int, int] = {}
        if alive:
            cost = np.array([[_apart(detections[i], last[j]) for j in alive] for i in here])
            young = np.array([_YOUNG_APART * (times[j] < _YOUNG) for j in alive])
            for row, column in zip(*linear_sum_assignment(np.minimum(cost + young, 1e3))):
                if cost[row, column] < _REACH * (1 + 0.2 * (frame - last[alive[column]].frame - 1)):
                    taken[here[row]] = alive[column]
        for index in here:
            person = taken.get(index, len(last))
            if person == len(last):
                last.append(detections[index])
                times.append(0)
            last[person] = detections[index]
            times[person] += 1
            names[index] = str(person)
    return names


def _apart(one: _Seen, other: _Seen) -> float:
    """Mean distance of the points that both have, as a share of the person's size."""
    both = _usable(one) & _usable(other)
    if not both.any():
        return np.inf
    return float(np.linalg.norm(one.points - other.points, axis=-1)[both].mean() / _size(other.points[_usable(other)]))


def _usable(seen: _Seen) -> np.ndarray:
    usable: np.ndarray = (seen.confidence > 0) & np.isfinite(seen.points).all(axis=-1)
    return usable


def _size(points: np.ndarray) -> float:
    """Diagonal of the points' box."""
    return max(float(np.linalg.norm(points.max(axis=0) - points.min(axis=0))), 1e-6)


def distances(points: np.ndarray, confidence: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How far keypoints are from where a person is expected, frame by frame.

    Args:
        points: (T, K, D).
        confidence: (T, K), 0 where missing.
        expected: (T, K, D) the person's own points in the same place (the image, or one world); NaN where unknown.

    Returns:
        (T,) weighted mean distance as a share of the expected person's size, infinite where nothing can be compared.
    """
    apart = np.linalg.norm(points - expected, axis=-1)
    weight = np.where(np.isfinite(apart), confidence, 0.0)
    total = weight.sum(axis=1)
    size = np.linalg.norm(np.ptp(expected, axis=1), axis=-1)
    mean = (np.nan_to_num(apart) * weight).sum(axis=1) / np.maximum(total, 1e-9)
    return np.where((total > 0) & np.isfinite(size), mean / np.maximum(np.nan_to_num(size), 1e-6), np.inf)


def box_distances(points: np.ndarray, confidence: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The same by the overlap of the points' box with boxes (T, 4) of corners x1, y1, x2, y2; infinite without any."""
    seen = ((confidence > 0) & np.isfinite(points).all(axis=-1))[..., None]
    low = np.where(seen, points, np.inf).min(axis=1)
    high = np.where(seen, points, -np.inf).max(axis=1)
    shared = _area(np.maximum(low, boxes[:, :2]), np.minimum(high, boxes[:, 2:]))
    union = _area(low, high) + _area(boxes[:, :2], boxes[:, 2:]) - shared
    # scaled so that boxes which hardly touch are as far apart as may be
    return np.where(shared > 0, _MATCH_REACH * (1 - shared / np.maximum(union, 1e-9)), np.inf)


def _area(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Of boxes between corners (T, 2); 0 where one is turned inside out or unknown."""
    area: np.ndarray = np.nan_to_num(np.clip(high - low, 0.0, None)).prod(axis=-1)
    return area


def assign_tracks(costs: np.ndarray) -> list[int | None]:
    """Which detected track each person is, over all frames; nobody twice.

    Args:
        costs: (P, D, T) distances of people to tracks, infinite where there is nothing to compare.

    Returns:
        For each person the index of the track, None where none is near enough.
    """
    found: list[int | None] = [None] * len(costs)
    # a frame without keypoints counts like one far off: of two tracks that fit, the longer one
    total = np.minimum(costs, _MATCH_REACH).mean(axis=2)
    for person, track in zip(*linear_sum_assignment(total)):
        seen = costs[person, track][np.isfinite(costs[person, track])]
        if len(seen) and np.median(seen) < _MATCH_REACH:
            found[person] = int(track)
    return found


def assign_frames(costs: np.ndarray) -> np.ndarray:
    """Which track's detection each person is in each frame: identities that a detector mixed up do not matter.

    Args:
        costs: As for `assign_tracks`.

    Returns:
        (P, T) indices of tracks, -1 where no detection is near enough.
    """
    people, _, frames = costs.shape
    found = np.full((people, frames), -1)
    chosen = np.full((people, frames), np.inf)
    for frame in range(frames):
        here = np.flatnonzero(np.isfinite(costs[:, :, frame]).any(axis=0))
        for person, column in zip(*linear_sum_assignment(np.minimum(costs[:, here, frame], 2 * _MATCH_REACH))):
            found[person, frame] = here[column]
            chosen[person, frame] = costs[person, here[column], frame]
    for person in range(people):
        near = chosen[person] < _MATCH_REACH
        # who stands nearer than half a body, but much farther than this person's own keypoints use to be, is another
        usual = np.median(chosen[person][near]) if near.any() else 0.0
        found[person, ~(near & (chosen[person] < max(_UNUSUAL * usual, _NEVER_UNUSUAL)))] = -1
    return found


def swapped_sides(
    positions: np.ndarray, confidence: np.ndarray, expected: np.ndarray, mirror: Sequence[int]
) -> np.ndarray:
    """Frames in which the labels left and right are swapped against the estimate, wherever it stands.

    Args:
        positions: (T, K, D) keypoints.
        confidence: (T, K).
        expected: (T, K, D) the estimate's own points in the same axes and unit, before anything was fitted.
        mirror: `Convention.mirror`.

    Returns:
        (T,) bool; a person is swapped when most frames with keypoints are.
    """
    order = list(mirror)
    sided = np.array([a != b for a, b in enumerate(order)])
    weight = np.where(np.isfinite(positions).all(axis=-1), confidence, 0.0) * sided
    weight = np.minimum(weight, weight[:, order])
    total = np.maximum(weight.sum(axis=1), 1e-9)

    def centred(points: np.ndarray) -> np.ndarray:
        points = np.where(weight[..., None] > 0, points, 0.0)
        moved: np.ndarray = points - (points * weight[..., None]).sum(axis=1, keepdims=True) / total[:, None, None]
        return moved

    def error(points: np.ndarray) -> np.ndarray:
        apart = np.linalg.norm(centred(points) - centred(expected), axis=-1)
        weighted: np.ndarray = (apart * weight).sum(axis=1) / total
        return weighted

    as_told, exchanged = error(positions), error(positions[:, order])
    size = np.linalg.norm(np.ptp(expected, axis=1), axis=-1)
    better = (exchanged < _SWAPPED_SHARE * as_told) & (as_told - exchanged > _SWAPPED_LEAST * size)
    swapped: np.ndarray = better & (weight.sum(axis=1) > 0)
    return swapped
