"""TRC, OpenSim's marker file: tab-separated text with names, unit and rate in its header."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.markers import METRES, track_of_markers
from lsmplify_refine.keypoint_files.track import KeypointTrack
from lsmplify_refine.safe_load import read_text

_HEAD_LINES = 5
#: Numbers that any file may declare; each further one takes a character at least.
_MAX_CELLS = 1_000_000


def is_trc(head: bytes) -> bool:
    """Whether a file that begins with `head` is TRC."""
    return head.lstrip(b"\xef\xbb\xbf").startswith(b"PathFileType")


def read(path: Path, wanted: str | None) -> KeypointTrack:
    """Read the single person of a TRC file.

    Raises:
        InputError: The header or a row is malformed, or the markers are not joints.
    """
    lines = read_text(path).splitlines()
    if len(lines) <= _HEAD_LINES:
        raise InputError(f"{path}: the TRC file ends within its header; copy it again")
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t")))
    unit = head.get("Units", "").strip().lower()
    if unit not in METRES:
        raise InputError(f"{path}: Units: {unit!r}; expected one of {', '.join(METRES)}")
    names = [name.strip() for name in lines[3].split("\t")[2:] if name.strip()]
    # the sixth line is usually, but not always, empty
    rows = [row.split("\t") for row in lines[_HEAD_LINES:] if row.strip()]
    if not rows or not names:
        raise InputError(f"{path}: the TRC file has no {'rows' if names else 'markers'}")
    if 3 * len(names) * len(rows) > _MAX_CELLS + sum(map(len, lines)):
        raise InputError(f"{path}: {len(names)} markers and {len(rows)} rows, but not the text for them; copy it again")
    table = np.full((len(rows), 2 + 3 * len(names)), np.nan)
    for index, row in enumerate(rows):
        try:
            cells = [float(cell) if cell.strip() else math.nan for cell in row[: table.shape[1]]]
        except ValueError as error:
            raise InputError(f"{path}: row {index}: {error}") from error
        table[index, : len(cells)] = cells
    fps = _rate(head, path)
    return track_of_markers(
        names,
        table[:, 2:].reshape(len(rows), -1, 3),
        path=path,
        unit=unit,
        fps=fps,
        frame_ids=_frame_ids(table, fps, path),
        wanted=wanted,
    )


def _frame_ids(table: np.ndarray, fps: float | None, path: Path) -> np.ndarray:
    """Frames from 0, from the column Time if possible; Frame# may begin with 0, 1 or any other frame."""
    frames, seconds = table[:, 0], table[:, 1]
    if fps is not None and np.isfinite(seconds).all() and np.abs(seconds).max() < 1e6:
        by_time = np.round(seconds * fps).astype(np.int64)
        if (np.diff(by_time) > 0).all():
            return by_time
    if not np.array_equal(frames, np.round(frames)) or np.abs(frames).max() > 2**53:
        raise InputError(f"{path}: Frame#: not whole numbers")
    return frames.astype(np.int64)


def _rate(head: dict[str, str], path: Path) -> float | None:
    try:
        rate = float(head.get("DataRate", "nan"))
    except ValueError as error:
        raise InputError(f"{path}: DataRate: {error}") from error
    return rate if math.isfinite(rate) and rate > 0 else None
