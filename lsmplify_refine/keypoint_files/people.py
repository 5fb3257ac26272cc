"""Link people from frame to frame in keypoints without ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

from lsmplify_refine.errors import InputError

#: Max distance that a person moves between neighbouring frames, as a share of their size.
_MAX_STEP = 0.4
#: Max frames between two linked detections.
_MAX_GAP = 30
#: Two detections of one person in a frame, found twice, are nearer than this share of their size.
_FOUND_TWICE = 0.2
#: Max people in a frame; the time to link them grows with the cube.
_MAX_PEOPLE = 500
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

    Raises:
        InputError: A frame has too many people to link them in bounded time.
    """
    frames = [each.frame for each in detections]
    if len(set(frames)) == len(frames):
        return ["0"] * len(frames)  # never two in a frame: one person, however long the gaps
    names: list[str] = [""] * len(detections)
    last: list[_Seen] = []
    times: list[int] = []
    alive: list[int] = []
    for frame, group in groupby(range(len(detections)), key=frames.__getitem__):
        here = list(group)
        if len(here) > _MAX_PEOPLE:
            raise InputError(f"frame {frame}: {len(here)} people without ids; at most {_MAX_PEOPLE} can be told apart")
        alive = [index for index in alive if frame - last[index].frame <= _MAX_GAP]
        taken: dict[int, int] = {}
        if alive:
            cost = _apart([detections[i] for i in here], [last[j] for j in alive])
            extra = np.array([_NEW_TRACK_COST * (times[j] < _MIN_DETECTIONS) for j in alive])
            for row, column in zip(*linear_sum_assignment(np.minimum(cost + extra, 1e3))):
                if cost[row, column] < _MAX_STEP * (1 + 0.2 * (frame - last[alive[column]].frame - 1)):
                    taken[here[row]] = alive[column]
        for index in here:
            person = taken.get(index, len(last))
            if person == len(last):
                last.append(detections[index])
                times.append(0)
                alive.append(person)
            last[person] = detections[index]
            times[person] += 1
            names[index] = str(person)
    return names


def ids_repeat(detections: Sequence[_Seen], ids: Sequence[str]) -> bool:
    """Whether one id stands for several people of a frame, so that it identifies nobody.

    AlphaPose without tracking gives everybody `idx` 0. A person found twice at one place of a frame keeps the id.

    Args:
        detections: In any order.
        ids: The file's id of each.
    """
    same: dict[tuple[int, str], list[_Seen]] = defaultdict(list)
    for each, name in zip(detections, ids, strict=True):
        same[each.frame, name].append(each)
    several = (_apart(each[:1], each[1:]) for each in same.values() if len(each) > 1)
    return any(bool((np.isfinite(apart) & (apart > _FOUND_TWICE)).any()) for apart in several)


def _apart(ones: Sequence[_Seen], others: Sequence[_Seen]) -> np.ndarray:
    """(N, M) mean distances of the points that both have, as a share of the other's size; infinite without any."""
    points, known = _stacked(ones)
    other_points, other_known = _stacked(others)
    sizes = np.array([_size(each[there]) for each, there in zip(other_points, other_known)])
    costs = np.full((len(ones), len(others)), np.inf)
    for row in range(len(ones)):
        both = known[row] & other_known
        count = both.sum(axis=1)
        total = (np.linalg.norm(points[row] - other_points, axis=-1) * both).sum(axis=1)
        costs[row] = np.where(count > 0, total / np.maximum(count, 1) / sizes, np.inf)
    return costs


def _stacked(seen: Sequence[_Seen]) -> tuple[np.ndarray, np.ndarray]:
    """(N, K, 2 or 3) points, 0 where missing, and (N, K) which there are."""
    points = np.stack([each.points for each in seen])
    known = (np.stack([each.confidence for each in seen]) > 0) & np.isfinite(points).all(axis=-1)
    return np.where(known[..., None], points, 0.0), known


def _size(points: np.ndarray) -> float:
    """Diagonal of the bounding box of the points."""
    return max(float(np.linalg.norm(np.ptp(points, axis=0))), 1e-6) if len(points) else 1e-6
