"""Running a job at the terminal: progress bars on stderr, the result on stdout."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.job.job import Job, Outcome
from lsmplify_refine.job.report import counts, metrics_table
from lsmplify_refine.job.run import run
from lsmplify_refine.values.notes import Note

#: What the stages of a job are called on their bars.
LABELS = {"refining": "refining", "rendering": "decoding, rendering"}


def run_and_show(job: Job) -> int:
    """Run a job with progress bars, then print the table, the notes and the files written."""
    with Bars() as bars:
        outcome = run(job, progress=bars.advance)
    console = Console(soft_wrap=True, highlight=False)
    for refinement in outcome.refinements:
        _show_person(console, refinement)
    _show_notes(console, outcome.notes)
    _show_files(console, outcome)
    return 0


class Bars:
    """One progress bar a stage, on stderr, and only where that is a terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:g}/{task.total:g}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advance(self, stage: str, done: int, total: int) -> None:
        """Move a stage's bar."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(LABELS.get(stage, stage), total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)


def _show_person(console: Console, refinement: Refinement) -> None:
    console.print(metrics_table(refinement))
    print_counts = ", ".join(f"{count} {status}" for status, count in counts(refinement).items())
    console.print(f"{len(refinement.estimate)} frames: {print_counts}", markup=False)
    _show_notes(console, (*refinement.estimate.notes, *refinement.notes))


def _show_notes(console: Console, notes: Iterable[Note]) -> None:
    for note in dict.fromkeys(notes):
        console.print(f"{'warning' if note.severity == 'warning' else 'note'}: {note}", markup=False)


def _show_files(console: Console, outcome: Outcome) -> None:
    console.print()
    for path in outcome.outputs.all:
        console.print(f"wrote {path}", markup=False)
