"""The one way around the restrictions: files that the user names as trusted may ask for anything.

Trust belongs to a file, not to a call: adapters, keypoints, body models and weights are read by some fifty functions,
third parties' among them, and any of them may come upon the trusted file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.notes import Note

#: The files trusted at the moment in this process, in every thread; `trusting` adds and removes them.
_TRUSTED: list[Path] = []


@contextmanager
def trusting(files: Iterable[Path]) -> Iterator[tuple[Note, ...]]:
    """Inside, these files may name any class or function in their pickles, which runs whatever code they hold.

    Memory limits stay. Exactly these files are trusted, by path. Yields `trust_notes`.

    Raises:
        InputError: One is not a file.
    """
    trusted = tuple(files)
    for path in trusted:
        if not path.is_file():
            raise InputError(f"{path}: no such file; --trust-pickle names the very file whose code is to be run")
    _TRUSTED.extend(trusted)
    try:
        yield trust_notes()
    finally:
        for path in trusted:
            _TRUSTED.remove(path)


def is_trusted(where: str) -> bool:
    """Whether a place, "file" or "file: key", lies in a trusted file."""
    names = [str(name) for path in _TRUSTED for name in (path, path.resolve())]
    return any(where == name or where.startswith(f"{name}: ") for name in names)


def trust_notes() -> tuple[Note, ...]:
    """What the user and the report are told about each trusted file."""
    return tuple(
        Note("pickle-trusted", f"{path}: trusted, so code in its pickle is run (--trust-pickle)", "warning")
        for path in dict.fromkeys(_TRUSTED)
    )
