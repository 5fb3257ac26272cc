"""What an engine is: it takes tasks and gives futures."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from lsmplify_refine.batch.worker import Done, Task


class WorkerLostError(Exception):
    """The process at work on a task ended: killed by its clip, by a lack of memory, or from outside.

    Attributes:
        losses: How many processes the task has lost.
    """

    def __init__(self, message: str, losses: int = 1) -> None:
        super().__init__(message)
        self.losses = losses


class ClusterLostError(Exception):
    """The whole cluster is gone; the text names it."""


class Engine(Protocol):
    """Runs tasks somewhere."""

    def slots(self) -> int:
        """How many tasks run at once, now."""
        ...

    def check(self) -> None:
        """Raise a `ClusterLostError` if no future will ever be done."""
        ...

    def submit(self, task: Task) -> Future[list[Done]]:
        """Start a task. Its future may raise `WorkerLostError`, `ClusterLostError`, and what `work` raises.

        Args:
            task: Clips for one worker.
        """
        ...

    def close(self, *, kill: bool) -> None:
        """Give everything back; `kill` ends tasks at work.

        Args:
            kill: Whether tasks at work are ended; otherwise they are waited for.
        """
        ...


def hand_over(
    done: Any,
    future: Future[list[Done]],
    lost: tuple[type[BaseException], ...],
    when_lost: Callable[[], None],
    losses: int = 1,
) -> None:
    """Give a future what another library's future holds.

    Args:
        done: The other future, which is done.
        future: Ours.
        lost: Errors that mean that the worker is lost.
        when_lost: Called in that case, before the future is set.
        losses: How many workers are lost then.
    """
    error = done.exception()
    if error is None:
        future.set_result(done.result())
    elif isinstance(error, lost):
        when_lost()
        future.set_exception(WorkerLostError(str(error), losses))
    else:
        future.set_exception(error)
