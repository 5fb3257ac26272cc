"""Link people over time by their boxes, for files whose ids only count the detections of a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Min intersection over union of a person's boxes in neighbouring frames.
_MIN_OVERLAP = 0.3
#: Max frames between two linked detections.
_MAX_GAP = 15


def link_boxes(frames: Sequence[int], boxes: np.ndarray) -> np.ndarray:
    """Track number (N,) of each detection, matched greedily by overlap with each track's last box.

    Args:
        frames: (N,) frame of each detection, ascending.
        boxes: (N, 4) x1, y1, x2, y2.
    """
    numbers = np.asarray(frames)
    tracks = np.full(len(numbers), -1)
    last: dict[int, int] = {}  # track -> its last detection
    for frame in np.unique(numbers):
        here = np.flatnonzero(numbers == frame)
        recent = [track for track, row in last.items() if frame - numbers[row] <= _MAX_GAP]
        pairs = [(_overlap(boxes[last[track]], boxes[row]), track, row) for track in recent for row in here]
        taken: set[int] = set()
        for overlap, track, row in sorted(pairs, reverse=True):
            if overlap >= _MIN_OVERLAP and tracks[row] < 0 and track not in taken:
                tracks[row] = track
                taken.add(track)
        for row in here:
            tracks[row] = len(last) if tracks[row] < 0 else tracks[row]
            last[int(tracks[row])] = int(row)
    return tracks


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    common = np.clip(np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2]), 0, None).prod()
    area = sum(np.clip(box[2:] - box[:2], 0, None).prod() for box in (first, second))
    return float(common / max(area - common, 1e-9))
