"""TRAM: a file per track, the camera beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("tram"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("tram"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("tram"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_tram_tracks_in_the_order_of_their_numbers_with_the_camera_beside(tmp_path: Path) -> None:
    folder = make.write_tram(tmp_path / "seq")
    for given in (folder, folder / "hps"):
        estimates = load_save.load(given)
        assert [estimate.track_id for estimate in estimates] == ["0", "2", "10"]
        assert estimates[2].frame_ids.tolist() == [30, 31, 32, 33]
        assert estimates[0].camera is not None and estimates[0].camera.K[0, 0, 0] == 700
