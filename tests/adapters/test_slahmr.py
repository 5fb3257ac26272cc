"""SLAHMR: tracks in the world of the first camera, read in the camera of each frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support import newer_files as newer
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("slahmr"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("slahmr"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("slahmr"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_people_are_read_before_the_moving_camera(tmp_path: Path) -> None:
    path = newer.write_slahmr(tmp_path / "out")
    first, second = load_save.load(path)
    assert (first.track_id, second.track_id) == ("5", "2")
    assert first.frame_ids.tolist() == list(range(10, 17)) and second.frame_ids.tolist() == [11, 12, 13, 14]
    assert first.frame == "camera" and first.family == "smplh" and first.betas.shape == (7, 16)
    arrays = np.load(path)
    J0 = np.array(MEAN_REST_PELVIS["smplh"])
    world = arrays["trans"][1, 2] + J0
    seen = arrays["cam_R"][1, 2] @ world + arrays["cam_t"][1, 2]
    np.testing.assert_allclose(second.transl[1] + J0, seen, atol=1e-5)
    turned = arrays["cam_R"][1, 2] @ rotvec_to_rotmat(arrays["root_orient"][1, 2])
    np.testing.assert_allclose(rotvec_to_rotmat(second.global_orient[1]), turned, atol=1e-5)
    assert first.camera is not None and first.camera.image_size == (640, 480)


def test_without_track_info_everybody_is_there_all_the_time(tmp_path: Path) -> None:
    people = load_save.load(newer.write_slahmr(tmp_path / "out", tracks=False))
    assert [len(person) for person in people] == [7, 7]
    assert "side-file-ignored" in {note.code for note in people[0].notes}


def test_track_info_of_another_run_is_refused(tmp_path: Path) -> None:
    path = newer.write_slahmr(tmp_path / "out")
    path.with_name("track_info.json").write_text('{"tracks": {"5": {"index": 7, "vis_mask": [1]}}}')
    with pytest.raises(InputError, match=r"tracks.5: index or vis_mask does not fit 2 people, 7 frames"):
        load_save.load(path)
