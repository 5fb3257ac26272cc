"""SMPLify-X: a pickle per person and image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of, pickled
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("smplifyx"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("smplifyx"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("smplifyx"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


@pytest.mark.parametrize("inner", ["", "results"])
def test_people_are_linked_by_their_place(inner: str, tmp_path: Path) -> None:
    people = load_save.load(make.write_smplifyx(tmp_path / "out") / inner)
    assert len(people) == 2
    for person in people:
        assert np.ptp(person.transl[:, 0]) == 0 and person.frame_ids.tolist() == [0, 1, 2, 4, 5, 6]
        assert {"people-linked", "focal-length-assumed"} <= {note.code for note in person.notes}


def test_one_persons_folder_needs_no_linking(tmp_path: Path) -> None:
    (person,) = load_save.load(make.write_smplifyx(tmp_path / "out", people=1))
    assert len(person) == 6 and "people-linked" not in {note.code for note in person.notes}


def test_prox_places_the_body_in_the_camera(tmp_path: Path) -> None:
    (person,) = load_save.load(pickled(make.smplifyx() | {"transl": make.ahead(1)}, 2)(tmp_path))
    np.testing.assert_allclose(person.transl, make.ahead(1) + np.array([[0.1, 0.2, 30.0]]), rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body_pose": make.values(1, 32)}, "body_pose: 32 numbers: VPoser's code instead of joint rotations"),
        ({"body_pose": make.values(1, 40)}, "body_pose: 40 numbers; expected 63"),
        ({"body_pose": None}, "body_pose: missing"),
        ({"camera_rotation": np.zeros((1, 3, 3))}, "camera_rotation: expected the identity"),
        ({"camera_translation": np.zeros((1, 2))}, "camera_translation"),
    ],
)
def test_bad_values_are_named(change: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        load_save.load(pickled(make.smplifyx() | change)(tmp_path))
    folder = make.write_smplifyx(tmp_path / "out")
    make_wrong = folder / "results" / "img_0002" / "000.pkl"
    pickled(make.smplifyx() | change)(tmp_path).rename(make_wrong)
    with pytest.raises(InputError, match=message):
        load_save.load(folder)


@pytest.mark.parametrize(("joints", "jaw", "family"), [(63, True, "smplx"), (63, False, "smplh"), (69, False, "smpl")])
def test_families(joints: int, jaw: bool, family: str, tmp_path: Path) -> None:
    fit = make.smplifyx() | {"body_pose": make.values(1, joints)}
    if not jaw:
        del fit["jaw_pose"]
    assert load_save.load(pickled(fit)(tmp_path))[0].family == family
