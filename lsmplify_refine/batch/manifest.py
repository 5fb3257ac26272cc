"""Manifests: the clips of a batch as a table, to look at and to edit; CSV, or JSON lines.

Columns are the fields of `Row` (paths are relative to the manifest), `group:NAME` for each column of the summary's
table, and any option of a clip. An empty cell is an absent value.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lsmplify_refine.batch.rows import Row, check_unique, in_folder, is_path, option_names
from lsmplify_refine.batch.truth import moved_truth
from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load import parse_json, read_text

#: File name endings of manifests.
SUFFIXES = (".csv", ".jsonl")

#: Columns that are paths, and other words for columns.
_PATHS = ("input", "video", "keypoints", "calibration")
_SYNONYMS = {"output": "name", "camera": "calibration"}
_GROUP = "group:"

#: More characters than any path or option has.
_MAX_CELL = 10_000


def read_manifest(path: Path) -> list[Row]:
    """The clips of a manifest, in its order.

    Args:
        path: The manifest, .csv or .jsonl.

    Raises:
        InputError: It cannot be read, has a column that is not known, a bad value, or two clips of one name.
    """
    text = read_text(path)
    cells = _json_lines(text, path) if path.suffix == ".jsonl" else _csv_lines(text, path)
    rows = [_row(values, path.parent, where) for where, values in cells]
    if not rows:
        raise InputError(f"{path}: a manifest without clips; it needs a column input and one line for each clip")
    check_unique(rows)
    return rows


def manifest_text(rows: Sequence[Row], path: Path, *, relative: bool = True) -> str:
    """A manifest as text.

    Args:
        rows: The clips.
        path: Where it goes: its ending decides the kind.
        relative: Whether paths are made relative to it.
    """
    lines = [_cells(row, path.parent if relative else None) for row in rows]
    if path.suffix == ".jsonl":
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    columns = dict.fromkeys(["name", "input", *sorted({column for line in lines for column in line}, key=_place)])
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _place(column: str) -> tuple[int, str]:
    """Order of the columns: files, truth, groups, options."""
    fixed = ("name", *_PATHS, "truth")
    return (fixed.index(column), "") if column in fixed else (len(fixed) + (not column.startswith(_GROUP)), column)


def _cells(row: Row, folder: Path | None) -> dict[str, str]:
    paths = {column: getattr(row, column) for column in _PATHS}
    cells = {"name": row.name} | {name: _relative(path, folder) for name, path in paths.items() if path is not None}
    cells |= {"truth": moved_truth(row.truth, lambda path: _relative(path, folder))} if row.truth else {}
    options = {
        name: _relative(Path(text), folder) if is_path(name, text) else text for name, text in row.options.items()
    }
    return cells | {f"{_GROUP}{name}": value for name, value in row.groups.items()} | options


def _relative(path: Path, folder: Path | None) -> str:
    try:
        return str(path.absolute()) if folder is None else os.path.relpath(path.absolute(), folder.absolute())
    except ValueError:  # another drive
        return str(path.absolute())


def _csv_lines(text: str, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        for cells in reader:
            if None in cells or None in cells.values():
                raise InputError(f"{path}: line {reader.line_num}: not as many cells as the first line")
            yield f"{path}: line {reader.line_num}", cells
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not readable as CSV ({error})") from error


def _json_lines(text: str, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{path}: line {number}"
            cells = parse_json(line.encode(), where)
            if not isinstance(cells, dict):
                raise InputError(f'{where}: not an object such as {{"input": "clip.pt"}}')
            yield where, {column: value for column, value in cells.items() if value is not None}


def _row(cells: Mapping[str, Any], folder: Path, where: str) -> Row:
    values = {_SYNONYMS.get(column, column): _text(value, column, where) for column, value in cells.items()}
    values = {column: value for column, value in values.items() if value}
    known = ("name", *_PATHS, "truth", *option_names())
    unknown = [column for column in values if column not in known and not column.startswith(_GROUP)]
    if unknown:
        raise InputError(f"{where}: {unknown[0]}: not a column; known: {', '.join(known)}, {_GROUP}NAME")
    if "input" not in values:
        raise InputError(f"{where}: input is empty; give the estimator's result")
    paths = {column: folder / values[column] for column in _PATHS if column in values}
    truth = values.get("truth")
    try:
        return Row(
            values.get("name") or name_of(values["input"]),
            truth=truth and moved_truth(truth, lambda path: str(folder / path)),
            groups={c.removeprefix(_GROUP): value for c, value in values.items() if c.startswith(_GROUP)},
            options=in_folder({name: value for name, value in values.items() if name in option_names()}, folder),
            **paths,
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def name_of(path: str | Path, *, whole: bool = False) -> str:
    """A clip's name from its path, without what leads out of the folder.

    Args:
        path: The path.
        whole: Whether the suffix is a part of the name.
    """
    path = Path(path)
    parts = (path if whole or not path.name else path.with_suffix("")).parts
    return "/".join(part.replace("\\", "_") for part in parts if part not in ("..", path.anchor))


def _text(value: Any, column: str, where: str) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, (dict, list)) or len(text) > _MAX_CELL:
        raise InputError(f"{where}: {column}: must be one text or number")
    return text.strip()
