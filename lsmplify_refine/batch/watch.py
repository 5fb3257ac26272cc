"""Watchers in a worker: a clip's time limit, and the end of the process that started the worker.

Nothing can break off a call into a library. So a worker that must end is killed, and the run starts another one.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds between two looks at the parent process.
_LOOK_SECONDS = 0.5


@contextmanager
def time_limit(seconds: float | None, expired: Callable[[], object]) -> Iterator[None]:
    """Kill this process if the block takes longer.

    Args:
        seconds: The limit; None for none.
        expired: Called first, to leave a record.
    """
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, _expire, args=(expired,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def ignore_stop_signals() -> None:
    """Leave Ctrl-C and SIGTERM, which terminals and schedulers send to all processes, to the run."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def end_with(parent: int) -> None:
    """End this process soon after its parent has ended: nobody would take its results.

    Args:
        parent: Id of that process.
    """
    if sys.platform != "win32":
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _expire(expired: Callable[[], object]) -> None:
    try:
        expired()
    finally:
        end_now()


def end_now() -> None:
    """Kill this process."""
    if sys.platform == "win32":
        os._exit(1)
    os.kill(os.getpid(), signal.SIGKILL)
