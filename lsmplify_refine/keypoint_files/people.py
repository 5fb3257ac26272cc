"""People in keypoints: linked from frame to frame, matched to estimates, left told from right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

#: A person moves at most this share of their size from frame to frame, and is forgotten after so many frames.
_REACH, _MEMORY_FRAMES = 0.4, 30
#: Sides are swapped where the swapped points lie this much nearer to the estimate, and it matters: by this share of
#: the body's size.
_SWAPPED_SHARE, _SWAPPED_LEAST = 0.6, 0.05
#: A person and an estimate belong together when their points are at most this share of their size apart.
_MATCH_REACH = 0.5


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
    for frame in dict.fromkeys(frames):
        here = [index for index, each in enumerate(detections) if each.frame == frame]
        alive = [index for index, each in enumerate(last) if frame - each.frame <= _MEMORY_FRAMES]
        taken: dict[int, int] = {}
        if alive:
            cost = np.array([[_apart(detections[i], last[j]) for j in alive] for i in here])
            for row, column in zip(*linear_sum_assignment(np.minimum(cost, 1e3))):
                if cost[row, column] < _REACH * (1 + 0.2 * (frame - last[alive[column]].frame - 1)):
                    taken[here[row]] = alive[column]
        for index in here:
            person = taken.get(index, len(last))
            if person == len(last):
                last.append(detections[index])
            last[person] = detections[index]
            names[index] = str(person)
    return names


def _apart(one: _Seen, other: _Seen) -> float:
    """Mean distance of the points that both have, as a share of the person's size."""
    both = _usable(one) & _usable(other)
    if not both.any():
        return np.inf
    return float(np.linalg.norm(one.points - other.points, axis=-1)[both].mean() / _size(other.points[_usable(other)]))


def _usable(seen: _Seen) -> np.ndarray:
    return (seen.confidence > 0) & np.isfinite(seen.points).all(axis=-1)


def _size(points: np.ndarray) -> float:
    """Diagonal of the points' box."""
    return max(float(np.linalg.norm(points.max(axis=0) - points.min(axis=0))), 1e-6)


def match_people(
    detected: Sequence[np.ndarray], confidence: Sequence[np.ndarray], expected: Sequence[np.ndarray]
) -> list[int | None]:
    """Which detected person each estimate is, by the distance of their points over all frames; nobody twice.

    Args:
        detected: For each detected person (T, K, D) points in the frames of all.
        confidence: For each (T, K), 0 where missing.
        expected: For each estimate (T, K, D) its own points in the same place (the image, or one world); NaN where it
            has no such frame.

    Returns:
        For each estimate the index into `detected`, None where nobody is near enough.
    """
    cost = np.full((len(expected), len(detected)), 1e3)
    for i, points in enumerate(expected):
        size = np.linalg.norm(np.ptp(points, axis=1), axis=-1)
        for j, (others, weights) in enumerate(zip(detected, confidence)):
            apart = np.linalg.norm(points - others, axis=-1) / np.maximum(size, 1e-6)[:, None]
            both = (weights > 0) & np.isfinite(apart)
            if both.any():
                cost[i, j] = float(np.median(apart[both]))
    found: list[int | None] = [None] * len(expected)
    for i, j in zip(*linear_sum_assignment(cost)):
        if cost[i, j] < _MATCH_REACH:
            found[i] = int(j)
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
        return points - (points * weight[..., None]).sum(axis=1, keepdims=True) / total[:, None, None]

    def error(points: np.ndarray) -> np.ndarray:
        apart = np.linalg.norm(centred(points) - centred(expected), axis=-1)
        return (apart * weight).sum(axis=1) / total

    as_told, exchanged = error(positions), error(positions[:, order])
    size = np.linalg.norm(np.ptp(expected, axis=1), axis=-1)
    better = (exchanged < _SWAPPED_SHARE * as_told) & (as_told - exchanged > _SWAPPED_LEAST * size)
    return better & (weight.sum(axis=1) > 0)
