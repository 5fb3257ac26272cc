"""Link people over time by their boxes or places, for files without usable ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from lsmplify_refine.formats.nested_people import Lists
from lsmplify_refine.geometry.linking import Reach, link_detections

_Person = TypeVar("_Person", bound=Hashable)
_Row = TypeVar("_Row")
#: A person's boxes in neighbouring frames have at least this intersection over union.
_MIN_OVERLAP = 0.3
#: Max distance of a person's places in neighbouring frames, metres.
_MAX_STEP_M = 0.5
#: Max frames between two linked detections.
_MAX_GAP = 15
_BOX_REACH = Reach(1 - _MIN_OVERLAP, growth=0.0, frames=_MAX_GAP)
_PLACE_REACH = Reach(_MAX_STEP_M, growth=0.0, frames=_MAX_GAP)


def ids_repeat(frames: Sequence[int], ids: Sequence[str]) -> bool:
    """Whether an id occurs twice in a frame, so that ids cannot link people."""
    return len(set(zip(frames, ids, strict=True))) < len(ids)


def link_boxes(frames: Sequence[int], boxes: np.ndarray) -> np.ndarray:
    """Track number (N,) of each detection, by the overlap with each track's last box.

    Args:
        frames: (N,) frame of each detection, ascending.
        boxes: (N, 4) x1, y1, x2, y2.

    Raises:
        InputError: A frame has too many people to link them in bounded time.
    """

    def distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        return 1 - _overlaps(boxes[rows], boxes[others])

    return link_detections(np.asarray(frames), distances, _BOX_REACH)


def link_places(frames: Sequence[int], places: np.ndarray) -> np.ndarray:
    """Track number (N,) of each detection, by the distance from each track's last place.

    Args:
        frames: (N,) frame of each detection, ascending.
        places: (N, 3) metres.

    Raises:
        InputError: A frame has too many people to link them in bounded time.
    """

    def distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        apart: np.ndarray = np.linalg.norm(places[rows][:, None] - places[others][None], axis=-1)
        return apart

    return link_detections(np.asarray(frames), distances, _PLACE_REACH)


def rows_by_person(people: Iterable[_Person], rows: Iterable[_Row]) -> dict[_Person, list[_Row]]:
    """The rows of each person, in their order; people in order of appearance.

    Args:
        people: The person of each row.
        rows: As many rows.
    """
    found: dict[_Person, list[_Row]] = defaultdict(list)
    for person, row in zip(people, rows, strict=True):
        found[person].append(row)
    return dict(found)


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


def _overlaps(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, M) intersection over union of boxes (N, 4) and (M, 4); 0 for boxes without area."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    areas, other_areas = (np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1) for boxes in (ones, others))
    overlaps: np.ndarray = common / np.maximum(areas[:, None] + other_areas - common, 1e-9)
    return overlaps
