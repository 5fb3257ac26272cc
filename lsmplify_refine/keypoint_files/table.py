"""The plain CSV: a row per point; the first line names the columns."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.detections import Detection, tracks_of
from lsmplify_refine.keypoint_files.names import find_convention
from lsmplify_refine.keypoint_files.track import KeypointTrack
from lsmplify_refine.safe_load import read_text
from lsmplify_refine.values.notes import Note

_REQUIRED = ("frame", "point", "x", "y")
_KNOWN = (*_REQUIRED, "z", "confidence", "person", "convention")
#: (frame, person) -> point -> x, y, (z,) confidence.
_Cells = dict[tuple[int, str], dict[str, list[float]]]


def is_table(head: bytes) -> bool:
    """Whether the first line of a file names the columns."""
    first = head.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace")
    return set(_REQUIRED) <= {name.strip() for name in first.split(",")}


def read(path: Path, wanted: str | None) -> list[KeypointTrack]:
    """Read the people of a CSV.

    Raises:
        InputError: A row is malformed, or no convention or several fit the points.
    """
    cells, named, has_people, width = _cells(path)
    if not cells:
        raise InputError(f"{path}: no rows")
    if len(named) > 1 or (wanted and named and named != {wanted}):
        raise InputError(f"{path}: convention: {', '.join(sorted(named))}; expected {wanted or 'one'} throughout")
    names = list(dict.fromkeys(point for points in cells.values() for point in points))
    match = find_convention(names, wanted or next(iter(named), None), str(path))
    empty = [np.nan] * width + [0.0]
    order = [names[column] if column >= 0 else "" for column in match.columns]
    found = []
    for (frame, person), points in cells.items():
        values = np.array([points.get(name, empty) for name in order])
        found.append(Detection(frame, values[:, :-1], values[:, -1], person if has_people else "0"))
    unused = Note("columns-unused", f"columns not used: {', '.join(match.unmapped)}")
    notes = (*match.notes, *((unused,) if match.unmapped else ()))
    return tracks_of(found, where=str(path), source=path.name, wanted=match.convention, notes=notes)


def _cells(path: Path) -> tuple[_Cells, set[str], bool, int]:
    """The cells, the conventions named, whether there are person ids, and the number of coordinates, 2 or 3."""
    cells: _Cells = defaultdict(dict)
    named: set[str] = set()
    try:
        with io.StringIO(read_text(path), newline="") as stream:
            table = csv.DictReader(stream, skipinitialspace=True)
            columns = [name.strip() for name in table.fieldnames or []]
            table.fieldnames = columns
            unknown = [name for name in columns if name not in _KNOWN]
            if unknown:
                raise InputError(f"{path}: column {unknown[0]!r} is not known; known: {', '.join(_KNOWN)}")
            axes = [axis for axis in ("x", "y", "z") if axis in columns]
            for index, row in enumerate(table):
                where = f"{path}: row {index + 1}"
                values = [_number(row.get(name), where) for name in axes]
                confidence = _number(row.get("confidence"), where) if "confidence" in columns else 1.0
                key = _frame(row.get("frame"), where), str(row.get("person", "") or "").strip()
                point = str(row.get("point", "") or "").strip()
                if point in cells[key]:
                    raise InputError(f"{where}: {point} occurs twice in frame {key[0]}; keep one")
                cells[key][point] = [*values, 0.0 if np.isnan(confidence) else confidence]
                if row.get("convention"):
                    named.add(row["convention"].strip())
    except csv.Error as error:
        raise InputError(f"{path}: not readable as CSV ({error}); write it again") from error
    return cells, named, "person" in columns, len(axes)


def _number(text: str | None, where: str) -> float:
    """A number; an empty cell is a missing value."""
    try:
        return float(text) if text and text.strip() else np.nan
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _frame(text: str | None, where: str) -> int:
    if text is None or not text.strip().isdecimal() or len(text) > 18:
        raise InputError(f"{where}: frame: {text!r}; expected a whole number")
    return int(text)
