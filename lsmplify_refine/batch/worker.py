"""What a worker does: refine the clips of a task, one after another, and leave a record of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from lsmplify_refine.batch.disk import DiskFullError, is_disk_full
from lsmplify_refine.batch.fingerprint import states
from lsmplify_refine.batch.record import WRITTEN, Record, load_record, size_of
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.batch.truth import against_truth, forget_bodies
from lsmplify_refine.batch.watch import time_limit
from lsmplify_refine.errors import InputError, describe_error
from lsmplify_refine.job.run_lock import HeldError

if TYPE_CHECKING:
    from lsmplify_refine.engine.refinement import Refinement
    from lsmplify_refine.job.job import Job, Outcome
    from lsmplify_refine.job.tools import Tools

#: Seconds to wait for a worker of a dead run that is still at a clip, and between two tries.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 60.0, 0.5


@dataclass(frozen=True)
class Task:
    """Clips for one worker.

    Attributes:
        settings: Of the batch.
        rows: The clips.
        videos: Names of those whose comparison video is written.
        run: The run, for the records.
        slot: A number that no other task at work has; it chooses the device.
    """

    settings: Settings
    rows: tuple[Row, ...]
    videos: frozenset[str]
    run: str
    slot: int = 0


@dataclass(frozen=True)
class Done:
    """What the run is told of a clip; the rest is in the clip's record.

    Attributes:
        name: The clip's name.
        reason: Why it failed; "" if it did not.
        seconds: How long it took.
        video: Why the comparison video that was asked for is missing; "" if it is not.
    """

    name: str
    reason: str = ""
    seconds: float = 0.0
    video: str = ""


def work(task: Task) -> list[Done]:
    """Refine the clips of a task.

    A clip that fails is recorded, and the next one is begun.

    Args:
        task: The clips, and how to refine them.

    Raises:
        DiskFullError: Nothing more can be written.
    """
    from lsmplify_refine.safe_load import trusting

    _prepare(task)
    done = []
    for row in task.rows:
        # the other clips' reports need not say it
        with trusting(task.settings.trusted_of(row)):
            done.append(_refine_clip(task, row))
    return done


def _refine_clip(task: Task, row: Row) -> Done:
    settings, video = task.settings, row.name in task.videos
    found = load_record(settings.output, row.name)
    by_this_run = found is not None and found.run == task.run
    if found and by_this_run and found.status == "failed":
        return Done(row.name, found.reason, found.seconds)
    # done by a worker that was lost afterwards, or by one of a run that died
    if found and (by_this_run or not settings.force) and settings.is_done(row, found, video=video):
        return Done(row.name, seconds=found.seconds)
    # results that are there are not lost with their video
    results = found if found and settings.is_done(row, found, video=False) else None
    began = time.monotonic()

    def fail(reason: str) -> Done:
        seconds = round(time.monotonic() - began, 3)
        return failed(settings, row, Record(row.name, task.run, "failed", reason, seconds=seconds), results)

    with time_limit(settings.clip_seconds, lambda: fail(_too_long(settings))):
        try:
            record = _record(task, row, video=video, began=began)
            record.save(settings.output)
            lacking = record.video if video and record.video != WRITTEN else ""
            return Done(row.name, seconds=record.seconds, video=lacking)
        except Exception as error:
            if is_disk_full(error):
                raise DiskFullError(f"{settings.output}: the disk is full") from error
            return fail(describe_error(error))


def failed(settings: Settings, row: Row, record: Record, results: Record | None) -> Done:
    """Record that a clip failed; if its results are there, only its video did.

    Args:
        settings: Of the batch.
        row: The clip.
        record: That it failed, and why.
        results: The record of its results, if they are there.

    Raises:
        OSError: The record cannot be written.
    """
    if results is not None and results.status == "done":
        replace(results, video=record.reason).save(settings.output)
        return Done(row.name, seconds=record.seconds, video=record.reason)
    record.save(settings.output)
    return Done(row.name, record.reason, record.seconds)


def _record(task: Task, row: Row, *, video: bool, began: float) -> Record:
    from lsmplify_refine.job.report import plain

    settings = task.settings
    job = settings.job(row, video=video)
    before = states(settings.given(row))
    outcome = _waiting(lambda: _run(job))
    beside = (path for refinement in outcome.refinements for path in _beside(refinement))
    outputs = {path.relative_to(settings.output.absolute()).as_posix(): size_of(path) for path in outcome.outputs.all}
    known = {state.path for state in before}
    return Record(
        row.name,
        task.run,
        "done",
        options=settings.digest(row),
        inputs=(*before, *(state for state in states(beside) if state.path not in known)),
        outputs=outputs,
        footage=_footage(job, outcome),
        video=_video(outcome) if video else "",
        seconds=round(time.monotonic() - began, 3),
        notes=tuple(plain(asdict(note)) for note in outcome.notes),
        people=tuple(plain(_person(row, job, refinement)) for refinement in outcome.refinements),
    )


def _run(job: Job) -> Outcome:
    from lsmplify_refine.job.run import run

    results = _results_folder(job)
    if results is not None:
        rmtree(results)
    return run(job, tools=_tools(), needs_video=False)


def _results_folder(job: Job) -> Path | None:
    """Results of an earlier run that are a folder, which no run replaces; the clip's folder belongs to the batch."""
    from lsmplify_refine.job.outputs import name_outputs

    if job.output_format is not None or not job.input.is_dir():
        return None
    path = name_outputs(job.input, job.output).results
    return path if path.is_dir() and not path.is_symlink() else None


