"""The one way around the restrictions: files that the user names as trusted may ask for anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from lsmplify_refine.errors import InputError

_TRUSTED: ContextVar[tuple[Path, ...]] = ContextVar("trusted", default=())


@contextmanager
def trusting(files: Iterable[Path]) -> Iterator[tuple[str, ...]]:
    """Inside, these files may name any class or function in their pickles, which runs whatever code they hold.

    Limits of memory stay, and exactly these files are trusted, by path. Gives `trust_notes`.

    Raises:
        InputError: One is no file.
    """
    trusted = tuple(files)
    for path in trusted:
        if not path.is_file():
            raise InputError(f"{path}: no such file; --trust-pickle names the very file whose code is to be run")
    token = _TRUSTED.set(trusted)
    try:
        yield trust_notes()
    finally:
        _TRUSTED.reset(token)


def is_trusted(where: str) -> bool:
    """Whether a place, "file" or "file: key", lies in a trusted file."""
    names = [str(name) for path in _TRUSTED.get() for name in (path, path.resolve())]
    return any(where == name or where.startswith(f"{name}: ") for name in names)


def trust_notes() -> tuple[str, ...]:
    """What the user and the report are told about each trusted file."""
    return tuple(f"{path}: trusted, so code in its pickle is run (--trust-pickle)" for path in _TRUSTED.get())
