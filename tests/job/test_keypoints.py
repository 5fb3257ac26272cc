"""Where a job's keypoints come from; detecting them is in tests/detect/test_command.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.keypoints import find_keypoints
from lsmplify_refine.job.people import FoundKeypoints, choose_people
from lsmplify_refine.visual.video import probe
from tests.support import clips
from tests.support import fake_detectors as fakes
from tests.support.crowds import ASIDE, write_crowd
from tests.support.rooms import true_points
from tests.support.scenes import open_body, scene


def test_a_file_of_one_person_is_that_of_the_one_who_was_chosen(tmp_path: Path) -> None:
    """Wherever it lies, and in space too."""
    people = [scene(6).replace(track_id=name) for name in ("3", "8")]
    for dimensions in (2, 3):
        path = tmp_path / f"{dimensions}.npz"
        np.savez(path, convention="coco17", positions=np.full((1, 6, 17, dimensions), 9e3), people=np.array(["x"]))
        found = find_keypoints(Job(tmp_path, keypoints=path), people, [1], None, open_body(), None)
        assert list(found.tracks) == [1] and found.tracks[1].person == "x" and not found.notes


@pytest.mark.parametrize(("person", "place"), [("nearest", 0), ("1", 1)])
def test_one_of_several_people_in_space_is_chosen(person: str, place: int, tmp_path: Path) -> None:
    truth = true_points(12)
    folder, calibration = write_crowd(tmp_path, truth)
    people = [scene(12).replace(track_id="x")]
    job = Job(tmp_path, keypoints=folder, calibration=calibration, person=person)
    (track,) = find_keypoints(job, people, [0], None, open_body(), None).tracks.values()
    expected = truth[::-1] + ASIDE if place else truth
    assert np.median(np.linalg.norm(track.keypoints.positions - expected, axis=-1)) < 0.02
    with pytest.raises(InputError, match=r"2 people \(ids: 0, 1\), .*--person nearest or --person ID"):
        find_keypoints(replace(job, person="all"), people, [0], None, open_body(), None)


def test_an_id_of_the_keypoint_file_chooses_too(tmp_path: Path) -> None:
    people = [scene(6).replace(track_id="x")]
    positions = np.stack([np.full((6, 17, 2), 10.0), np.full((6, 17, 2), 9e3)])
    np.savez(tmp_path / "k.npz", convention="coco17", positions=positions, people=np.array(["a", "b"]))
    job = Job(tmp_path, keypoints=tmp_path / "k.npz", person="b")
    chosen = choose_people(people, job.person, in_keypoints=True)
    assert find_keypoints(job, people, chosen, None, open_body(), None).tracks[0].person == "b"
    with pytest.raises(InputError, match=r"--person c: nobody in k\.npz has that id; known: a, b, nearest, all"):
        find_keypoints(replace(job, person="c"), people, chosen, None, open_body(), None)


def test_only_the_frames_of_people_who_lack_keypoints_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = fakes.Replay([np.ones((1, 17, 3))] * 2)
    fakes.install(monkeypatch, fake=lambda model: replay)
    monkeypatch.setattr("lsmplify_refine.job.keypoints.DEFAULT_DETECTOR", "fake")
    video = probe(clips.write_video(tmp_path / "v.mp4", 6))
    person, other = scene(2), scene(6).replace(track_id="1")
    lacking = person.replace(keypoints=None, frame_ids=np.array([1, 4]))
    try:
        find_keypoints(Job(tmp_path), [lacking, other], [0, 1], video, open_body(), None)
    except InputError as error:  # the detections lie elsewhere
        assert "person 0;" in str(error)
    assert [round(seconds * 30) for _, seconds in replay.seen] == [1, 4]


def test_matching_knows_the_video_and_the_users_focal_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def record(*_: object, **options: object) -> FoundKeypoints:
        given.update(options)
        return FoundKeypoints()

    monkeypatch.setattr("lsmplify_refine.job.keypoints.match_people", record)
    np.savez(tmp_path / "k.npz", convention="coco17", positions=np.ones((2, 6, 17, 2)))
    video = probe(clips.write_video(tmp_path / "v.mp4", 6))
    job = Job(tmp_path, keypoints=tmp_path / "k.npz", focal_px=700.0)
    find_keypoints(job, [scene(6)], [0], video, open_body(), None)
    assert given == {"video": video, "focal_px": 700.0}


def test_keypoints_of_the_input_are_enough() -> None:
    assert find_keypoints(Job(Path("in.pt")), [scene(6)], [0], None, open_body(), None) == FoundKeypoints()
