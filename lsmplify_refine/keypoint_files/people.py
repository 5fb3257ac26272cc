"""Link people from frame to frame in keypoints without ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lsmplify_refine.geometry.linking import Reach, link_detections

#: How far a person may move, as a share of their size, and for how many frames they may be gone.
_REACH = Reach(0.4, growth=0.2, frames=30, handicap=0.2)
#: Two detections of one person in a frame, found twice, are nearer than this share of their size.
_FOUND_TWICE = 0.2


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

    def distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        return _apart([detections[row] for row in rows], [detections[other] for other in others])

    return [str(track) for track in link_detections(np.array(frames), distances, _REACH)]


def ids_repeat(detections: Sequence[_Seen], ids: Sequence[str]) -> bool:
    """Whether one id stands for several people of a frame, so that ids cannot link people.

    AlphaPose without tracking gives all people `idx` 0. A person found twice at one place of a frame keeps the id.

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
