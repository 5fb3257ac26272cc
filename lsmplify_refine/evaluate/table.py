"""Format results as tables: the same cells for the terminal and for Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from lsmplify_refine.errors import escaped
from lsmplify_refine.evaluate.motion import METRICS, REFINED, SPEED_RATIO, MotionResult
from lsmplify_refine.evaluate.run import Result, Score
from lsmplify_refine.evaluate.scores import ACCEL, FIRST_HALF, PVE, SECOND_HALF
from lsmplify_refine.evaluate.takes import TakeCase
from lsmplify_refine.job.report import rounded

if TYPE_CHECKING:
    from rich.table import Table as RichTable

#: The other metrics of single frames, in their order within a cell.
_OTHERS = ("pa_pve_mm", "mpjpe_mm_smpl22_pelvis", "angle_deg_smpl22", "pve_mm_ankle")
_HALVES = (FIRST_HALF, SECOND_HALF, ACCEL)


@dataclass(frozen=True)
class Table:
    """Cells under headings; the first column holds the row names."""

    title: str
    note: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def main_tables(results: Sequence[Result]) -> list[Table]:
    """PVE of every row and method; one table per test set."""
    return [
        Table(
            f"{name}: {PVE}",
            "both: regressor, then projection. gain: how much lower that is than the best of do nothing, projection "
            "with its best damping in hindsight, and SMPLify, on the same frames.",
            ("", *_columns(part), "gain %"),
            tuple((f"{row.group}: {row.name}", *_cells(part, row, _pve), f"{row.gain_percent:.0f}") for row in part),
        )
        for name, part in _by_set(results)
    ]


def other_tables(results: Sequence[Result]) -> list[Table]:
    """The other metrics, shifted against unshifted rows, and the metrics of whole takes."""
    tables = []
    for name, part in _by_set(results):
        shifted = [row for row in part if row.reference is not None]
        motion = [row for row in part if isinstance(row.case, TakeCase)]
        remarks = {row.name: _remark(row) for row in motion}
        tables += [
            _table(f"{name}: other metrics", " / ".join(_OTHERS), part, lambda score: _joined(score, _OTHERS)),
            Table(
                f"{name}: shifted, as a multiple of the unshifted row",
                "A row at another frame rate is a multiple of one at 30 frames per second as far apart in time.",
                ("", *_columns(part)),
                tuple((row.name, *(_ratio(row, column) for column in _columns(part))) for row in shifted),
            ),
            _table(f"{name}: whole takes", " / ".join(_HALVES), motion, lambda score: _joined(score, _HALVES), remarks),
        ]
    return [table for table in tables if table.rows]


def motion_tables(results: Sequence[MotionResult]) -> list[Table]:
    """Whole takes from 2D keypoints: one table per test set, a row per kind of estimator and method."""
    return [
        Table(
            f"{name}: whole takes from 2D keypoints",
            f"{REFINED}: by the whole engine. {SPEED_RATIO}: the speed of wrists and ankles that 5 % exceed, over the "
            "truth's; 1 is right, less is smoothed away.",
            ("", *METRICS),
            tuple(
                (f"{row.name}: {method}", *(_number(scores[metric]) for metric in METRICS))
                for row in part
                for method, scores in row.scores.items()
            ),
        )
        for name, part in ((name, list(rows)) for name, rows in groupby(results, key=lambda row: row.test_set))
    ]


def markdown(heading: str, facts: Sequence[str], tables: Iterable[Table]) -> str:
    """Format a page of facts and tables."""
    blocks = [f"# {_on_page(heading)}", "\n".join(f"- {_on_page(fact)}" for fact in facts)]
    for table in tables:
        lines = [table.headings, ("---", *["---:"] * (len(table.headings) - 1)), *table.rows]
        rows = "\n".join("| " + " | ".join(map(_on_page, line)) + " |" for line in lines)
        blocks += [f"## {_on_page(table.title)}", _on_page(table.note), rows]
    return "\n\n".join(blocks) + "\n"


def _on_page(text: str) -> str:
    """Words on a page of Markdown: names of folders and people are neither columns, tags, links nor emphasis."""
    return re.sub(r"([\\|<\[\]`*])", r"\\\1", escaped(text))


def for_terminal(table: Table) -> RichTable:
    """Make a table for rich's console."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    def words(text: str) -> Text:
        """Words as they are: names of folders and people are not rich's markup."""
        return Text(escaped(text))

    title, note = words(table.title), words(table.note)
    shown = RichTable(box=box.SIMPLE_HEAD, title=title, title_justify="left", caption=note)
    for index, heading in enumerate(table.headings):
        shown.add_column(words(heading), justify="right" if index else "left", no_wrap=True)
    for row in table.rows:
        shown.add_row(*map(words, row))
    return shown


def _table(
    title: str, note: str, rows: Sequence[Result], cell: Callable[[Score], str], suffix: dict[str, str] | None = None
) -> Table:
    names = {row.name: row.name + (suffix or {}).get(row.name, "") for row in rows}
    # the same case may be in several groups
    unique = {row.name: (names[row.name], *_cells(rows, row, cell)) for row in rows}
    return Table(title, note, ("", *_columns(rows)), tuple(unique.values()))


def _by_set(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    return [(name, list(part)) for name, part in groupby(results, key=lambda row: row.test_set)]


def _columns(rows: Sequence[Result]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column for row in rows for column in row.scores))


def _cells(rows: Sequence[Result], row: Result, cell: Callable[[Score], str]) -> tuple[str, ...]:
    return tuple(cell(row.scores[column]) if column in row.scores else "-" for column in _columns(rows))


def _number(value: float) -> str:
    """Two decimals of the value that the report holds: rounded anew, 303.695 and 303.6952 would differ."""
    return f"{rounded(value):.2f}"


def _pve(score: Score) -> str:
    return _number(score.metrics[PVE])


def _joined(score: Score, metrics: Sequence[str]) -> str:
    return " / ".join(_number(score.metrics[name]) for name in metrics)


def _ratio(row: Result, column: str) -> str:
    return _number(row.ratio[column]) if column in row.ratio else "-"


def _remark(row: Result) -> str:
    gain = row.gain_over_single_frames_percent
    over = "" if gain is None else f"; gain over single frames {gain:.0f} %"
    return f" (acceleration of the truth {_number(row.truth[ACCEL])}{over})"
