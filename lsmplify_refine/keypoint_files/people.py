"""People in keypoints without ids: linked from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

#: A person moves at most this share of their size from frame to frame, and is forgotten after so many frames.
_REACH, _MEMORY_FRAMES = 0.4, 30
#: A person seen fewer times than this is so much farther away: one who was found twice goes on as the old one.
_YOUNG, _YOUNG_APART = 10, 0.2


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
