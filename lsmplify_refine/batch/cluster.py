"""The Dask engine: tasks run on the workers of a `distributed` cluster, which see the same files."""

from __future__ import annotations

import time
from concurrent.futures import Future
from contextlib import suppress
from importlib import import_module
from typing import Any

from lsmplify_refine.batch.protocol import ClusterLostError, hand_over
from lsmplify_refine.batch.worker import Done, Task, work
from lsmplify_refine.errors import InputError

#: Seconds to wait for the scheduler.
_CONNECT_SECONDS = "10s"

#: Seconds after which a scheduler that does not answer is gone, and to wait for it at the end.
_ABSENT_SECONDS, _CLOSE_SECONDS = 30.0, 5

#: Workers that a task may lose before Dask gives it up; the run then looks for the clip itself.
_ALLOWED_FAILURES = 1

#: How often Dask runs a task again that failed otherwise than by its clip, which `work` catches.
_RETRIES = 1


class Cluster:
    """Runs tasks on a cluster.

    joblib's Dask backend never returns if a task always kills its worker, so this is `Client.submit` itself.

    Args:
        address: Of the scheduler, `tcp://host:port`.

    Raises:
        InputError: distributed is not installed, nothing answers there, or it has no workers.
    """

    def __init__(self, address: str) -> None:
        try:
            self._dask: Any = import_module("distributed")
        except ImportError as error:
            raise InputError(
                f"--cluster {address}: needs distributed; pip install 'lsmplify-refine[cluster]'"
            ) from error
        self._address = address
        self._at_work: set[Any] = set()
        self._seen = time.monotonic()
        try:
            self._client = self._dask.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(
                f"--cluster {address}: no Dask scheduler answers there ({error}); start one with: dask scheduler"
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError as error:
            self._client.close()
            raise InputError(
                f"--cluster {address}: the scheduler has no workers; start some with: dask worker {address}"
            ) from error
        self._before = self._client.run_on_scheduler(_allow_failures, count=_ALLOWED_FAILURES)

    def slots(self) -> int:
        """One for each thread of each worker that is there now."""
        return sum(self._client.nthreads().values()) if self._client.status == "running" else 0

    def check(self) -> None:
        """Raise a `ClusterLostError` if the scheduler is gone for long, or came back without the tasks."""
        now = time.monotonic()
        if self._client.status == "running":
            self._seen = now
        forgotten = any(future.status == "lost" for future in self._at_work)
        if forgotten or self._client.status == "closed" or now - self._seen > _ABSENT_SECONDS:
            raise ClusterLostError(f"the cluster {self._address} is gone")

    def submit(self, task: Task) -> Future[list[Done]]:
        """Start a task.

        Args:
            task: Clips for one worker.
        """
        future: Future[list[Done]] = Future()
        inner = self._client.submit(work, task, pure=False, retries=_RETRIES)
        self._at_work.add(inner)
        inner.add_done_callback(lambda done: self._hand_over(done, future))
        return future

    def close(self, *, kill: bool) -> None:
        """Leave the cluster as it was; tasks that are not begun are given up.

        Args:
            kill: Unused: giving the tasks back ends them.
        """
        with suppress(Exception):  # the scheduler is gone, and with it the setting
            self._client.run_on_scheduler(_allow_failures, count=self._before)
        self._client.close(timeout=_CLOSE_SECONDS)

    def _hand_over(self, done: Any, future: Future[list[Done]]) -> None:
        self._at_work.discard(done)
        if done.status in ("cancelled", "lost"):
            future.set_exception(ClusterLostError(f"the cluster {self._address} is gone"))
        else:
            hand_over(done, future, (self._dask.KilledWorker,), lambda: None, 1 + _ALLOWED_FAILURES)


def _allow_failures(count: int, dask_scheduler: Any) -> int:
    """Set how many workers a task may lose; returns what it was."""
    before, dask_scheduler.allowed_failures = dask_scheduler.allowed_failures, count
    return int(before)
