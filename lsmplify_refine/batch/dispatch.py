"""Give clips to an engine, a task at a time, until all are done; find the clip that kills its worker."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from lsmplify_refine.batch.disk import DiskFullError, is_disk_full
from lsmplify_refine.batch.protocol import ClusterLostError, Engine, WorkerLostError
from lsmplify_refine.batch.record import Record, load_record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.batch.worker import Done, Task, failed
from lsmplify_refine.errors import describe_error
from lsmplify_refine.stopping import received

#: Short clips are packed into tasks of about this many seconds, as long as every worker has this many tasks to come.
#: Only the task is shared, not the regressor's batch: it takes 7 % of a clip's time, and the last bits of its results
#: depend on how many frames are in the batch.
_TASK_SECONDS, _TASKS_TO_COME = 2.0, 4
_MAX_PACK = 64

#: A clip is blamed after it has lost this many workers while it ran alone. One loss may have another cause.
_LOSSES = 2

#: Seconds between two looks for stop signals, which no future reports.
_LOOK_SECONDS = 0.2

_KILLED = "its worker ended without a word, twice: killed by this clip, or for lack of memory"


@dataclass
class _Work:
    """What is to do and at work."""

    waiting: deque[Row]
    suspects: deque[Row] = field(default_factory=deque)
    at_work: dict[Future[list[Done]], Task] = field(default_factory=dict)
    alone: Future[list[Done]] | None = None
    losses: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    done: int = 0


class Dispatcher:
    """Gives the clips of a run to an engine.

    Args:
        engine: Where tasks run.
        settings: Of the batch.
        run: The run, for the records.
        tell: Called with each clip that is done or has failed.
    """

    def __init__(self, engine: Engine, settings: Settings, run: str, tell: Callable[[Done], None]) -> None:
        self._engine, self._settings, self._run, self._tell = engine, settings, run, tell

    def do(self, rows: Iterable[Row], videos: frozenset[str]) -> list[Row]:
        """Do clips; returns those that were not begun because of a stop signal.

        Args:
            rows: The clips.
            videos: Names of those whose comparison video is written.

        Raises:
            DiskFullError: Nothing more can be written.
            ClusterLostError: The cluster is gone.
        """
        work = _Work(deque(rows))
        while work.at_work or work.waiting or work.suspects:
            stopping = received() is not None
            if stopping and not work.at_work:
                break
            if not stopping:
                self._fill(work, videos)
            self._engine.check()
            if not work.at_work:
                time.sleep(_LOOK_SECONDS)  # a cluster without workers
            done, _ = wait(work.at_work, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in [each for each in work.at_work if each in done]:
                self._take(work, future)
        return [*work.suspects, *work.waiting]

    def _fill(self, work: _Work, videos: frozenset[str]) -> None:
        """Start tasks. Suspects run alone, one at a time."""
        if work.alone is not None:
            return
        if work.suspects:
            if not work.at_work:
                work.alone = self._start(work, (work.suspects.popleft(),), videos)
            return
        while work.waiting and len(work.at_work) < self._engine.slots():
            count = min(self._pack(work), len(work.waiting))
            self._start(work, tuple(work.waiting.popleft() for _ in range(count)), videos)

    def _pack(self, work: _Work) -> int:
        """How many clips the next task has."""
        if self._settings.pack is not None:
            return self._settings.pack
        if not work.done:
            return 1
        short = int(_TASK_SECONDS / max(work.seconds / work.done, 1e-3))
        share = len(work.waiting) // (_TASKS_TO_COME * max(self._engine.slots(), 1))
        return max(1, min(short, share, _MAX_PACK))

    def _start(self, work: _Work, rows: Sequence[Row], videos: frozenset[str]) -> Future[list[Done]]:
        taken = {task.slot for task in work.at_work.values()}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        task = Task(self._settings, tuple(rows), videos & {row.name for row in rows}, self._run, slot)
        future = self._engine.submit(task)
        work.at_work[future] = task
        return future

    def _take(self, work: _Work, future: Future[list[Done]]) -> None:
        """Take what became of a task."""
        task, alone = work.at_work.pop(future), future is work.alone
        work.alone = None if alone else work.alone
        error = future.exception()
        if error is None:
            for done in future.result():
                self._count(work, done)
        elif is_disk_full(error):
            raise DiskFullError(f"{self._settings.output}: the disk is full") from error
        elif isinstance(error, ClusterLostError):
            raise error
        elif isinstance(error, WorkerLostError):
            self._lost(work, task, error.losses if alone else 0)
        else:
            # a fault of this program, or of what carries the tasks
            for row in task.rows:
                self._fail(work, row, describe_error(error))

    def _lost(self, work: _Work, task: Task, losses: int) -> None:
        """A worker is lost: what it finished is done, the rest runs again, each clip alone.

        Args:
            work: What is to do.
            task: What the worker was at.
            losses: How many workers were lost with this task alone.
        """
        for row in task.rows:
            record = load_record(self._settings.output, row.name)
            wanted = row.name in task.videos
            if record is not None and record.run == self._run and (record.video or not wanted or record.reason):
                self._count(work, Done(row.name, record.reason, record.seconds))
                continue
            work.losses[row.name] = work.losses.get(row.name, 0) + losses
            if work.losses[row.name] >= _LOSSES:
                self._fail(work, row, _KILLED, record if wanted else None)
            else:
                work.suspects.append(row)

    def _fail(self, work: _Work, row: Row, reason: str, before: Record | None = None) -> None:
        self._count(work, failed(self._settings, row, Record(row.name, self._run, "failed", reason), before))

    def _count(self, work: _Work, done: Done) -> None:
        work.losses.pop(done.name, None)
        work.done += 1
        work.seconds += done.seconds
        self._tell(done)


def new_run() -> str:
    """A name for a run, which no earlier run has."""
    import uuid

    return f"{time.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:8]}"
