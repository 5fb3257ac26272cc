"""How much memory a file may take: a share that grows with its size, so that a small file cannot ask for much."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from lsmplify_refine.errors import InputError

#: Containers within containers; results of estimators have fewer than ten levels.
MAX_DEPTH = 100

_MB = 1 << 20


def room(size: int) -> int:
    """Bytes that a file of `size` bytes may unpack to: eight times its size, and 64 MB in any case."""
    return 64 * _MB + 8 * size


def one_line(text: object, longest: int = 200) -> str:
    """Text from a file or a library as one line for an error message."""
    line = " ".join(str(text).split())
    return "".join(char if char.isprintable() else "?" for char in line)[:longest]


class Budget:
    """What the objects in one file may take in all.

    Attributes:
        room: Bytes of arrays and text that the content may come to, each reference to a shared one counted.
    """

    def __init__(self, where: str, size: int) -> None:
        """`size` is the file's, in bytes."""
        self.room = room(size)
        self._where, self._size = where, size
        self._left = 32 * _MB + 20 * size

    def spend(self, count: int) -> None:
        """Count bytes that are about to be taken.

        Raises:
            InputError: They are more than the file may take.
        """
        self._left -= count
        if self._left < 0:
            self.refuse()

    def refuse(self) -> None:
        """Say that the file wants too much.

        Raises:
            InputError: Always.
        """
        raise InputError(
            f"{self._where}: refused: its {self._size} bytes unpack to far more memory than results take; "
            "it is damaged or hostile"
        )


_CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def budget_of(where: str, size: int) -> Iterator[Budget]:
    """One budget for everything that is unpickled inside, however many pickles a file holds."""
    budget = _CURRENT.get() or Budget(where, size)
    token = _CURRENT.set(budget)
    try:
        yield budget
    finally:
        _CURRENT.reset(token)
