"""How much memory a file may take: it grows with the file's size, and ends at a share of what the machine has free."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from lsmplify_refine.errors import InputError, escaped

#: Max nesting of containers; results of estimators have fewer than ten levels.
MAX_DEPTH = 100

_MB = 1 << 20
#: Arrays and text that any file may unpack to, in bytes, and per byte of the file; zeros compress a thousandfold.
_DATA, _DATA_PER_BYTE = 128 * _MB, 64
#: Memory of the Python objects that any file may make, in bytes, and per byte of the file.
_OBJECTS, _OBJECTS_PER_BYTE = 32 * _MB, 20
#: Largest share of the free memory.
_SHARE = 0.5
#: Assumed where the system does not tell.
_UNKNOWN_FREE = 4096 * _MB


def free_memory() -> int:
    """Bytes of memory that are free, as far as the system tells."""
    free = []
    with suppress(OSError, ValueError, StopIteration):  # Linux
        lines = Path("/proc/meminfo").read_text().splitlines()
        free.append(int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) << 10)
    with suppress(OSError, ValueError):  # a container's own limit
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        free.append(max(0, limit - used))
    with suppress(OSError, ValueError, AttributeError):  # macOS tells only the total
        free.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(free, default=_UNKNOWN_FREE)


class Budget:
    """What one file may unpack to; everything that reads a part of the file shares it.

    Attributes:
        data: Max bytes of arrays and text in the content; a shared one counts once per reference.
        size: Bytes of the file.
        trusted: Whether the user trusts the file, so that its pickle may name any class or function.
    """

    def __init__(self, where: str, size: int, *, trusted: bool = False) -> None:
        """`where` names the file in messages; `size` is its size in bytes."""
        self._most = int(free_memory() * _SHARE)
        self.data = min(_DATA + _DATA_PER_BYTE * size, self._most)
        self.trusted = trusted
        self._where, self.size = where, size
        self._data_left, self._objects_left = self.data, min(_OBJECTS + _OBJECTS_PER_BYTE * size, self._most)

    def take(self, count: int) -> None:
        """Count bytes of arrays or text that are about to be read or copied.

        Raises:
            InputError: The file exceeds its limit.
        """
        self._data_left -= count
        if self._data_left < 0:
            self.refuse()

    def spend(self, count: int) -> None:
        """Count bytes of objects that are about to be made.

        Raises:
            InputError: The file exceeds its limit.
        """
        self._objects_left -= count
        if self._objects_left < 0:
            self.refuse()

    def refuse(self) -> NoReturn:
        """Refuse the file for taking too much memory.

        Raises:
            InputError: Always.
        """
        if self.data == self._most:
            reason = f"the limit of {self._most >> 20} MB is half of the free memory"
        else:
            reason = f"the limit for this size is {self.data >> 20} MB; if it is sound, save it without compression"
        raise InputError(
            f"{self._where}: refused: its {self.size} bytes unpack to far more memory than results take; {reason}"
        )


@contextmanager
def pickle_errors(where: str, kind: str = "pickle") -> Iterator[None]:
    """Turn whatever a damaged or hostile stream raises into an `InputError` about the file."""
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{where}: takes more memory than is free") from error
    except Exception as error:
        reason = escaped(error, 200) or type(error).__name__
        raise InputError(f"{where}: not a readable {kind}: {reason}") from error
