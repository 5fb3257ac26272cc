"""CamSMPLify: labels of images, each row a person of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from tests.support import newer_files as newer
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("camsmplify"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("camsmplify"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("camsmplify"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_each_row_is_a_person_with_its_own_keypoints(tmp_path: Path) -> None:
    arrays = newer.camsmplify()
    np.savez(tmp_path / "labels.npz", **arrays)
    people = load_save.load(tmp_path / "labels.npz")
    assert [person.track_id for person in people] == ["0", "1", "2"]
    assert [person.frame_ids.tolist() for person in people] == [[0], [0], [1]]
    for row, person in enumerate(people):
        assert person.keypoints is not None and person.keypoints.convention == "body25"
        assert np.array_equal(person.keypoints.positions[0], arrays["gt_keypoints"][row, :25, :2])
        assert np.array_equal(person.transl[0], arrays["cam_t"][row])
        assert person.camera is not None and person.camera.K[0, 0, 0] == 800


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"imgname": np.array(["a"])}, "imgname: 1 names for 3 rows"),
        ({"cam_int": np.zeros((2, 3, 3), np.float32)}, "cam_int"),
        ({"gt_keypoints": np.zeros((3, 17, 3), np.float32)}, "expected .3, 25 or more, 3."),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "labels.npz", **newer.camsmplify() | change)
    with pytest.raises(InputError, match=message):
        load_save.load(tmp_path / "labels.npz")