def _waiting(run: Callable[[], Outcome]) -> Outcome:
    """Run a job; if a worker of a dead run still writes its outputs, wait for it."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return run()
        except InputError as error:
            if not isinstance(error.__cause__, HeldError) or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)


def _person(row: Row, job: Job, refinement: Refinement) -> dict[str, Any]:
    from lsmplify_refine.job.report_person import counts

    estimate = refinement.estimate
    truth = against_truth(row.truth, refinement, job.body_model)
    notes = (*estimate.notes, *refinement.notes, *([truth.note] if truth.note else []))
    return {
        "track_id": estimate.track_id,
        "frames": len(estimate),
        "fps": estimate.fps,
        "metrics": refinement.metrics,
        "truth": truth.stages,
        "truth_frames": truth.frames,
        "counts": counts(refinement),
        "notes": [asdict(note) for note in notes],
    }


def _beside(refinement: Refinement) -> Iterator[Path]:
    """Files beside the input that were used: the video and the keypoints."""
    source = refinement.keypoints.source
    for path in (refinement.estimate.video, Path(source) if source else None):
        if path is not None and path.exists():
            yield path


def _footage(job: Job, outcome: Outcome) -> str:
    if any(note.code == "video-ignored" for note in outcome.notes):
        return ""
    return str(job.video or next((each.estimate.video for each in outcome.refinements if each.estimate.video), ""))


def _video(outcome: Outcome) -> str:
    if outcome.outputs.comparison is not None:
        return WRITTEN
    return describe_error(outcome.video_error) if outcome.video_error else "there is no video to draw on"


def _too_long(settings: Settings) -> str:
    return f"not done within {settings.clip_seconds:g} seconds; give a higher --clip-seconds"


@lru_cache(maxsize=1)
def _tools() -> Tools:
    from lsmplify_refine.job.tools import Tools

    return Tools()


#: The slot of this process's first task.
_SLOTS: list[int] = []

#: The run of this process's last task; a cluster's workers outlive runs.
_RUNS: list[str] = []


def _prepare(task: Task) -> None:
    """Import what is slow to import, and use one thread, and a device of this process's own if there are several."""
    import torch

    if [task.run] != _RUNS:
        # the user's weights and bodies may have changed since
        _RUNS[:] = [task.run]
        _tools.cache_clear()
        forget_bodies()
    if task.settings.jobs == 0:
        return  # the user's process
    torch.set_num_threads(1)
    _SLOTS[:] = _SLOTS or [task.slot]
    if task.settings.device in ("auto", "cuda") and torch.cuda.is_available():
        # the first task's slot: a process stays on its device
        torch.cuda.set_device(_SLOTS[0] % torch.cuda.device_count())
