"""A batch at the terminal: the plan, a live bar or plain lines, the table, and what failed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lsmplify_refine.batch.disk import DiskFullError
from lsmplify_refine.batch.manifest import manifest_text
from lsmplify_refine.batch.plan import plan
from lsmplify_refine.batch.protocol import ClusterLostError
from lsmplify_refine.batch.record import write_whole
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.run import BatchOutcome, Start, Tell, run_batch, summarise
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.batch.summary import JSON, PAGE, TABLE
from lsmplify_refine.batch.words import duration
from lsmplify_refine.batch.worker import Done
from lsmplify_refine.cli._exit_codes import DONE, PARTLY_FAILED
from lsmplify_refine.cli._next_step import quoted
from lsmplify_refine.cli._words import is_quiet, say, say_json, say_next, say_on
from lsmplify_refine.errors import InputError
from lsmplify_refine.stopping import leaves, received

#: Seconds between two lines where there is no terminal.
_LINE_SECONDS = 10.0

#: The command that puts shards together.
_MERGE = "lsmplify-refine batch --summary-only --output"

#: Failed clips that are listed at the end; the summary has all.
_MAX_LISTED = 20


def write_manifest(rows: Sequence[Row], path: Path) -> int:
    """Write the manifest and say where it is."""
    if path.suffix not in (".csv", ".jsonl"):
        raise InputError(f"--manifest-only {path}: a manifest ends in .csv or .jsonl")
    if path.exists():
        raise InputError(f"{path}: exists already; move it away, or give another name: --manifest-only FILE")
    write_whole(path, manifest_text(rows, path))
    say(f"wrote {path}: {len(rows)} clips; edit it, then run: lsmplify-refine batch {path}")
    say_json({"manifest": str(path), "clips": len(rows)})
    return DONE


def show_plan(rows: Sequence[Row], settings: Settings) -> int:
    """Say of each clip what would be done."""
    lines = list(plan(settings.shard.of(rows), settings))
    for line in lines:
        say(f"{line.name}: {line.what}")
    say_json([asdict(line) for line in lines])
    kinds = {kind: sum(line.kind == kind for line in lines) for kind in ("to do", "done", "cannot")}
    say(f"{kinds['to do']} to do, {kinds['done']} done already, {kinds['cannot']} that cannot be done as they are")
    return PARTLY_FAILED if kinds["cannot"] else DONE


def show_summary(output: Path) -> int:
    """Write the summary of what was done, and print the table."""
    return _show(summarise(output), output)


def run_and_show(rows: Sequence[Row], settings: Settings) -> int:
    """Run the batch with a bar, then print the table and what failed."""
    try:
        with Bar() as bar:
            outcome = run_batch(rows, settings, bar)
    except (DiskFullError, ClusterLostError) as error:
        say(f"error: {error}; what is done stays done: run the same command again to go on", error=True)
        return PARTLY_FAILED
    code = _show(outcome, settings.output)
    if not settings.shard.is_all:
        say(f"shard {settings.shard} has ended; after all of them: {_MERGE} {settings.output}")
    if received() is not None and outcome.left:
        done = outcome.clips - outcome.left
        leaves(f"{done} of {outcome.clips} clips are done; run the same command again to go on")
    return code


class Bar(Tell):
    """A bar with rate and remaining time on stderr; plain lines if that is not a terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=is_quiet() or not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._total = self._done = self._failed = 0
        self._began = self._told = time.monotonic()

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def start(self, start: Start) -> None:
        """Say how much there is to do."""
        share = f" of {start.of}" if start.clips != start.of else ""
        before = start.clips - start.to_do
        say_on(self._console, f"{start.clips}{share} clips: {before} done before, {start.to_do} to do")
        self._begin("refining", start.to_do)

    def videos(self, count: int) -> None:
        """The comparison videos begin."""
        say_on(self._console, f"comparison videos of {count} clips")
        self._begin("drawing", count)

    def clip(self, done: Done) -> None:
        """Count a clip, and say why one failed."""
        self._done += 1
        if done.reason:
            self._failed += 1
            say_on(self._console, f"failed: {done.name}: {done.reason}")
        if done.video:
            say_on(self._console, f"no comparison video: {done.name}: {done.video}")
        if self._task is not None:
            self._progress.update(self._task, completed=self._done, rate=self._rate())
        now = time.monotonic()
        last = self._done == self._total
        if not self._console.is_terminal and (last or now - self._told > _LINE_SECONDS):
            self._told = now
            left = "" if last else f", {duration(self._left(now))} left"
            say_on(self._console, f"{self._done} of {self._total} clips, {self._rate()}{left}")

    def _begin(self, what: str, total: int) -> None:
        self._total, self._done, self._began = total, 0, time.monotonic()
        if total:
            self._task = self._progress.add_task(what, total=total, rate="")

    def _rate(self) -> str:
        return f"{self._done / max(time.monotonic() - self._began, 1e-6):.2f} clips/s"

    def _left(self, now: float) -> float:
        return (now - self._began) / max(self._done, 1) * (self._total - self._done)


def _show(outcome: BatchOutcome, output: Path) -> int:
    """Print the table, the files of the summary, and what failed; returns the exit code."""
    if outcome.summary.files:
        for line in (output / TABLE).read_text(encoding="utf-8").splitlines():
            say(line)
        for path in outcome.summary.files:
            say(f"wrote {path}")
    if outcome.summary.page_error:
        say(f"warning: {output / PAGE} could not be written: {outcome.summary.page_error}", error=True)
    say_json(_document(outcome, output))
    for done in outcome.failed[:_MAX_LISTED]:
        say(f"failed: {done.name}: {done.reason}", error=True)
    if outcome.failed:
        say(
            f"{len(outcome.failed)} of {outcome.clips} clips failed; fix them and run the same command again",
            error=True,
        )
    if output / PAGE in outcome.summary.files:
        say_next(f"open {quoted(str(output / PAGE))}")
    return PARTLY_FAILED if outcome.failed else DONE


def _document(outcome: BatchOutcome, output: Path) -> dict[str, Any]:
    """What --json prints: the summary and its files; of a share of the clips, only what became of them."""
    document = {
        "clips_of_this_run": outcome.clips,
        "done_before": outcome.skipped,
        "left": outcome.left,
        "failed": {done.name: done.reason for done in outcome.failed},
        "outputs": [str(path) for path in outcome.summary.files],
    }
    summary = json.loads((output / JSON).read_text(encoding="utf-8")) if outcome.summary.files else {}
    return {"run": document, **summary}
