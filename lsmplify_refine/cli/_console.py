"""Running a job at the terminal: progress bars and warnings on stderr, the result on stdout."""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from lsmplify_refine.cli._exit_codes import BAD_INPUT, DONE, PARTLY_FAILED
from lsmplify_refine.cli._headline import details, headline
from lsmplify_refine.cli._next_step import next_step
from lsmplify_refine.cli._words import (
    is_json,
    is_quiet,
    is_verbose,
    say,
    say_json,
    say_next,
    say_on,
    show_table,
    show_text,
)
from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.fit import fit
from lsmplify_refine.job.job import FitJob, Job, Outcome
from lsmplify_refine.job.report_person import counts
from lsmplify_refine.job.run import run
from lsmplify_refine.stopping import check
from lsmplify_refine.values.notes import Note, Severity

#: Labels of a job's stages on their progress bars.
_STAGE_LABELS = {"refining": "refining", "rendering": "decoding, rendering"}

#: Headings of the stages of `Refinement.metrics` in the table. The calibrated body has the motion as read.
_STAGE_HEADINGS = {"input": "as read", "calibrated": "do nothing (calibrated)", "refined": "refined"}

_NOTE_LABELS: dict[Severity, str] = {"info": "note", "warning": "warning"}


def run_and_show(job: Job | FitJob, *, debug: bool = False) -> int:
    """Run a job with progress bars, then print its result: headline, table, notes and files, or its report as JSON.

    Args:
        job: What to do.
        debug: Whether to print the traceback if the comparison video could not be drawn.

    Returns:
        The exit code.
    """
    outcome = _run(job)
    code = _tell(outcome, debug=debug)
    if code == DONE:
        say_next(next_step(outcome.outputs))
    if is_json():
        say_json(report_of(outcome))
    return code


def run_all_and_show(jobs: Sequence[FitJob], *, debug: bool = False) -> int:
    """Run jobs one after another, as `run_and_show`; one that cannot be done does not stop the others.

    Returns:
        The exit code: of bad input if nothing could be done.
    """
    codes, documents = [], []
    for job in jobs:
        say(f"{job.input}:")
        try:
            outcome = _run(job)
        except InputError as error:
            if debug:
                raise
            say(f"error: {error}", error=True)
            codes.append(BAD_INPUT)
            documents.append({"input": str(job.input), "error": str(error)})
            continue
        codes.append(_tell(outcome, debug=debug))
        documents.append(report_of(outcome))
    if codes[-1] == DONE:
        say_next(next_step(outcome.outputs))
    say_json(documents)
    if all(code == BAD_INPUT for code in codes):
        return BAD_INPUT
    return PARTLY_FAILED if any(codes) else DONE


def report_of(outcome: Outcome) -> dict[str, Any]:
    """The report, as it was written, with the whole paths of all outputs: what --json prints."""
    outputs = outcome.outputs
    report: dict[str, Any] = json.loads(outputs.report.read_text(encoding="utf-8"))
    report["outputs"] = {
        name: [str(path) for path in value] if isinstance(value, tuple) else value and str(value)
        for name, value in asdict(outputs).items()
    }
    return report


def _run(job: Job | FitJob) -> Outcome:
    with Bars() as bars:
        if isinstance(job, FitJob):
            return fit(job, progress=bars.advance, notify=bars.show_note)
        return run(job, progress=bars.advance, notify=bars.show_note)


def _tell(outcome: Outcome, *, debug: bool) -> int:
    """Print what was done for people; returns the exit code."""
    try:
        _show(Console(soft_wrap=True, highlight=False), outcome)
    except OSError as error:
        say(f"warning: the results are written, but cannot be shown: {error.strerror}", error=True)
    if outcome.video_error is not None:
        if debug:
            traceback.print_exception(outcome.video_error)
        return PARTLY_FAILED
    return DONE


class Bars:
    """One progress bar per stage, on stderr, and only if that is a terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:g}/{task.total:g}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=is_quiet() or not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advance(self, stage: str, done: int, total: int) -> None:
        """Move a stage's bar; a signal may stop the work here."""
        check()
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(_STAGE_LABELS.get(stage, stage), total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)

    def show_note(self, note: Note) -> None:
        """Print a note above the bars, unless only the end of the run prints some."""
        if not (is_quiet() or is_json()):
            _show_notes(self._progress.console, [note])


def metrics_table(refinement: Refinement) -> Table:
    """Before and after, one row per metric, with the do-nothing column that the result must beat."""
    names = dict.fromkeys(name for metrics in refinement.metrics.values() for name in metrics)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for stage in refinement.metrics:
        table.add_column(_STAGE_HEADINGS.get(stage, stage), justify="right")
    for name in names:
        table.add_row(name, *(_figure(metrics.get(name)) for metrics in refinement.metrics.values()))
    return table


def _figure(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.2f}"


def _show(console: Console, outcome: Outcome) -> None:
    for refinement in outcome.refinements:
        _show_person(console, refinement)
    _show_notes(console, outcome.notes)
    _show_files(console, outcome)


def _show_person(console: Console, refinement: Refinement) -> None:
    if is_verbose():
        for line in details(refinement):
            say(line, error=True)
    show_text(console, headline(refinement))
    show_table(console, metrics_table(refinement))
    shown_counts = ", ".join(f"{count} {status}" for status, count in counts(refinement).items())
    say_on(console, f"{len(refinement.estimate)} frames: {shown_counts}")
    _show_notes(console, (*refinement.estimate.notes, *refinement.notes))


def _show_notes(console: Console, notes: Iterable[Note]) -> None:
    for note in dict.fromkeys(notes):
        say_on(console, f"{_NOTE_LABELS[note.severity]}: {note}", warning=note.severity == "warning")


def _show_files(console: Console, outcome: Outcome) -> None:
    say_on(console)
    for path in outcome.outputs.all:
        say_on(console, f"wrote {path}")
    for path in outcome.removed:
        say_on(console, f"removed {path}, which shows the earlier results")
