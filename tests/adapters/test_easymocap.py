"""EasyMocap: a body that turns about the origin."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.options import Family
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined, refined


@pytest.mark.parametrize("case", cases_of("easymocap"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("easymocap"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("easymocap"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


@pytest.mark.parametrize(("width", "family"), [(72, "smpl"), (87, "smplx")])
def test_easymocap_turns_about_the_origin(width: int, family: Family, tmp_path: Path) -> None:
    first, second = load_save.load(make.write_easymocap(tmp_path / "out", width))
    assert (first.track_id, second.track_id) == ("5", "8")
    assert first.frame_ids.tolist() == [1, 2, 3, 4, 5, 6] and second.frame_ids.tolist() == [1, 3, 4, 5, 6]
    Th = np.array(json.loads((tmp_path / "out/smpl/000001.json").read_text())[0]["Th"][0])
    J0 = np.array(MEAN_REST_PELVIS[family])
    # the pelvis is where EasyMocap puts it: R(Rh) J0 + Th
    np.testing.assert_allclose(first.transl[0] + J0, rotvec_to_rotmat(first.global_orient[0]) @ J0 + Th, atol=1e-12)


def test_an_id_that_repeats_in_a_frame_identifies_nobody(tmp_path: Path) -> None:
    folder = make.write_easymocap(tmp_path / "out")
    expected = [(person.frame_ids.tolist(), person.transl) for person in load_save.load(folder)]
    for file in (folder / "smpl").iterdir():
        people = json.loads(file.read_text())
        file.write_text(json.dumps([{**person, "id": 0} for person in people[::-1]]))
    people = sorted(load_save.load(folder), key=lambda person: -len(person))
    assert len(people) == 2
    for person, (frames, transl) in zip(people, expected):
        assert person.frame_ids.tolist() == frames and np.array_equal(person.transl, transl)
        assert "people-linked" in [note.code for note in person.notes]


@pytest.mark.parametrize(("how", "up"), [(None, "-z"), ("easymocap:up=-z", "-z"), ("easymocap:up=z", "z")])
def test_a_world_whose_z_points_down(how: str | None, up: str, tmp_path: Path) -> None:
    """ZJU-MoCap's: told by the body, or by the option."""
    root, place = [-1.6, 0.02, 0.0], [0.1, 0.2, -0.9]
    person = {"id": 0, "Rh": [root], "Th": [place], "poses": [[0.0] * 72], "shapes": [[0.0] * 10]}
    (tmp_path / "000000.json").write_text(json.dumps([person]))
    (estimate,) = load_save.load(tmp_path / "000000.json", format=how)
    assert estimate.world is not None and estimate.world.up == "z"
    assert [note.severity for note in estimate.notes if note.code == "up-assumed"] == ([] if how else ["warning"])
    J0, turn = np.array(MEAN_REST_PELVIS["smpl"]), np.diag([1, -1, -1]) if up == "-z" else np.eye(3)
    Rh, Th = rotvec_to_rotmat(np.array(root)), np.array(place)
    np.testing.assert_allclose(estimate.transl[0] + J0, turn @ (Rh @ J0 + Th), atol=1e-9)
    np.testing.assert_allclose(rotvec_to_rotmat(estimate.global_orient[0]), turn @ Rh, atol=1e-9)
    load_save.save([refined(estimate)], tmp_path / "out.json")
    (again,) = load_save.load(tmp_path / "out.json", format=how)
    np.testing.assert_allclose(again.transl, refined(estimate).transl, atol=1e-9)


@pytest.mark.shared
def test_zju_mocaps_world_is_z_down(shared_data: Path) -> None:
    (estimate,) = load_save.load(shared_data / "real" / "easymocap_zju_000000.json")
    assert estimate.world is not None and estimate.world.up == "z"
    assert (rotvec_to_rotmat(estimate.global_orient)[:, 2, 1] > 0.9).all()  # the trunk points up


def test_numbers_that_do_not_change_keep_their_text(tmp_path: Path) -> None:
    """EasyMocap writes three decimals and its own line breaks."""
    numbers = ", ".join(["0.000"] * 72)
    text = '[\n    {\n        "id": 0,\n        "Rh": [\n          [1.570, 0.020, -0.000]\n        ],\n'
    text += f'        "Th": [[0.10, 1E-1, 0.900]],\n        "poses": [[{numbers}]],\n'
    text += '        "shapes": [[0.000]]\n    }\n]\n'
    source, target = tmp_path / "000000.json", tmp_path / "out.json"
    source.write_text(text)
    (estimate,) = load_save.load(source)
    load_save.save([estimate], target)
    assert target.read_text() == text
    pose = estimate.body_pose.copy()
    pose[0, 3] = [0.5, 0, 0]
    load_save.save([estimate.replace(body_pose=pose)], target, overwrite=True)
    expected = numbers.split(", ")
    expected[12:15] = ["0.5", "0.000", "0.000"]
    assert target.read_text() == text.replace(numbers, ", ".join(expected))


@pytest.mark.shared
def test_a_real_frame_keeps_its_bytes(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "real" / "easymocap_zju_000000.json"
    load_save.save(load_save.load(source), tmp_path / "out.json")
    assert (tmp_path / "out.json").read_bytes() == source.read_bytes()
