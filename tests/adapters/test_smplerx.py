"""SMPLer-X: a folder of boxes, people told by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("smplerx"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("smplerx"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("smplerx"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_smplerx_people_are_told_by_their_boxes(tmp_path: Path) -> None:
    estimates = load_save.load(make.write_smplerx(tmp_path / "out"))
    assert [estimate.frame_ids.tolist() for estimate in estimates] == [[0, 1, 2, 3, 4, 5, 6], [0, 1, 4, 5, 6]]
    for person, estimate in enumerate(estimates):
        assert estimate.boxes is not None
        assert np.array_equal(estimate.boxes[:, 0], 100 + 250 * person + 3 * estimate.frame_ids)
        assert any("linked by their boxes" in note.text for note in estimate.notes)


def test_smplerx_without_boxes_is_refused(tmp_path: Path) -> None:
    folder = make.write_smplerx(tmp_path / "out")
    (folder / "meta" / "00003_0.json").unlink()
    with pytest.raises(InputError, match=r"meta/00003_0\.json is missing; without the box's camera"):
        load_save.load(folder)
