"""Link people from frame to frame in keypoints without ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

#: Max distance that a person moves between neighbouring frames, as a share of their size.
_MAX_STEP = 0.4
#: Max frames between two linked detections.
_MAX_GAP = 30
#: Tracks with fewer detections get an extra cost, so that after a double detection the older track continues.
_MIN_DETECTIONS, _NEW_TRACK_COST = 10, 0.2


class _Seen(Protocol):
    """A detection as `link` needs it; see `Detection`."""

    @property
    def frame(self) -> int:
        """Frame number."""
        ...

    @property
    def points(self) -> np.ndarray:
        """(K, 2) or (K, 3)."""
        ...

    @property
    def confidence(self) -> np.ndarray:
        """(K,)."""
        ...


def link(detections: Sequence[_Seen]) -> list[str]:
    """Link each detection to the nearest person of earlier frames.

    Formats without ids list people in an order that changes from frame to frame.

    Args:
        detections: In ascending frames.

    Returns:
        The person of each detection: "0", "1", ...
    """
    frames = [each.frame for each in detections]
    if len(set(frames)) == len(frames):
        return ["0"] * len(frames)  # never two in a frame: one person, however long the gaps
    names: list[str] = [""] * len(detections)
    last: list[_Seen] = []
    times: list[int] = []
    for frame in dict.fromkeys(frames):
        here = [index for index, each in enumerate(detections) if each.frame == frame]
        alive = [index for index, each in enumerate(last) if frame - each.frame <= _MAX_GAP]
        taken: dict[int, int] = {}
        if alive:
            cost = np.array([[_apart(detections[i], last[j]) for j in alive] for i in here])
            extra = np.array([_NEW_TRACK_COST * (times[j] < _MIN_DETECTIONS) for j in alive])
            for row, column in zip(*linear_sum_assignment(np.minimum(cost + extra, 1e3))):
                if cost[row, column] < _MAX_STEP * (1 + 0.2 * (frame - last[alive[column]].frame - 1)):
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
    """Diagonal of the bounding box of the points."""
    return max(float(np.linalg.norm(points.max(axis=0) - points.min(axis=0))), 1e-6)
