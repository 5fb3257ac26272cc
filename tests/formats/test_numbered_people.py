"""People of files and folders get frames from 0, by names, by place or by a recording."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine import InputError
from lsmplify_refine.formats.nested_people import Lists
from lsmplify_refine.formats.numbered_people import NumberedPeople, files_of_people, people_of_file, people_of_folder

KEYS = frozenset({"a", "b"})
PERSON = {"a": [1.0], "b": [2.0]}


def save(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))
    return path


def folder_of(folder: Path) -> NumberedPeople:
    return people_of_folder(folder, files_of_people(folder, {".pkl"}, KEYS), KEYS)


def frames_of(people: NumberedPeople) -> list[int]:
    return [place.frame for place in people.places]


def never(tree: Any, found: list[Any]) -> Lists:
    raise AssertionError("nothing to tell")


def test_a_recording_numbers_its_files(tmp_path: Path) -> None:
    for frame in (7, 8):
        save(tmp_path / f"people/{frame:06}_0.pkl", PERSON)
    (tmp_path / "recording.json").write_text(json.dumps({"fps": 25.0, "first_frame": 7}))
    found = folder_of(tmp_path)
    assert (frames_of(found), found.fps, found.notes) == ([0, 1], 25.0, ())
    save(tmp_path / "people/000003_0.pkl", PERSON)
    with pytest.raises(InputError, match="numbered below the recording's first frame"):
        folder_of(tmp_path)
    (tmp_path / "recording.json").write_text("[{}]")
    with pytest.raises(InputError, match=r"recording\.json: not a recording"):
        folder_of(tmp_path)


def test_images_numbered_from_one_start_at_frame_zero(tmp_path: Path) -> None:
    for frame in (1, 2):
        save(tmp_path / f"{frame:06}.pkl", [PERSON, PERSON])
    found = folder_of(tmp_path)
    assert frames_of(found) == [0, 0, 1, 1] and [note.code for note in found.notes] == ["frames-from-one"]
    named = people_of_file(save(tmp_path / "r.pkl", {"1.jpg": [PERSON], "2.jpg": [PERSON]}), KEYS, None, never)
    assert frames_of(named) == [0, 1] and [note.code for note in named.notes] == ["frames-from-one"]


def test_a_single_list_is_asked_about_unless_the_user_says_what_it_counts(tmp_path: Path) -> None:
    path = save(tmp_path / "r.pkl", [PERSON, PERSON])
    assert frames_of(people_of_file(path, KEYS, None, lambda tree, found: "frames")) == [0, 1]
    assert frames_of(people_of_file(path, KEYS, "people", never)) == [0, 0]


def test_files_without_people_and_with_several_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no person's dict with a, b in this file"):
        people_of_file(save(tmp_path / "other/x.pkl", {"c": 1}), KEYS, None, never)
    (tmp_path / "other/0.pkl").write_bytes(b"not a pickle")
    assert files_of_people(tmp_path / "other", {".pkl"}, KEYS) == []
    with pytest.raises(InputError, match="no file with a, b in this folder"):
        folder_of(tmp_path / "other")
    save(tmp_path / "000.pkl", [[PERSON], [PERSON, PERSON]])
    with pytest.raises(InputError, match="several frames in one file"):
        folder_of(tmp_path)
