"""The report of a job: what was done and how well, as JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.job.report_person import person_report
from lsmplify_refine.versions import versions

if TYPE_CHECKING:
    from lsmplify_refine.job.job import JobOptions, Outcome

#: Version of the report's layout, for programs that read it; other values of a key raise it, further keys do not.
LAYOUT = 3


#: Options that a report leaves out: it lies in the output folder, and a moved or repeated run has the same report.
_ELSEWHERE = ("output",)


def build_report(job: JobOptions, outcome: Outcome, *, device: str) -> dict[str, Any]:
    """The report as plain values that JSON can hold."""
    report: dict[str, Any] = {
        "layout": LAYOUT,
        "versions": versions(),
        "settings": {name: value for name, value in asdict(job).items() if name not in _ELSEWHERE} | {"device": device},
        "outputs": {key: _names(value) for key, value in asdict(outcome.outputs).items()},
        "notes": [asdict(note) for note in outcome.notes],
        "people": [person_report(refinement) for refinement in outcome.refinements],
    }
    return {key: plain(value) for key, value in report.items()}


def _names(paths: Path | Sequence[Path] | None) -> str | list[str] | None:
    """File names without their folder."""
    if paths is None:
        return None
    return paths.name if isinstance(paths, Path) else [path.name for path in paths]


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write a report as JSON.

    Raises:
        InputError: The file cannot be written.
    """
    text = json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False)
    # a list of plain values belongs on one line; a line break inside brackets cannot be part of a string
    text = re.sub(r"\[\n\s*([^][{}]*?)\n\s*\]", lambda m: "[" + re.sub(r"\n\s*", " ", m[1]) + "]", text)
    try:
        # names of files need not be UTF-8
        path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def plain(value: Any) -> Any:
    """Any value as JSON can hold it: arrays to lists, paths to strings, NaN and infinity to null; text is escaped."""
    if isinstance(value, dict):
        return {escaped(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, str):
        return escaped(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return rounded(value) if math.isfinite(value) else None
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    return escaped(value)


def rounded(value: float) -> float:
    """A number with the six digits that a report holds."""
    return float(f"{value:.6g}")
