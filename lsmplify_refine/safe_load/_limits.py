"""How much memory a file may take: a share that grows with its size, so that a small file cannot ask for much.

A loader makes one `Budget` for a file and hands it on to everything that unpickles a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from lsmplify_refine.errors import InputError

#: Containers within containers; results of estimators have fewer than ten levels.
MAX_DEPTH = 100

_MB = 1 << 20


def room(size: int) -> int:
    """Bytes that a file of `size` bytes may unpack to: eight times its size, and 64 MB in any case."""
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

    def refuse(self) -> NoReturn:
        """Refuse the file: it wants too much memory.

        Raises:
            InputError: Always.
        """
        raise InputError(
            f"{self._where}: refused: its {self._size} bytes unpack to far more memory than results take; "
            "it is damaged or hostile"
        )
