"""Stop signals: Ctrl-C, SIGTERM and SIGHUP set a flag, and the work looks at it between its steps.

An exception out of a signal handler may appear anywhere: inside an OpenGL call that swallows it, inside an import, or
between two renames. So the handler raises nothing. The work calls `check` between frames and stages.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: The signals that ask a run to stop; Windows lacks SIGHUP.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

#: Seconds after which another signal stops at once. Wrappers and terminals may send the first one twice.
_INSIST_SECONDS = 1.0


class Stopped(KeyboardInterrupt):
    """A signal asked the run to stop.

    Attributes:
        number: The signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class _State:
    """What this process was asked: there is one set of signal handlers in a process."""

    received: int | None = None
    asked_at = 0.0
    holds = 0
    remains: str | None = None


def check() -> None:
    """Stop here if a signal asked for it.

    Raises:
        Stopped: A signal arrived since `watched` began. Each later call raises again.
    """
    if _State.received is not None:
        raise Stopped(_State.received)


def received() -> int | None:
    """The number of the signal that arrived since `watched` began, if any."""
    return _State.received


def exit_code(number: int | None) -> int:
    """The exit code of a run that a signal stopped, as shells count it: 130, 143, 129."""
    return 128 + (signal.SIGINT if number is None else number)


def leaves(text: str) -> None:
    """Say what a stop leaves behind from now on, such as "the results were written"."""
    _State.remains = text


def remains() -> str | None:
    """What a stop leaves behind, if `leaves` was called since `watched` began."""
    return _State.remains


@contextmanager
def watched() -> Iterator[None]:
    """Handle the stop signals in this block. A signal that the parent process set to be ignored stays ignored."""
    _State.received, _State.remains = None, None
    try:
        with _handled_by(_ask):
            yield
    finally:
        # the next run in this process was not asked to stop
        _State.received = None


@contextmanager
def held() -> Iterator[None]:
    """Finish this block whatever signal arrives; outside of `watched`, the signal acts at the block's end."""
    _State.holds += 1
    late: list[int] = []
    try:
        if _is_watched():
            yield
        else:
            with _handled_by(lambda number, _: late.append(number)):
                yield
    finally:
        _State.holds -= 1
        for number in late:
            signal.raise_signal(number)


def _ask(number: int, _: FrameType | None) -> None:
    now = time.monotonic()
    if _State.received is None:
        _State.received, _State.asked_at = number, now
    elif now - _State.asked_at > _INSIST_SECONDS and not _State.holds:
        raise Stopped(number)


def _is_watched() -> bool:
    return any(signal.getsignal(number) is _ask for number in SIGNALS)


@contextmanager
def _handled_by(handler: Any) -> Iterator[None]:
    """Install a handler; only the main thread may, and only it is interrupted."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            # None: installed by other code than Python's, which could not be put back
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
