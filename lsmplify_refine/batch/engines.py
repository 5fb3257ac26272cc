"""Engines: where the tasks of a batch run; existing executors behind one narrow protocol."""

from __future__ import annotations

import os
from concurrent.futures import Future
from typing import Any

from lsmplify_refine.batch.cluster import Cluster
from lsmplify_refine.batch.protocol import Engine, hand_over
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.batch.watch import end_with, ignore_stop_signals
from lsmplify_refine.batch.worker import Done, Task, work

#: One thread a worker: the arrays of a clip are small, and the workers share the cores.
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}


def open_engine(settings: Settings) -> Engine:
    """The engine that the settings ask for.

    Args:
        settings: Of the batch.

    Raises:
        InputError: The cluster cannot be reached.
    """
    if settings.cluster is not None:
        return Cluster(settings.cluster)
    return Processes(settings.jobs) if settings.jobs else ThisProcess()


class ThisProcess:
    """Runs a task when it is submitted, in this process."""

    def slots(self) -> int:
        """One."""
        return 1

    def check(self) -> None:
        """Nothing can be lost."""

    def submit(self, task: Task) -> Future[list[Done]]:
        """Do the task now."""
        future: Future[list[Done]] = Future()
        try:
            future.set_result(work(task))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self, *, kill: bool) -> None:
        """Nothing is open."""


class Processes:
    """Runs tasks in processes of this machine, with joblib's loky executor; a lost worker breaks it, so it is rebuilt.

    Args:
        count: How many processes.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._executor: Any = None

    def slots(self) -> int:
        """One for each process."""
        return self._count

    def check(self) -> None:
        """A lost process breaks its executor, and with it the futures."""

    def submit(self, task: Task) -> Future[list[Done]]:
        """Start a task."""
        # a worker that is lost breaks the executor, then or at the next submit
        from joblib.externals.loky.process_executor import BrokenProcessPool, ShutdownExecutorError

        future: Future[list[Done]] = Future()
        try:
            inner = self._open().submit(work, task)
        except (BrokenProcessPool, ShutdownExecutorError):
            self.close(kill=True)
            inner = self._open().submit(work, task)
        executor = self._executor

        def lost() -> None:
            if self._executor is executor:
                self._executor = None

        inner.add_done_callback(lambda done: hand_over(done, future, (BrokenProcessPool, ShutdownExecutorError), lost))
        return future

    def close(self, *, kill: bool) -> None:
        """End the processes."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=kill)

    def _open(self) -> Any:
        if self._executor is None:
            from joblib.externals.loky import ProcessPoolExecutor

            self._executor = ProcessPoolExecutor(
                self._count, initializer=_start_worker, initargs=(os.getpid(),), env=_ONE_THREAD
            )
        return self._executor


def _start_worker(parent: int) -> None:
    ignore_stop_signals()
    end_with(parent)
