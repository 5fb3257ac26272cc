"""Values that may lie in a result or in one of several files beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.notes import Note

T = TypeVar("T")


def first_of_length(
    sources: Mapping[str, Callable[[], T]], frames: int, length: Callable[[T], int]
) -> tuple[T | None, list[Note]]:
    """The first source that can be read and has a row for each frame.

    Args:
        sources: The readers of those that are there, by name.
        frames: T.
        length: The rows of a value.

    Returns:
        The value, or None; and a note for each source before it that was ignored.
    """
    notes: list[Note] = []
    for name, read in sources.items():
        try:
            value = read()
        except InputError as error:
            notes.append(Note("side-file-ignored", f"{name} is ignored: {error}", "warning"))
            continue
        if length(value) == frames:
            return value, notes
        text = f"{name} is ignored: it has {length(value)} frames, the result has {frames}"
        notes.append(Note("side-file-ignored", text, "warning"))
    return None, notes
