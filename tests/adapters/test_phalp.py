"""4D-Humans and PHALP: people who leave and come back, ghosts, the camera."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of, pickled
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("phalp"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("phalp"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("phalp"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_phalp_people_leave_come_back_and_ghosts_are_no_measurement(tmp_path: Path) -> None:
    first, second = load_save.load(pickled(make.phalp())(tmp_path))
    assert (first.track_id, second.track_id) == ("1", "2")
    assert first.frame_ids.tolist() == [0, 1, 2, 5, 6]
    assert second.frame_ids.tolist() == [0, 1, 2, 3, 4, 6]
    assert first.camera is not None and first.camera.image_size == (make.WIDTH, make.HEIGHT)
    assert first.camera.K[0, 0, 0] == pytest.approx(5000 / 256 * make.WIDTH)
    assert first.boxes is not None and first.boxes[0].tolist() == [100, 50, 180, 250]


def test_a_tid_that_repeats_in_a_frame_identifies_nobody(tmp_path: Path) -> None:
    result = make.phalp()
    for frame in result.values():
        frame["tid"] = [1] * len(frame["tid"])
    first, second = load_save.load(pickled(result)(tmp_path))
    assert first.frame_ids.tolist() == [0, 1, 2, 5, 6]
    assert second.frame_ids.tolist() == [0, 1, 2, 3, 4, 6]
    assert "people-linked" in [note.code for note in first.notes]


def test_a_tid_that_repeats_without_boxes_is_refused(tmp_path: Path) -> None:
    result = make.phalp()
    for frame in result.values():
        frame["tid"] = [1] * len(frame["tid"])
        del frame["bbox"]
    with pytest.raises(InputError, match="tid: repeats within a frame, and the file has no bbox"):
        load_save.load(pickled(result)(tmp_path))
