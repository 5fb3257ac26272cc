"""3DPW's sequences: all people, in the camera's axes and in valid frames."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support import dataset_files as datasets
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("threedpw"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("threedpw"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("threedpw"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_each_person_in_the_frames_that_are_valid_for_them(tmp_path: Path) -> None:
    clips = datasets.two_people()
    people = load_save.load(datasets.write_threedpw(tmp_path, clips))
    assert [(person.track_id, person.gender) for person in people] == [("0", "male"), ("1", "female")]
    for clip, person in zip(clips, people, strict=True):
        rows = np.flatnonzero(clip.valid)
        assert person.frame == "camera" and person.frame_ids.tolist() == rows.tolist()
        expected = rotvec_to_rotmat(clip.pose[rows, 0])
        np.testing.assert_allclose(rotvec_to_rotmat(person.global_orient), expected, atol=1e-9)
        np.testing.assert_allclose(person.transl, clip.transl()[rows], atol=1e-9)
        np.testing.assert_allclose(person.betas[0], clip.betas)
        assert person.camera is not None and person.keypoints is not None
        np.testing.assert_allclose(person.camera.K[0], clip.K)
        errors = person.keypoints.positions - clip.pixels("coco18")[rows]
        found = person.keypoints.confidence.max(1) > 0
        # frame 5 holds zeros: fewer than six points were found
        assert rows[~found].tolist() == [5] and np.abs(errors[found]).mean() < 2


def test_a_person_whose_camera_is_never_valid_is_left_out(tmp_path: Path) -> None:
    tree = datasets.threedpw(datasets.two_people())
    tree["campose_valid"][0][:] = 0
    (tmp_path / "s.pkl").write_bytes(pickle.dumps(tree, protocol=2))
    (person,) = load_save.load(tmp_path / "s.pkl")
    assert person.track_id == "1"
    tree["campose_valid"][1][:] = 0
    (tmp_path / "s.pkl").write_bytes(pickle.dumps(tree, protocol=2))
    with pytest.raises(InputError, match="the camera is not valid in any frame"):
        load_save.load(tmp_path / "s.pkl")
