"""The summary of a batch: `summary.json`, `summary.csv`, `summary.parquet`, `table.md` and `run.html`."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsmplify_refine._version import __version__
from lsmplify_refine.batch.clips import Clip, load_clips, people_of
from lsmplify_refine.batch.figures import STAGES, got_worse
from lsmplify_refine.batch.history import load_runs
from lsmplify_refine.batch.page import page
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.table import Table, markdown, tables
from lsmplify_refine.errors import describe_error
from lsmplify_refine.job.report import plain
from lsmplify_refine.job.transaction import FileSet, transaction
from lsmplify_refine.pages.base import write_page

#: Version of the summary's layout, for programs that read it.
LAYOUT = 1

JSON, CSV, PARQUET, TABLE, PAGE = "summary.json", "summary.csv", "summary.parquet", "table.md", "run.html"


@dataclass(frozen=True)
class Summary:
    """What was written.

    Attributes:
        files: The files.
        page_error: Why the page is missing; "" if it is not.
    """

    files: tuple[Path, ...] = ()
    page_error: str = ""


#: Only a share of the clips was run.
NO_SUMMARY = Summary()


def write_summary(rows: Sequence[Row], output: Path) -> Summary:
    """Write the summary of all clips, from their records. A page that cannot be drawn does not cost the summary.

    Args:
        rows: All clips of the batch.
        output: The batch's output folder.

    Raises:
        InputError: The output folder cannot be written to.
    """
    clips = load_clips(rows, output)
    lines = [line for clip in clips for line in _lines(clip)]
    people = people_of(clips)
    found = tables(people)
    parquet = _parquet_writer()
    html, page_error = _page(clips, found, output)
    names = (JSON, CSV, TABLE, *([PARQUET] if parquet else []), *([PAGE] if html else []))
    stopped = "the summary was written already"
    files = FileSet(output, "summary", names, superseded=(PARQUET, PAGE), when_stopped=stopped)
    with transaction(files, overwrite=True) as folder:
        text = json.dumps(_content(clips), indent=1, allow_nan=False, ensure_ascii=False)
        (folder / JSON).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        (folder / CSV).write_text(_csv(lines), encoding="utf-8", errors="backslashreplace")
        (folder / TABLE).write_text(markdown(found, people), encoding="utf-8", errors="backslashreplace")
        if parquet:
            parquet(lines, folder / PARQUET)
        if html:
            write_page(html, folder / PAGE)
    return Summary(tuple(output / name for name in names), page_error)


def _page(clips: Sequence[Clip], found: Sequence[Table], output: Path) -> tuple[str, str]:
    """The page, or why there is none."""
    try:
        return page(clips, found, load_runs(output)), ""
    except Exception as error:
        return "", describe_error(error)


def totals(clips: Iterable[Clip]) -> dict[str, Any]:
    """Numbers of clips by status, frames, seconds of work, and clips that got worse.

    Args:
        clips: All clips of the batch.
    """
    clips = list(clips)
    records = [clip.record for clip in clips if clip.record is not None]
    status = Counter(record.status for record in records)
    done = [record for record in records if record.status == "done"]
    codes = Counter(code for clip in clips for code in {str(note["code"]) for note in clip.notes()})
    return {
        "clips": len(clips),
        "done": status["done"],
        "failed": status["failed"],
        "not_begun": len(clips) - len(records),
        "people": sum(len(record.people) for record in done),
        "frames": sum(int(person["frames"]) for record in done for person in record.people),
        "seconds": round(sum(record.seconds for record in records), 3),
        "worse": sum(any(map(got_worse, record.people)) for record in done),
        "notes": dict(sorted(codes.items())),
    }


def _content(clips: Sequence[Clip]) -> dict[str, Any]:
    content = {
        "layout": LAYOUT,
        "versions": {"lsmplify_refine": __version__},
        "totals": totals(clips),
        "clips": [_clip(clip) for clip in clips],
    }
    return {key: plain(value) for key, value in content.items()}


def _clip(clip: Clip) -> dict[str, Any]:
    row, record = clip.row, clip.record
    known = {"name": row.name, "input": row.input, "groups": row.groups, "status": clip.status}
    if record is None:
        return known
    return known | {
        "reason": record.reason,
        "seconds": record.seconds,
        "video": record.video,
        "outputs": list(record.outputs),
        "notes": list(record.notes),
        "people": list(record.people),
    }


def _lines(clip: Clip) -> list[dict[str, Any]]:
    """One line per person of a clip, or one for a clip without."""
    row, record = clip.row, clip.record
    start: dict[str, Any] = {"name": row.name, "status": clip.status}
    start |= {f"group:{name}": value for name, value in row.groups.items()}
    if record is None or not record.people:
        return [start | {"reason": record.reason if record else "", "seconds": record.seconds if record else None}]
    codes = [note["code"] for note in record.notes]
    return [
        start
        | {
            "reason": record.reason,
            "seconds": record.seconds,
            "video": record.video,
            "person": person["track_id"],
            "frames": person["frames"],
            "fps": person["fps"],
        }
        | {f"{name}_{stage}": value for name, stage, value in _values(person, "metrics")}
        | {f"truth:{name}_{stage}": value for name, stage, value in _values(person, "truth")}
        | {f"frames_{status}": count for status, count in person["counts"].items()}
        | {"notes": " ".join(sorted({*codes, *(note["code"] for note in person["notes"])}))}
        for person in record.people
    ]


def _values(person: Mapping[str, Any], source: str) -> Iterable[tuple[str, str, Any]]:
    stages: Mapping[str, Mapping[str, Any]] = person.get(source) or {}
    names = dict.fromkeys(name for stage in STAGES for name in stages.get(stage, {}))
    return ((name, stage, stages.get(stage, {}).get(name)) for name in names for stage in STAGES)


def _csv(lines: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(lines), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(plain(line) for line in lines)
    return text.getvalue()


def _columns(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """All columns: what is told of every clip first, then figures, then the notes."""
    found = dict.fromkeys(column for line in lines for column in line)
    last = [column for column in ("notes",) if column in found]
    return [column for column in found if column not in last] + last


def _parquet_writer() -> Any:
    """A function that writes lines as Parquet, if pyarrow is there."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return None

    def write(lines: Sequence[Mapping[str, Any]], path: Path) -> None:
        columns = _columns(lines)
        parquet.write_table(
            pyarrow.table({column: [plain(line.get(column)) for line in lines] for column in columns}), path
        )

    return write
