"""Limits on nesting and memory. The memory limit grows with the file's size, so a small file cannot take much.

A loader makes one `Budget` per file and passes it to everything that unpickles a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from lsmplify_refine.errors import InputError

#: Max nesting of containers; results of estimators have fewer than ten levels.
MAX_DEPTH = 100

_MB = 1 << 20


def room(size: int) -> int:
    """Max bytes that a file of `size` bytes may unpack to: 64 MB plus eight times its size."""
    return 64 * _MB + 8 * size


def one_line(text: object, limit: int = 200) -> str:
    """Text from a file or a library as one line of at most `limit` characters, for an error message."""
    line = " ".join(str(text).split())
    return "".join(char if char.isprintable() else "?" for char in line)[:limit]


@contextmanager
def pickle_errors(where: str, kind: str = "pickle") -> Iterator[None]:
    """Turn whatever a damaged or hostile stream raises into an `InputError` about the file."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = one_line(error) or type(error).__name__
        raise InputError(f"{where}: not a readable {kind}: {reason}") from error


class Budget:
    """Memory limit for all objects in one file.

    Attributes:
        room: Max bytes of arrays and text in the content; a shared one counts once per reference.
    """

    def __init__(self, where: str, size: int) -> None:
        """`where` names the file in messages; `size` is its size in bytes."""
        self.room = room(size)
        self._where, self._size = where, size
        self._left = 32 * _MB + 20 * size

    def spend(self, count: int) -> None:
        """Count bytes that are about to be used.

        Raises:
            InputError: The file exceeds its limit.
        """
        self._left -= count
        if self._left < 0:
            self.refuse()

    def refuse(self) -> NoReturn:
        """Refuse the file for taking too much memory.

        Raises:
            InputError: Always.
        """
        raise InputError(
            f"{self._where}: refused: its {self._size} bytes unpack to far more memory than results take; "
            "it is damaged or hostile"
        )
