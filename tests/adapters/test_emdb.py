"""EMDB's sequences: the camera's axes, good frames alone."""

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
from tests.support.dataset_motion import record
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("emdb"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("emdb"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("emdb"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_good_frames_in_the_axes_of_their_moving_camera(tmp_path: Path) -> None:
    clip = record()
    (estimate,) = load_save.load(datasets.write_emdb(tmp_path, clip))
    rows = np.flatnonzero(clip.valid)
    assert estimate.frame == "camera" and estimate.frame_ids.tolist() == rows.tolist()
    expected = rotvec_to_rotmat(clip.pose[rows, 0])
    np.testing.assert_allclose(rotvec_to_rotmat(estimate.global_orient), expected, atol=1e-9)
    np.testing.assert_allclose(estimate.transl, clip.transl()[rows], atol=1e-9)
    np.testing.assert_allclose(estimate.body_pose, clip.pose[rows, 1:])
    assert (estimate.gender, estimate.fps, estimate.family) == ("female", 30.0, "smpl")
    assert estimate.camera is not None and estimate.camera.image_size == clip.size
    np.testing.assert_allclose(estimate.camera.K[0], clip.K)
    assert estimate.keypoints is not None and estimate.keypoints.convention == "smpl24"
    np.testing.assert_allclose(estimate.keypoints.positions, clip.pixels("smpl24")[rows], atol=1e-3)


def broken(folder: Path, keys: tuple[str, ...], value: object) -> Path:
    """EMDB's file with one value replaced."""
    tree = node = datasets.emdb(record())
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    (folder / "broken_data.pkl").write_bytes(pickle.dumps(tree))
    return folder / "broken_data.pkl"


@pytest.mark.parametrize(
    ("keys", "value", "expected"),
    [
        (("good_frames_mask",), np.zeros(24, bool), "good_frames_mask: no frame is good"),
        (("good_frames_mask",), np.ones(9, bool), "good_frames_mask: expected a mask of 24 frames"),
        (("camera", "extrinsics"), np.zeros((24, 4, 4)), "camera.extrinsics: not the poses of a camera"),
        (("camera", "extrinsics"), np.tile(np.eye(4), (9, 1, 1)), "camera.extrinsics: 9 camera poses; frame 23"),
        (("smpl", "poses_root"), np.zeros((24, 4)), "smpl.poses_root: missing, or not"),
        (("smpl", "poses_body"), None, "smpl.poses_body: missing"),
    ],
)
def test_what_is_wrong_is_named(keys: tuple[str, ...], value: object, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load_save.load(broken(tmp_path, keys, value))
    assert expected in str(error.value)
