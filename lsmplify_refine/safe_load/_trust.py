"""Trusted files: the only way around the restrictions. A file that the user trusts may name any class or function.

Trust belongs to a file, not to a call, because some fifty functions read files, including third-party adapters. Any of
them may have to read the trusted file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._files import check_input
from lsmplify_refine.safe_load._limits import Budget
from lsmplify_refine.values.notes import Note

#: The files that this process currently trusts, in all threads; `trusting` adds and removes them.
_TRUSTED: list[Path] = []


@contextmanager
def trusting(files: Iterable[Path]) -> Iterator[tuple[Note, ...]]:
    """Trust these files inside the context: their pickles may name any class or function, and their code runs.

    Memory limits stay. Only these files are trusted, by whatever path they are read. Yields `trust_notes`.

    Raises:
        InputError: A path is not a file.
    """
    trusted = tuple(files)
    for path in trusted:
        if not path.is_file():
            raise InputError(f"{path}: no such file; --trust-pickle takes the file whose code is to be run")
    _TRUSTED.extend(trusted)
    try:
        yield trust_notes()
    finally:
        for path in trusted:
            _TRUSTED.remove(path)


def is_trusted(path: Path) -> bool:
    """Whether this very file is trusted."""
    return path.resolve() in [trusted.resolve() for trusted in _TRUSTED]


def trust_notes() -> tuple[Note, ...]:
    """A warning for each trusted file, for the user and the report."""
    return tuple(
        Note("pickle-trusted", f"{path}: trusted, so code in its pickle is run (--trust-pickle)", "warning")
        for path in dict.fromkeys(_TRUSTED)
    )


def file_budget(path: Path) -> Budget:
    """The budget of a file, for its readers.

    Raises:
        InputError: As for `open_input`.
    """
    return Budget(str(path), check_input(path), trusted=is_trusted(path))
