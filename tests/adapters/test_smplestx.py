"""SMPLest-X's forks: one is read, the others are refused with the reason."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("smplestx"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("smplestx"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("smplestx"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


LHM = {key: [0.0] for key in ("root_pose", "body_pose", "lhand_pose", "trans", "focal", "princpt", "pad_ratio")}


EXAVATAR = {key: [0.0] for key in ("root_pose", "body_pose", "lhand_pose", "rhand_pose", "shape", "expr")}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("000001.json", json.dumps(LHM).encode(), "do not belong to its trans"),
        ("1.json", json.dumps(EXAVATAR).encode(), "has no translation"),
        ("r.pkl", pickle.dumps({"poses": np.zeros((3, 159)), "trans": np.zeros((3, 3))}), "zero throughout"),
    ],
)
def test_forks_that_do_not_place_the_person_are_refused(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load_save.load(tmp_path / name)
    assert "lsmplify_refine.recorder" in str(caught.value)


def test_fork_of_bare_arrays_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", np.zeros((4, 315), np.float32))
    with pytest.raises(InputError, match="315 numbers per frame"):
        load_save.load(tmp_path / "clip.npy")
