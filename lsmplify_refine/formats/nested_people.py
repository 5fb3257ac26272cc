"""Find people in nested lists and dicts, with one dict for each person in each frame, of one file or of a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from lsmplify_refine.formats.tree import KeyPath, is_list, look_up

#: What the innermost lists of a file count.
Lists = Literal["people", "frames"]

#: Lists and dicts within each other, at most.
_MAX_DEPTH = 5
#: How many items decide whether a list holds numbers; the first frames may be None.
_LOOKED_AT = 1000
#: Numbers in names; the 3 of "sam3d" is none.
_NUMBER = re.compile(r"\d+(?![A-Za-z\d])")
#: Digits of a number that is filled up with zeros, as frame numbers are.
_PADDED = 3
#: A word that marks the number after it as a person's.
_PERSON = re.compile(r"(?:subj|subject|person|people|track|obj|id)[_-]?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where one person of one frame is.

    Attributes:
        frame: The frame's number as the file has it, or its place in the file.
        at: Path of the person's dict.
    """

    frame: int
    at: KeyPath


def find_people(tree: Any, names: frozenset[str]) -> list[KeyPath]:
    """Paths of all dicts with these keys, in file order."""
    return list(_find(tree, names, ()))


def _find(tree: Any, names: frozenset[str], at: KeyPath) -> Iterator[KeyPath]:
    if isinstance(tree, dict) and names <= set(tree):
        yield at
    elif is_list(tree) and not any(isinstance(item, dict) or is_list(item) for item in tree[:_LOOKED_AT]):
        return  # numbers, of which there may be millions
    elif len(at) < _MAX_DEPTH and (isinstance(tree, dict) or is_list(tree)):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _find(value, names, (*at, key))


def people_in_file(tree: Any, paths: Sequence[KeyPath], lists: Lists) -> list[Place]:
    """The frames of the people of one file.

    The outermost dict or list that has several entries counts frames; what lies within it counts the people of the
    frame. A single list counts people. If lists are said to count frames, it is the other way about.

    Args:
        tree: The file's content.
        paths: As `find_people` gives them.
        lists: What the innermost lists count.
    """
    common = _common(paths)
    if len(paths) == 1 or (lists == "people" and is_flat(tree, paths)):
        return [Place(0, path) for path in paths]
    keys = [path[-1] if lists == "frames" else path[common] for path in paths]
    numbers = _numbers(keys)
    return sorted((Place(numbers[key], path) for key, path in zip(keys, paths)), key=lambda place: place.frame)


def is_flat(tree: Any, paths: Sequence[KeyPath]) -> bool:
    """Whether one list (not a dict) holds several people directly: those of one image, or one person's frames."""
    common = _common(paths)
    return len(paths) > 1 and max(map(len, paths)) == common + 1 and is_list(look_up(tree, paths[0][:common]))


def frames_of_names(names: Sequence[str]) -> list[int]:
    """The frame of each file, from its name.

    The first number is the frame's, the second the person's. A number after a word such as "person" is the person's.
    What is the same in all names is no frame number if more than two numbers, or one that is filled up with zeros, are
    left.
    """
    stems = [_PERSON.sub("", PurePath(name).stem) for name in names]
    numbers = [_NUMBER.findall(stem) for stem in stems]
    count = min(map(len, numbers))
    first = 0
    while count - first > 1 and len(stems) > 1 and len({row[first] for row in numbers}) == 1:
        if count - first == 2 and not all(len(row[-1]) >= _PADDED for row in numbers):
            break
        first += 1
    return [int(row[first]) if count > first else 0 for row in numbers]


def _common(paths: Sequence[KeyPath]) -> int:
    """How many keys all paths start with; the last one of a path never counts, nor does it for a single path."""
    if len(paths) == 1:
        return len(paths[0])
    shortest = min(map(len, paths)) - 1
    return next((level for level in range(shortest) if len({path[level] for path in paths}) > 1), max(shortest, 0))


def _numbers(keys: Sequence[Any]) -> dict[Any, int]:
    """Frame number of each key: its last number, or its position if the numbers are missing or repeat."""
    distinct = list(dict.fromkeys(keys))
    found = [re.findall(r"\d+", PurePath(str(key)).stem) for key in distinct]
    numbers = [int(each[-1]) for each in found if each]
    if len(set(numbers)) < len(distinct):
        numbers = list(range(len(distinct)))
    return dict(zip(distinct, numbers, strict=True))
