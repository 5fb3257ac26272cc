"""TRAM: a file per track, the camera beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine import InputError
from lsmplify_refine.formats import export, load_save
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, axis_turn
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
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


def test_the_world_is_where_the_camera_file_puts_the_body(tmp_path: Path) -> None:
    folder = make.write_tram(tmp_path / "seq")
    person = load_save.load(folder)[2]
    camera = make.load_plain(folder / "camera.npy")
    rows, J0 = person.frame_ids, np.array(MEAN_REST_PELVIS["smpl"])
    assert person.world is not None and person.world.up == "y"

    turn = camera["world_cam_R"][rows].astype(np.float64)
    root = turn @ rotvec_to_rotmat(person.global_orient)
    np.testing.assert_allclose(rotvec_to_rotmat(person.world.global_orient), root, atol=1e-5)
    pelvis = (turn @ (person.transl + J0)[..., None])[..., 0] + camera["world_cam_T"][rows]
    np.testing.assert_allclose(person.world.transl + J0, pelvis, atol=1e-5)

    notes = export.export(person, tmp_path / "amass.npz", "amass")
    assert "camera-as-world" not in [note.code for note in notes]
    written = np.load(tmp_path / "amass.npz")["root_orient"]
    np.testing.assert_allclose(rotvec_to_rotmat(written), axis_turn("y", "z") @ root, atol=1e-5)


def test_without_gravity_there_is_no_world(tmp_path: Path) -> None:
    folder = make.write_tram(tmp_path / "seq")
    camera = make.load_plain(folder / "camera.npy")
    del camera["world_cam_R"], camera["world_cam_T"]
    np.save(folder / "camera.npy", camera)
    assert [person.world for person in load_save.load(folder)] == [None] * 3


@pytest.mark.parametrize(("rows", "value"), [(slice(0, 33), 0.0), (slice(None), np.nan)])
def test_a_world_camera_that_does_not_fit_is_refused(rows: slice, value: float, tmp_path: Path) -> None:
    folder = make.write_tram(tmp_path / "seq")
    camera = make.load_plain(folder / "camera.npy")
    for name in ("world_cam_R", "world_cam_T"):
        camera[name] = camera[name][rows] + np.float32(value)
    np.save(folder / "camera.npy", camera)
    with pytest.raises(InputError, match=r"camera.npy: world_cam_R, world_cam_T"):
        load_save.load(folder)
