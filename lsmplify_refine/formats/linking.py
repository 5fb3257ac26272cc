"""Link people over time by their boxes or places, for files whose ids identify nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lsmplify_refine.formats.nested_people import Lists

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


def name_people(frames: Sequence[int], ids: Sequence[str], boxes: np.ndarray) -> tuple[list[str], bool]:
    """Name the person of each detection by the ids, or by the boxes where ids are missing or repeat in a frame.

    Args:
        frames: (N,) frame of each detection, ascending.
        ids: The file's id of each; "" if it has none.
        boxes: (N, 4) x1, y1, x2, y2.

    Returns:
        The names, and whether some come from the boxes.
    """
    named = [index for index, name in enumerate(ids) if name]
    usable = not ids_repeat([frames[index] for index in named], [ids[index] for index in named])
    if usable and len(named) == len(ids):
        return list(ids), False
    if len(set(frames)) == 1:
        return [str(index) for index in range(len(ids))], False
    tracks = link_boxes(frames, boxes)
    if not usable or not named:
        return [str(track) for track in tracks], True
    return _with_gaps_filled(frames, ids, tracks), True


def what_list_counts(boxes: np.ndarray) -> Lists | None:
    """What a list of detections counts, people or frames, by their boxes (N, 4); None if they do not tell.

    The people of one image are beside each other. One person's frames overlap from one to the next.
    """
    tracks = len(set(link_boxes(range(len(boxes)), boxes).tolist()))
    return "people" if tracks == len(boxes) else "frames" if tracks == 1 else None


def _with_gaps_filled(frames: Sequence[int], ids: Sequence[str], tracks: np.ndarray) -> list[str]:
    """The ids; a missing one is that of the nearest frame of the same track, if it is free in its frame."""
    filled, taken = list(ids), set(zip(frames, ids, strict=True))
    for index, (frame, name) in enumerate(zip(frames, ids)):
        if name:
            continue
        same = [other for other in np.flatnonzero(tracks == tracks[index]).tolist() if ids[other]]
        near = ids[min(same, key=lambda other: abs(frames[other] - frame))] if same else ""
        filled[index] = near if near and (frame, near) not in taken else f"linked {tracks[index]}"
        taken.add((frame, filled[index]))
    return filled


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
