"""PromptHMR: camera and world, by id."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of, pickled
from tests.support.round_trips import check_job, check_refined, check_unrefined, refined


@pytest.mark.parametrize("case", cases_of("prompthmr"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("prompthmr"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("prompthmr"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_axis_angles_that_are_not_those_of_the_matrices_are_left_alone(tmp_path: Path) -> None:
    tree = make.prompthmr()
    tree["people"][1]["smplx_cam"]["pose"] += np.float32(0.1)
    source = pickled(tree)(tmp_path)
    estimates = load_save.load(source)
    stale = [any("smplx_cam.pose" in note.text for note in person.notes) for person in estimates]
    assert stale == [True, False]
    load_save.save([refined(person) for person in estimates], tmp_path / "out.pkl")
    written = pickle.loads((tmp_path / "out.pkl").read_bytes())["people"]
    for name, kept in ((1, True), (2, False)):
        before, after = tree["people"][name]["smplx_cam"], written[name]["smplx_cam"]
        assert np.array_equal(before["pose"], after["pose"]) == kept
        assert not np.array_equal(before["rotmat"], after["rotmat"])
