"""Choose between several sources of a value: the result itself and the files beside it."""

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
        sources: A reader for each available source, by name.
        frames: T.
        length: Returns the number of rows of a value.

    Returns:
        The value, or None; and a note for each source that was ignored.
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
