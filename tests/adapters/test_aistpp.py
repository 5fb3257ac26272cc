"""AIST++: dancers in a scaled world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of, pickled
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("aistpp"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("aistpp"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("aistpp"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


@pytest.mark.parametrize("scaling", [93.78, None])
def test_the_translation_is_the_models_in_metres(scaling: float | None, tmp_path: Path) -> None:
    (dancer,) = load_save.load(pickled(make.aistpp(scaling=scaling))(tmp_path))
    expected = make.aistpp(scaling=None)["smpl_trans"]
    np.testing.assert_allclose(dancer.transl, expected, atol=1e-6)
    assert (dancer.frame, dancer.fps) == ("world", 60.0) and dancer.world is not None and dancer.world.up == "y"
    assert not dancer.betas.any() and {note.code for note in dancer.notes} == {"fps-assumed", "shape-assumed"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"smpl_poses": np.zeros((3, 5))}, r"smpl_poses: missing, or not \(T, 72\)"),
        ({"smpl_scaling": np.zeros(1)}, "smpl_scaling: not one positive number"),
        ({"smpl_trans": np.zeros((2, 3))}, "smpl_trans: shape"),
    ],
)
def test_bad_values_are_named(change: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        load_save.load(pickled(make.aistpp() | change)(tmp_path))
