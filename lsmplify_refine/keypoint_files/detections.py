"""Detections, one person in one frame, and how they are joined into tracks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.people import ids_repeat, link
from lsmplify_refine.keypoint_files.track import KeypointTrack, choose_layout, cleaned, left_out
from lsmplify_refine.values.notes import Note

_LINKED = Note("people-linked", "the keypoint file has no ids; people were linked")
_REPEATED = Note(
    "people-linked", "the keypoint file gives several people of a frame the same id; people were linked by place"
)


@dataclass(frozen=True)
class Detection:
    """One person in one frame.

    Attributes:
        frame: Frame number.
        points: (K, 2) pixels or (K, 3).
        confidence: (K,).
        person: The file's id of the person, or None.
    """

    frame: int
    points: np.ndarray
    confidence: np.ndarray
    person: str | None = None


def numbers(values: Any, where: str) -> np.ndarray:
    """A JSON list (of lists) of numbers as an array of the same shape; null is NaN.

    Raises:
        InputError: It holds something else, or lists of different lengths.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: not a list of numbers ({error})") from error


def detection(frame: int, values: Any, where: str, *, width: int, person: str | None = None) -> Detection:
    """A detection from flat or nested numbers.

    A 2D point at (0, 0) is missing in these formats and gets confidence 0.

    Args:
        frame: Frame number.
        values: Flat or nested lists.
        where: File and key, for error messages.
        width: Numbers per point, the confidence last.
        person: The file's id of the person.

    Raises:
        InputError: The values are not numbers, or not a multiple of `width`.
    """
    flat = numbers(values, where).ravel()
    if not flat.size or flat.size % width:
        raise InputError(f"{where}: {flat.size} numbers; expected {width} for each point")
    points = flat.reshape(-1, width)
    missing = (points[:, :2] == 0).all(axis=1) if width == 3 else np.zeros(len(points), dtype=bool)
    return Detection(frame, points[:, :-1], np.where(missing, 0.0, points[:, -1]), person)


def tracks_of(
    detections: Sequence[Detection],
    *,
    where: str,
    source: str,
    wanted: str | None = None,
    among: Sequence[str] | None = None,
    notes: tuple[Note, ...] = (),
) -> list[KeypointTrack]:
    """Join detections into tracks, by the file's ids, or else by distance from frame to frame.

    Ids are ignored if one stands for several people of a frame.

    Args:
        detections: In any order.
        where: File, for error messages.
        source: For `Keypoints.source`.
        wanted: Convention named by the user or the file.
        among: Layouts that the format can hold.
        notes: Added to every track.

    Raises:
        InputError: There are no detections, or they have different numbers of points.
    """
    if not detections:
        raise InputError(f"{where}: contains no people")
    shapes = {each.points.shape for each in detections}
    if len(shapes) > 1:
        raise InputError(f"{where}: people have different numbers of points: {sorted(map(str, shapes))}")
    layout = choose_layout(shapes.pop()[0], wanted, among, where)
    kept = list(layout.columns)
    ordered = sorted(detections, key=lambda each: each.frame)
    people, linked = _people(ordered, where)
    rows = _rows(ordered, people)
    if linked is not None and len(rows) > 1:
        notes = (*notes, linked)
    return [
        KeypointTrack(
            cleaned(
                layout.convention.name,
                np.stack([each.points[kept] for each in frames.values()]),
                np.stack([each.confidence[kept] for each in frames.values()]),
                source,
            ),
            np.array(list(frames), dtype=np.int64),
            numbered=True,
            person=person,
            identified=linked is None,
            unmapped=left_out(layout),
            notes=notes,
        )
        for person, frames in rows.items()
    ]


def _people(ordered: Sequence[Detection], where: str) -> tuple[list[str], Note | None]:
    """The person of each detection, and a note if the file's ids do not tell."""
    people = [str(each.person) for each in ordered]
    named = all(each.person is not None for each in ordered)
    if named and not ids_repeat(ordered, people):
        return people, None
    try:
        return link(ordered), _REPEATED if named else _LINKED
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _rows(ordered: Sequence[Detection], people: Sequence[str]) -> dict[str, dict[int, Detection]]:
    """Each person's detection by frame; of two in a frame, the more confident one."""
    rows: dict[str, dict[int, Detection]] = defaultdict(dict)
    for person, each in zip(people, ordered, strict=True):
        other = rows[person].get(each.frame)
        if other is None or np.nansum(each.confidence) > np.nansum(other.confidence):
            rows[person][each.frame] = each
    return rows


def frame_number(name: str | int, where: str) -> int:
    """The frame number in a file name, or the number itself.

    Examples: `clip_000000000012_keypoints`, `cam01.0012` (Pose2Sim, Unreal) and `img/000012.jpg`.

    Raises:
        InputError: The name has no number.
    """
    if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < 2**62:
        return name
    stem = re.sub(r"\.[A-Za-z][0-9A-Za-z]{0,4}$", "", Path(str(name)).name)
    # the last group of digits not followed by a letter: "take3_000012_pose_3d" is frame 12
    found = re.findall(r"\d+(?![0-9A-Za-z])", stem)
    if not found or len(found[-1]) > 18:
        raise InputError(f"{where}: {str(name)[:60]!r} has no frame number at its end")
    return int(found[-1])
