"""Link detections of consecutive frames into tracks by how far apart they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from lsmplify_refine.errors import InputError

#: Max detections in a frame; the time to link them grows with the cube.
_MAX_PEOPLE = 500
#: A track with fewer detections than this is new.
_NEW_DETECTIONS = 10

#: Distances (N, M) of N detections to M others, which are given by their rows; infinite where nothing can be compared.
Distances = Callable[[Int[np.ndarray, " rows"], Int[np.ndarray, " others"]], Float[np.ndarray, "rows others"]]


@dataclass(frozen=True)
class Reach:
    """How far a person may move between two detections.

    Attributes:
        distance: Max distance in neighbouring frames, in the unit of the distances.
        growth: Share of it that each further frame in between adds.
        frames: Max difference of their frame numbers.
        handicap: Added to the distance of new tracks, so that after a double detection the older track continues.
    """

    distance: float
    growth: float
    frames: int
    handicap: float = 0.0


def link_detections(
    frames: Int[np.ndarray, " detections"], distances: Distances, reach: Reach
) -> Int[np.ndarray, " detections"]:
    """Track number of each detection: in each frame the assignment to earlier tracks with the least total distance.

    A detection that no track reaches begins a new one.

    Args:
        frames: Frame of each detection, in any order.
        distances: Between detections.
        reach: What counts as near enough.

    Returns:
        Numbers from 0, in the order in which the tracks begin.

    Raises:
        InputError: A frame has too many people to link them in bounded time.
    """
    tracks, order = np.full(len(frames), -1), np.argsort(frames, kind="stable")
    last, times = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for here in np.split(order, np.flatnonzero(np.diff(frames[order])) + 1):
        if len(here) > _MAX_PEOPLE:
            raise InputError(
                f"frame {frames[here[0]]}: {len(here)} people without ids; at most {_MAX_PEOPLE} can be told apart"
            )
        alive = np.flatnonzero(frames[here[0]] - frames[last] <= reach.frames)
        if len(alive):
            apart = distances(here, last[alive])
            limit = reach.distance * (1 + reach.growth * (frames[here[0]] - frames[last[alive]] - 1))
            handicap = reach.handicap * (times[alive] < _NEW_DETECTIONS)
            # capped, so that pairs out of reach do not influence the other pairs
            cost = np.where(apart <= limit, apart + handicap, limit + reach.handicap)
            for row, column in zip(*linear_sum_assignment(cost)):
                if apart[row, column] <= limit[column]:
                    tracks[here[row]] = alive[column]
        new = here[tracks[here] < 0]
        tracks[new] = len(last) + np.arange(len(new))
        last, times = np.append(last, new), np.append(times, np.zeros(len(new), np.int64))
        last[tracks[here]] = here
        times[tracks[here]] += 1
    return tracks
