"""People in nested lists and dicts, and frames from the names of files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lsmplify_refine.formats.nested_people import find_people, frames_of_names, people_in_file

NAMES = frozenset({"a", "b"})
PERSON = {"a": 1, "b": 2, "c": [1, 2]}
_OBJECTS = np.empty(2, dtype=object)
_OBJECTS[:] = [[PERSON], [PERSON, PERSON]]


@pytest.mark.parametrize(
    ("tree", "frames"),
    [
        (PERSON, [0]),
        ([PERSON, PERSON], [0, 0]),
        ([[PERSON, PERSON], [PERSON]], [0, 0, 1]),
        ([[PERSON], [], None, [PERSON]], [0, 3]),
        ({"results": [[PERSON], [PERSON]]}, [0, 1]),
        ({3: [PERSON], 5: [PERSON, PERSON]}, [3, 5, 5]),
        ({3: PERSON, 5: PERSON}, [3, 5]),
        ({"img/000012.jpg": [PERSON], "img/000007.jpg": [PERSON]}, [7, 12]),
        ({"first": [PERSON], "second": [PERSON]}, [0, 1]),
        ({2: {"x": PERSON, "y": PERSON}, 4: {"x": PERSON}}, [2, 2, 4]),
        (_OBJECTS, [0, 1, 1]),
        ([None] * 40 + [[PERSON], [PERSON]], [40, 41]),
    ],
)
def test_frames_of_people(tree: Any, frames: list[int]) -> None:
    found = people_in_file(tree, find_people(tree, NAMES), "people")
    assert [place.frame for place in found] == frames


def test_lists_may_count_frames() -> None:
    tree = {"anna": [PERSON, PERSON], "ben": [PERSON]}
    assert [place.frame for place in people_in_file(tree, find_people(tree, NAMES), "frames")] == [0, 0, 1]


def test_long_lists_of_numbers_are_not_walked() -> None:
    class Numbers(list[float]):
        """A list that may not be walked to its end."""

        def __iter__(self) -> Any:
            raise AssertionError("walked")

        def __getitem__(self, key: Any) -> Any:
            return list.__getitem__(self, key)

    assert find_people({"x": Numbers([1.0] * 5)}, NAMES) == []
    assert find_people({"x": [], "y": "text", "z": {"a": PERSON}}, NAMES) == [("z", "a")]


@pytest.mark.parametrize(
    ("names", "frames"),
    [
        (["000000.npz", "000001.npz"], [0, 1]),
        (["000003_0.npz", "000003_1.npz", "000004_0.npz"], [3, 3, 4]),
        (["000003_0.npz", "000003_1.npz"], [3, 3]),
        (["img_subj00.npz", "img_subj01.npz"], [0, 0]),
        (["sam3d_000012.npz", "sam3d_000013.npz"], [12, 13]),
        (["take2_cam1_000012.npz", "take2_cam1_000013.npz"], [12, 13]),
        (["clip7_000012_person0.npz", "clip7_000012_person1.npz"], [12, 12]),
        (["frame_5_track_3.npz"], [5]),
        (["result.npz"], [0]),
    ],
)
def test_frames_of_names(names: list[str], frames: list[int]) -> None:
    assert frames_of_names(names) == frames
