"""Where a job's keypoints come from; detecting them is in tests/detect/test_command.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lsmplify_refine.job.job import Job
from lsmplify_refine.job.keypoints import find_keypoints
from lsmplify_refine.job.people import FoundKeypoints
from tests.support.scenes import open_body, scene


def test_a_file_of_one_person_is_that_of_the_one_who_was_chosen(tmp_path: Path) -> None:
    """Wherever it lies, and in space too."""
    people = [scene(6).replace(track_id=name) for name in ("3", "8")]
    for dimensions in (2, 3):
        path = tmp_path / f"{dimensions}.npz"
        np.savez(path, convention="coco17", positions=np.full((1, 6, 17, dimensions), 9e3), people=np.array(["x"]))
        found = find_keypoints(Job(tmp_path, keypoints=path), people, [1], None, open_body(), None)
        assert list(found.tracks) == [1] and found.tracks[1].person == "x" and not found.notes


def test_keypoints_of_the_input_are_enough() -> None:
    assert find_keypoints(Job(Path("in.pt")), [scene(6)], [0], None, open_body(), None) == FoundKeypoints()
