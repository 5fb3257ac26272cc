"""Who is who in a clip, and which rows are the same moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.datasets.matching import common_rows, nearest
from lsmplify_refine.datasets.truth import Truth, truth_of
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.values.camera import Camera
from tests.support import dataset_files as datasets
from tests.support.scenes import scene


def truth(frames: int, fps: float | None, valid: list[int] | None = None) -> Truth:
    ids = np.arange(frames) if valid is None else np.array(valid)
    body = scene(frames)
    assert body.camera is not None
    kept = {name: getattr(body, name)[ids] for name in ("global_orient", "body_pose", "betas", "transl")}
    person = body.replace(**kept, frame_ids=ids, camera=Camera(body.camera.K[ids]), keypoints=None)
    return replace(truth_of(person), frames=frames, fps=fps)


def test_rows_are_matched_by_frame_number() -> None:
    rows = common_rows(scene(10), truth(20, 30.0, [2, 3, 15]))
    assert rows.estimate.tolist() == [2, 3] and rows.truth.tolist() == [0, 1]


def test_a_result_at_half_the_rate_is_matched_by_time() -> None:
    rows = common_rows(scene(20, fps=30.0), truth(40, 60.0))
    assert rows.truth.tolist() == list(range(0, 40, 2))


def test_a_result_of_every_frame_that_states_another_rate_is_matched_by_number() -> None:
    """GVHMR states 30 fps for every video."""
    rows = common_rows(scene(40, fps=30.0), truth(40, 60.0))
    assert rows.truth.tolist() == list(range(40))


def test_lengths_that_fit_neither_are_refused() -> None:
    with pytest.raises(InputError, match="40 frames at 60 fps; the result has 33 at 30 fps"):
        common_rows(scene(33, fps=30.0), truth(40, 60.0))


def test_people_are_matched_by_their_place_in_the_image_whatever_the_lens(tmp_path: Path) -> None:
    people = load_save.load(datasets.write_threedpw(tmp_path))
    truths = [truth_of(person) for person in people]
    for index, person in enumerate(people):
        assert person.camera is not None
        K = person.camera.K.copy()
        K[:, [0, 1], [0, 1]] *= 1.7
        other_lens = person.replace(camera=Camera(K), transl=person.transl * [1, 1, 1.7])
        assert nearest(other_lens, truths).person == str(index)
        assert nearest(other_lens, truths[::-1]).person == str(index)


def test_nobody_in_common_is_said(tmp_path: Path) -> None:
    people = load_save.load(datasets.write_threedpw(tmp_path))
    late = people[0].replace(frame_ids=people[0].frame_ids + 500)
    with pytest.raises(InputError, match="none of its frames that count is in"):
        nearest(late, [truth_of(person) for person in people])


def test_a_bystander_is_not_compared(tmp_path: Path) -> None:
    people = load_save.load(datasets.write_threedpw(tmp_path))
    truth = truth_of(people[0])
    aside = people[0].replace(transl=people[0].transl + np.array([0.7, 0.0, 0.0]), track_id="7")
    with pytest.raises(InputError, match=r"person 7 is 0\.7 m from everybody in it"):
        nearest(aside, [truth])
    nearly = people[0].replace(transl=people[0].transl + np.array([0.1, 0.0, 3.0]))
    assert nearest(nearly, [truth]).person == "0"
    # without the camera of both, places are not in the same image
    assert nearest(aside.replace(camera=None), [truth]).person == "0"


def test_a_resized_image_shows_the_same_place(tmp_path: Path) -> None:
    """Human3R's intrinsics belong to an image whose longer side is 512 pixels."""
    people = load_save.load(datasets.write_threedpw(tmp_path))
    truths = [truth_of(person) for person in people]
    assert people[1].camera is not None
    small = people[1].camera.K.copy()
    small[:, :2] *= 512 / 1920
    assert nearest(people[1].replace(camera=Camera(small, (512, 288))), truths).person == "1"
