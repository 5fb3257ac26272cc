"""People of a file, or of a folder with one file per frame or person, in frames that count from 0."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import Container, peek_beside, read_container, read_folder
from lsmplify_refine.formats.leaves import number_of
from lsmplify_refine.formats.nested_people import (
    Lists,
    Place,
    find_people,
    frames_of_names,
    is_flat,
    people_in_file,
)
from lsmplify_refine.formats.tree import KeyPath
from lsmplify_refine.values.notes import Note

#: What `lsmplify_refine.recorder` writes beside the people.
_RECORDING = "recording.json"
_NOTE_ONE_BASED = Note("frames-from-one", "the images are numbered from 1; image 1 is the video's frame 0")


@dataclass(frozen=True)
class NumberedPeople:
    """Where the people of a file or folder are.

    Attributes:
        container: The content as read.
        places: One for each person in each frame, by ascending frame.
        fps: The recording's frame rate, if it is known.
        notes: What was assumed.
    """

    container: Container
    places: list[Place]
    fps: float | None = None
    notes: tuple[Note, ...] = ()


def files_of_people(folder: Path, suffixes: Collection[str], keys: frozenset[str]) -> list[str]:
    """Names of the files of people in a folder, or in its subfolder `people`; empty if there are none.

    The first file decides, because reading every image's file twice would take long.

    Args:
        folder: The folder.
        suffixes: Those of the files.
        keys: The keys of a person's dict.
    """
    for below in (folder / "people", folder):
        children = sorted(child for child in below.glob("*") if child.suffix in suffixes and child.is_file())
        first = next((child for child in children if child.name != _RECORDING), None)
        container = None if first is None else peek_beside(first)
        if container is not None and find_people(container.tree, keys):
            return [str(child.relative_to(folder)) for child in children if child.name != _RECORDING]
    return []


def people_of_folder(path: Path, names: list[str], keys: frozenset[str]) -> NumberedPeople:
    """Read a folder's files of people.

    Args:
        path: The folder.
        names: As `files_of_people` gives them.
        keys: The keys of a person's dict.

    Raises:
        InputError: There are no files or no people, a file holds several frames, or a number is below the first frame.
    """
    if not names:
        raise InputError(f"{path}: no file with {', '.join(sorted(keys))} in this folder")
    recorded = (path / _RECORDING).is_file()
    container = read_folder(path, names, [_RECORDING] if recorded else [])
    about = read_container(path / _RECORDING).tree if recorded else {}
    if not isinstance(about, dict):
        raise InputError(f"{path}: {_RECORDING}: not a recording of lsmplify_refine.recorder")
    numbers = np.array(frames_of_names(names))
    first = number_of(about.get("first_frame")) or 0.0 if recorded else float(numbers.min() == 1)
    places = []
    for name, number in zip(names, numbers - int(first)):
        found = find_people(container.tree[name], keys)
        if len(found) > 1 and not is_flat(container.tree[name], found):
            raise InputError(f"{path}: {name}: several frames in one file of a folder; give the file itself")
        places += [Place(int(number), (name, *at)) for at in found]
    if not places or min(place.frame for place in places) < 0:
        raise InputError(f"{path}: no people, or a file numbered below the recording's first frame")
    places.sort(key=lambda place: place.frame)
    notes = (_NOTE_ONE_BASED,) if first and not recorded else ()
    return NumberedPeople(container, places, number_of(about.get("fps")), notes)


def people_of_file(
    path: Path, keys: frozenset[str], lists: Lists | None, tell_lists: Callable[[Any, list[KeyPath]], Lists]
) -> NumberedPeople:
    """Read a file of people.

    Args:
        path: The file.
        keys: The keys of a person's dict.
        lists: What the file's lists count, if the user says so.
        tell_lists: Called with the file's content and the people's paths if a single list may count either.

    Raises:
        InputError: The file holds no person.
    """
    container = read_container(path)
    found = find_people(container.tree, keys)
    if not found:
        raise InputError(f"{path}: no person's dict with {', '.join(sorted(keys))} in this file")
    if lists is None and is_flat(container.tree, found):
        lists = tell_lists(container.tree, found)
    places = people_in_file(container.tree, found, lists or "people")
    if min(place.frame for place in places) == 1 and all(_is_named(place) for place in places):
        # names of images, which ffmpeg numbers from 1
        from_zero = [Place(place.frame - 1, place.at) for place in places]
        return NumberedPeople(container, from_zero, notes=(_NOTE_ONE_BASED,))
    return NumberedPeople(container, places)


def _is_named(place: Place) -> bool:
    """Whether a name with a number, such as an image's, leads to this person."""
    return any(isinstance(key, str) and any(letter.isdigit() for letter in key) for key in place.at)
