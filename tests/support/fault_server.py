"""Runs of the command that are stopped, killed or starved, each in a child of one clean process.

A process in which OpenGL or a thread pool has run cannot be forked safely, and a new Python takes seconds to start.
So a server imports the command once, and forks for each run. `python -m tests.support.fault_server` reads a line of
JSON for each run and answers with one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.faults import acting_at, told_by_child

#: Exit code of a run that got a signal and ended as if it had not.
SWALLOWED = 99

#: What a fault may come after, by name: a module, and the function or method in it.
STAGES = {
    "reading": ("lsmplify_refine.formats.load_save", "load"),
    "opening the body": ("lsmplify_refine.job.tools", "Tools.body"),
    "refining": ("lsmplify_refine.engine.refiner", "Refiner.refine"),
    "drawing": ("lsmplify_refine.visual.mesh", "MeshRenderer.overlay"),
    "writing": ("lsmplify_refine.formats.load_save", "save"),
    "reporting": ("lsmplify_refine.job.finish", "build_report"),
}


@dataclass(frozen=True)
class Fault:
    """What happens to a run.

    Attributes:
        number: The signal that it gets.
        stage: One of `STAGES`, after which it comes; None for `step`.
        step: The rename before which it comes, from 1; 0 for never.
        seconds: When it comes, if neither a stage nor a step is given; 0 for never.
        file_bytes: The longest file that the disk takes.
        ignored: Whether the run's parent had the signal ignored, as `nohup` does.
        swallowed: Whether it comes where Python ignores exceptions.
    """

    number: int = 0
    stage: str | None = None
    step: int = 0
    seconds: float = 0.0
    file_bytes: int | None = None
    ignored: bool = False
    swallowed: bool = False


class FaultServer:
    """A process that runs the command with faults."""

    def __init__(self) -> None:
        root = str(Path(__file__).resolve().parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fault_server"],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: list[str], fault: Fault | None = None) -> tuple[int, str]:
        """The exit code of a run of the command (minus a signal's number if that killed it), and its stderr."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([arguments, asdict(fault or Fault())]), file=self._process.stdin, flush=True)
        code, text = json.loads(self._process.stdout.readline())
        return code, text

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _serve() -> None:
    from lsmplify_refine.cli import _console  # noqa: F401 - the heavy imports, once

    for line in sys.stdin:
        arguments, fault = json.loads(line)
        code, text = told_by_child(partial(_run, arguments, Fault(**fault)))
        print(json.dumps([code, text]), flush=True)


def _run(arguments: list[str], fault: Fault) -> int:
    from lsmplify_refine.cli import main

    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if fault.ignored:
        signal.signal(fault.number, signal.SIG_IGN)
    if fault.file_bytes is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (fault.file_bytes, fault.file_bytes))
    with ExitStack() as stack:
        sent: list[int] = []
        send = partial(_send_once, fault, sent)
        if fault.stage is not None:
            stack.enter_context(_after(*STAGES[fault.stage], send))
        elif fault.step:
            stack.enter_context(acting_at(fault.step, send, on=("replace",)))
        elif fault.seconds:
            stack.enter_context(_later(fault, send))
        code = main(arguments)
        return SWALLOWED if sent and code == 0 and not fault.ignored else code


@contextmanager
def _later(fault: Fault, send: Callable[[], None]) -> Iterator[None]:
    """Send the signal after a time: wherever the run is then."""
    if fault.number == signal.SIGKILL:
        # from outside, since a thread waits for Python's lock
        script = f"import os, time; time.sleep({fault.seconds}); os.kill({os.getpid()}, {fault.number})"
        sender = subprocess.Popen([sys.executable, "-S", "-c", script])
        yield
        sender.kill()
        sender.wait()
        return
    timer = threading.Timer(fault.seconds, send)
    timer.start()
    yield
    timer.cancel()
    timer.join()


def _send_once(fault: Fault, sent: list[int]) -> None:
    if not sent:
        sent.append(fault.number)
        if fault.swallowed:
            _Swallows(fault.number)
        else:
            os.kill(os.getpid(), fault.number)


class _Swallows:
    """Python ignores whatever is raised in here, as it does in a callback of OpenGL."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self._number)


@contextmanager
def _after(module: str, name: str, act: Callable[[], None]) -> Iterator[None]:
    place: Any = import_module(module)
    *holder, function = name.split(".")
    for part in holder:
        place = getattr(place, part)
    before = getattr(place, function)

    def wrapped(*args: Any, **options: Any) -> Any:
        result = before(*args, **options)
        act()
        return result

    setattr(place, function, wrapped)
    yield
    setattr(place, function, before)


if __name__ == "__main__":
    _serve()
