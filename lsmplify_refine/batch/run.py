"""Run a batch: skip what is done, do the rest, draw the chosen videos, and write the summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from lsmplify_refine.batch.disk import DiskFullError, is_disk_full
from lsmplify_refine.batch.dispatch import Dispatcher, new_run
from lsmplify_refine.batch.engines import open_engine
from lsmplify_refine.batch.history import begun
from lsmplify_refine.batch.lock import locked
from lsmplify_refine.batch.manifest import manifest_text, read_manifest
from lsmplify_refine.batch.protocol import Engine
from lsmplify_refine.batch.record import STATE, load_record, write_whole
from lsmplify_refine.batch.rows import Row, check_unique
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.batch.summary import NO_SUMMARY, Summary, write_summary
from lsmplify_refine.batch.worker import Done
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.transaction import unwritable
from lsmplify_refine.stopping import received

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Start:
    """What a run is about to do.

    Attributes:
        clips: Clips of its share.
        to_do: Those that are not done.
        of: Clips in all.
    """

    clips: int
    to_do: int
    of: int


class Tell:
    """What a run tells while it works; the command shows it."""

    def start(self, start: Start) -> None:
        """The run begins.

        Args:
            start: How many clips there are.
        """

    def clip(self, done: Done) -> None:
        """A clip is done, or has failed.

        Args:
            done: The clip.
        """

    def videos(self, count: int) -> None:
        """The comparison videos of so many clips begin.

        Args:
            count: How many.
        """


@dataclass(frozen=True)
class BatchOutcome:
    """What a run did.

    Attributes:
        clips: Clips of its share.
        skipped: Those that were done before.
        failed: Name and reason of those that failed.
        left: How many were not begun because of a stop signal.
        summary: The summary; without files if only a share was run.
    """

    clips: int
    skipped: int
    failed: tuple[Done, ...]
    left: int
    summary: Summary = NO_SUMMARY


def run_batch(rows: Sequence[Row], settings: Settings, tell: Tell | None = None) -> BatchOutcome:
    """Do all clips that are not done.

    Args:
        rows: The clips.
        settings: What to do, and where.
        tell: Told what happens.

    Raises:
        InputError: The output folder cannot be used or is held by another run, or the engine cannot be started.
        DiskFullError: Nothing more can be written.
        ClusterLostError: The cluster is gone.
    """
    check_unique(rows)
    try:
        with locked(settings.output, settings.shard):
            return _run(rows, settings, tell or Tell())
    except (OSError, InputError) as error:
        if is_disk_full(error):
            raise DiskFullError(f"{settings.output}: the disk is full") from error
        raise


def _run(rows: Sequence[Row], settings: Settings, tell: Tell) -> BatchOutcome:
    """Do all clips that are not done; the output folder is held."""
    _save_manifest(rows, settings.output)
    mine = settings.shard.of(rows)
    wanted = settings.videos.before(rows)
    to_do = [row for row in mine if settings.force or not _is_done(settings, row, video=row.name in wanted)]
    tell.start(Start(len(mine), len(to_do), len(rows)))
    failed: dict[str, Done] = {}

    def clip(done: Done) -> None:
        if done.reason:
            failed[done.name] = done
        tell.clip(done)

    left = _do(to_do, mine, wanted, settings, tell, clip)
    summary = write_summary(rows, settings.output) if settings.shard.is_all else NO_SUMMARY
    return BatchOutcome(len(mine), len(mine) - len(to_do), tuple(failed.values()), left, summary)


def summarise(output: Path) -> BatchOutcome:
    """Write the summary of what all shards have done so far; returns what became of the clips.

    Args:
        output: The batch's output folder.

    Raises:
        InputError: No batch has run in this folder, or the summary cannot be written.
    """
    path = output / STATE / MANIFEST
    if not path.is_file():
        raise InputError(f"{output}: no batch has run with this --output; run one first")
    rows = read_manifest(path)
    records = [load_record(output, row.name) for row in rows]
    failed = tuple(Done(each.name, each.reason) for each in records if each is not None and each.status == "failed")
    return BatchOutcome(len(rows), 0, failed, records.count(None), write_summary(rows, output))


def _do(
    to_do: Sequence[Row],
    mine: Sequence[Row],
    wanted: frozenset[str],
    settings: Settings,
    tell: Tell,
    clip: Callable[[Done], None],
) -> int:
    """Do clips and their videos; returns how many clips a stop signal left."""
    opened = _Opened(settings)
    try:
        run, left = new_run(), list(to_do)
        if to_do:
            began, history = time.monotonic(), begun(run, settings)
            history.save(settings.output)
            left = Dispatcher(opened.engine, settings, run, clip).do(to_do, wanted)
            seconds = round(time.monotonic() - began, 3)
            replace(history, clips=len(to_do) - len(left), seconds=seconds).save(settings.output)
        # which clips gained least is known when all are done
        if settings.shard.is_all and not left and received() is None:
            late = _late_videos(mine, settings)
            if late:
                tell.videos(len(late))
                names = frozenset(row.name for row in late)
                Dispatcher(opened.engine, settings, run, clip).do(late, names)
    except BaseException:
        opened.close(kill=True)
        raise
    opened.close(kill=False)
    return len(left)


class _Opened:
    """The engine, opened when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def engine(self) -> Engine:
        return open_engine(self._settings)

    def close(self, *, kill: bool) -> None:
        if "engine" in self.__dict__:
            self.engine.close(kill=kill)


def _late_videos(rows: Sequence[Row], settings: Settings) -> list[Row]:
    """The clips whose video is wanted for their results, and was not yet tried."""
    found = ((row, load_record(settings.output, row.name)) for row in rows)
    drawable = {row.name: (row, record) for row, record in found if record is not None and record.footage}
    chosen = settings.videos.after(record for _, record in drawable.values())
    return [drawable[name][0] for name in chosen if not drawable[name][1].video]


def _is_done(settings: Settings, row: Row, *, video: bool) -> bool:
    return settings.is_done(row, load_record(settings.output, row.name), video=video)


def _save_manifest(rows: Sequence[Row], output: Path) -> None:
    """Keep the clips for `summarise`; all shards of a batch have the same."""
    path = output / STATE / MANIFEST
    try:
        write_whole(path, manifest_text(rows, path, relative=False))
    except OSError as error:
        raise unwritable(output, error) from error
