"""Faults for tests of what a run leaves: a process that dies, or a disk that fails, at its n-th change of the disk."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the faults need os.fork")

#: Calls of `os` that change the disk; those of `pathlib` and `shutil` go through them.
CHANGES = ("mkdir", "open", "replace", "unlink", "rmdir", "fsync")

#: Exit code of a child whose function raised.
RAISED = 9


@contextmanager
def acting_at(
    step: int, act: Callable[[], None], *, on: tuple[str, ...] = CHANGES, after: bool = False
) -> Iterator[None]:
    """Call `act` before (or after) the n-th change of the disk, and before each later one if it raises."""
    count = 0
    before = {name: getattr(os, name) for name in on}

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count >= step and not after:
                act()
            result = call(*args, **options)
            if count >= step and after:
                act()
            return result

        return change

    for name, call in before.items():
        setattr(os, name, counted(call))
    try:
        yield
    finally:
        for name, call in before.items():
            setattr(os, name, call)


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def in_child(function: Callable[[], int | None]) -> int:
    """Run a function in a forked process; its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = RAISED
        try:
            code = function() or 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def told_by_child(function: Callable[[], int]) -> tuple[int, str]:
    """The exit code of a function in a forked process, and its stderr, which even a full disk takes."""
    reading, writing = os.pipe()

    def child() -> int:
        os.dup2(writing, 2)
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        try:
            return function()
        finally:
            sys.stderr.flush()

    code = in_child(child)
    os.close(writing)
    with open(reading, encoding="utf-8") as stream:  # noqa: PTH123
        return code, stream.read()


def tree(folder: Path) -> dict[str, str]:
    """Every file under a folder, hidden ones included, and its text."""
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
