"""Link people over time by their boxes or places, for files whose ids identify nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

#: Min intersection over union of a person's boxes in neighbouring frames.
_MIN_OVERLAP = 0.3
#: Max distance of a person's places in neighbouring frames, metres.
_MAX_STEP_M = 0.5
#: Max frames between two linked detections.
_MAX_GAP = 15


def ids_repeat(frames: Sequence[int], ids: Sequence[str]) -> bool:
    """Whether an id occurs twice in a frame, so that it identifies nobody."""
    return len(set(zip(frames, ids, strict=True))) < len(ids)


def link_boxes(frames: Sequence[int], boxes: np.ndarray) -> np.ndarray:
    """Track number (N,) of each detection, matched greedily by overlap with each track's last box.

    Args:
        frames: (N,) frame of each detection, ascending.
        boxes: (N, 4) x1, y1, x2, y2.
    """
    return _link(frames, lambda last, row: _overlap(boxes[last], boxes[row]), _MIN_OVERLAP)


def link_places(frames: Sequence[int], places: np.ndarray) -> np.ndarray:
    """Track number (N,) of each detection, matched greedily by distance from each track's last place.

    Args:
        frames: (N,) frame of each detection, ascending.
        places: (N, 3) metres.
    """
    return _link(frames, lambda last, row: -float(np.linalg.norm(places[last] - places[row])), -_MAX_STEP_M)


def _link(frames: Sequence[int], likeness: Callable[[int, int], float], enough: float) -> np.ndarray:
    """Track numbers, matched greedily by the likeness of a row to each track's last row."""
    numbers = np.asarray(frames)
    tracks = np.full(len(numbers), -1)
    newest: dict[int, int] = {}  # track -> its last detection
    for frame in np.unique(numbers):
        here = np.flatnonzero(numbers == frame)
        recent = [track for track, row in newest.items() if frame - numbers[row] <= _MAX_GAP]
        pairs = [(likeness(newest[track], int(row)), track, row) for track in recent for row in here]
        taken: set[int] = set()
        for alike, track, row in sorted(pairs, reverse=True):
            if alike >= enough and tracks[row] < 0 and track not in taken:
                tracks[row] = track
                taken.add(track)
        for row in here:
            tracks[row] = len(newest) if tracks[row] < 0 else tracks[row]
            newest[int(tracks[row])] = int(row)
    return tracks


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    common = np.clip(np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2]), 0, None).prod()
    area = sum(np.clip(box[2:] - box[:2], 0, None).prod() for box in (first, second))
    return float(common / max(area - common, 1e-9))
