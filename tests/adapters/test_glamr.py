"""GLAMR: people before a moving camera and in a z-up world."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.safe_load import load_pickle
from lsmplify_refine.values.conventions import BODY25
from tests.support import newer_files as newer
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("glamr"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("glamr"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("glamr"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "real" / "glamr.pkl"


def test_the_root_is_the_pelvis_and_the_world_is_z_up(tmp_path: Path) -> None:
    tree = newer.glamr()
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(tree))
    first, second = load_save.load(tmp_path / "r.pkl")
    assert first.frame_ids.tolist() == list(range(7)) and second.frame_ids.tolist() == [2, 3, 4, 5, 6]
    person = tree["person_data"][1]
    J0 = np.array(MEAN_REST_PELVIS["smpl"])
    np.testing.assert_allclose(second.transl + J0, person["root_trans_cam"], atol=1e-6)
    assert second.world is not None and second.world.up == "z"
    np.testing.assert_allclose(second.world.transl + J0, person["root_trans_world"], atol=1e-6)
    assert second.camera is not None and second.camera.image_size == (640, 480)


def test_its_own_keypoints_are_in_body25s_order(tmp_path: Path) -> None:
    tree = newer.glamr()
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(tree))
    first = load_save.load(tmp_path / "r.pkl")[0]
    assert first.keypoints is not None and first.keypoints.convention == "body25"
    points = tree["person_data"][0]["kp_2d"]
    for name, row in (("neck", 6), ("right_shoulder", 21), ("left_wrist", 24), ("mid_hip", 0), ("right_heel", 14)):
        assert np.array_equal(first.keypoints.positions[:, BODY25.points.index(name)], points[:, row])
    tree["person_data"][0]["kp_2d"] = points[:, :24]
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(tree))
    with pytest.raises(InputError, match=r"person_data.0.kp_2d, kp_2d_score: expected \(7, 26, 2\)"):
        load_save.load(tmp_path / "r.pkl")


def test_a_person_without_frames_is_named(tmp_path: Path) -> None:
    tree = newer.glamr()
    tree["person_data"][1]["frames"] = np.arange(3)
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(tree))
    with pytest.raises(InputError, match=r"person_data.1.frames: 3 frame ids for 5 rows"):
        load_save.load(tmp_path / "r.pkl")


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_file(), reason="the real file is not here")
def test_the_real_clip() -> None:
    """The pelvis projects onto the file's own first keypoint, within 2 % of the image's height."""
    (person,) = load_save.load(REAL)
    assert len(person) == 203 and person.camera is not None and person.camera.image_size == (3840, 2160)
    pelvis = person.transl + np.array(MEAN_REST_PELVIS["smpl"])
    pixels = pelvis[:, :2] / pelvis[:, 2:] * person.camera.K[:, [0, 1], [0, 1]] + person.camera.K[:, :2, 2]
    tree = load_pickle(REAL)["person_data"][0]
    seen = tree["kp_2d_score"][:, 0] > 0.5
    assert np.median(np.linalg.norm(pixels - tree["kp_2d"][:, 0], axis=1)[seen]) < 0.02 * 2160
    # in the world it stands upright: its head is above its pelvis along z
    assert person.world is not None
    up = rotvec_to_rotmat(person.world.global_orient)[:, :, 1]
    assert np.median(up[:, 2]) > 0.8
