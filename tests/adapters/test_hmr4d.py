"""GVHMR's benchmark bundles: one clip, estimates and labels, with what lies beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.options import Family
from tests.support import dataset_files as datasets
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("hmr4d"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("hmr4d"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("hmr4d"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


LABELS: dict[str, tuple[str, Family, str]] = {
    datasets.EMDB_CLIPS[0]: ("EMDB/hmr4d_support/emdb_vit_v4.pt", "smpl", "female"),
    datasets.RICH_CLIPS[0]: ("RICH/hmr4d_support/rich_test_labels.pt", "smplx", "male"),
    datasets.RICH_CLIPS[1]: ("RICH/hmr4d_support/rich_test_labels.pt", "smplx", "male"),
    datasets.DPW_CLIPS[1]: ("3DPW/hmr4d_support/test_3dpw_gt_labels.pt", "smpl", "female"),
}
ESTIMATES = {
    datasets.EMDB_CLIPS[0]: "EMDB/hmr4d_support/emdb_vimo.pt",
    datasets.EMDB_CLIPS[1]: "EMDB/hmr4d_support/emdb_vimo.pt",
    datasets.RICH_CLIPS[1]: "RICH/hmr4d_support/rich_test_vimo_preproc.pt",
    datasets.DPW_CLIPS[0]: "3DPW/hmr4d_support/test_3dpw_vimo_labels.pt",
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_read_in_the_axes_of_their_camera(name: str, tmp_path: Path) -> None:
    clip = datasets.bundle_clips()[name]
    file, family, gender = LABELS[name]
    (truth,) = load_save.load(datasets.write_hmr4d_support(tmp_path / "inputs") / file, format=f"hmr4d:clip={name}")
    rows = np.arange(len(clip)) if family == "smplx" else np.flatnonzero(clip.valid)
    assert (truth.family, truth.gender, truth.frame) == (family, gender, "camera")
    assert truth.frame_ids.tolist() == (rows + (40 if family == "smplx" else 0)).tolist()
    expected = rotvec_to_rotmat(clip.pose[rows, 0])
    np.testing.assert_allclose(rotvec_to_rotmat(truth.global_orient), expected, atol=1e-5)
    np.testing.assert_allclose(truth.transl, clip.transl(family)[rows], atol=1e-5)
    assert truth.camera is not None and truth.camera.image_size == clip.size
    np.testing.assert_allclose(truth.camera.K[0], clip.K, rtol=1e-6)


@pytest.mark.parametrize("name", ESTIMATES)
def test_estimates_get_keypoints_and_the_camera_that_vimo_assumed(name: str, tmp_path: Path) -> None:
    clip = datasets.bundle_clips()[name]
    path = datasets.write_hmr4d_support(tmp_path / "inputs") / ESTIMATES[name]
    (estimate,) = load_save.load(path, format=f"hmr4d:clip={name}")
    assert (estimate.family, estimate.gender, len(estimate), estimate.fps) == ("smpl", "neutral", len(clip), 30.0)
    np.testing.assert_allclose(rotvec_to_rotmat(estimate.body_pose), rotvec_to_rotmat(clip.wrong[:, 1:]), atol=1e-5)
    assert estimate.camera is not None and estimate.camera.image_size == clip.size
    # EMDB's estimates were made under the image's diagonal, the others under the true lens
    focal = np.hypot(*clip.size) if "EMDB" in ESTIMATES[name] else clip.K[0, 0]
    np.testing.assert_allclose(estimate.camera.K[:, 0, 0], focal, rtol=1e-6)
    assert estimate.keypoints is not None and estimate.keypoints.convention == "coco17"
    assert np.abs(estimate.keypoints.positions - clip.pixels("coco17")).mean() < 2


def test_a_camera_that_does_not_give_the_estimate_is_said(tmp_path: Path) -> None:
    path = datasets.write_hmr4d_support(tmp_path / "inputs") / ESTIMATES[datasets.DPW_CLIPS[0]]
    tree = torch.load(path)
    tree[datasets.DPW_CLIPS[0]]["vimo_params"]["pred_trans"] *= 3
    torch.save(tree, path)
    (estimate,) = load_save.load(path, format=f"hmr4d:clip={datasets.DPW_CLIPS[0]}")
    assert [note.code for note in estimate.notes] == ["fields-stale", "focal-length-assumed"]


def test_a_clip_must_be_chosen(tmp_path: Path) -> None:
    path = datasets.write_hmr4d_support(tmp_path / "inputs") / "EMDB/hmr4d_support/emdb_vimo.pt"
    for wanted in (None, "hmr4d:clip=P9_nobody"):
        with pytest.raises(InputError, match=r"holds 2 clips \(P1_14_outdoor_climb, P0_09_outdoor_walk\); choose"):
            load_save.load(path, format=wanted)


def test_people_with_blocks_of_the_same_name_are_no_clips(tmp_path: Path) -> None:
    people = {name: {"smpl_params": {k: torch.from_numpy(v) for k, v in make.parts("smpl").items()}} for name in "ab"}
    torch.save(people, tmp_path / "people.pt")
    assert [(each.format, each.track_id) for each in load_save.load(tmp_path / "people.pt")] == [
        ("generic", "a"),
        ("generic", "b"),
    ]


def test_rich_without_its_cameras_says_where_they_are(tmp_path: Path) -> None:
    inputs = datasets.write_hmr4d_support(tmp_path / "inputs")
    cameras = tmp_path / "hmr4d/dataset/rich/resource/cam2params.pt"
    clip = datasets.RICH_CLIPS[0]
    for beside in (True, False):
        cameras.rename(inputs / "RICH/hmr4d_support/cam2params.pt" if beside else tmp_path / "gone.pt")
        cameras = inputs / "RICH/hmr4d_support/cam2params.pt"
        if beside:
            load_save.load(inputs / LABELS[clip][0], format=f"hmr4d:clip={clip}")
    with pytest.raises(InputError, match="copy that file beside it"):
        load_save.load(inputs / LABELS[clip][0], format=f"hmr4d:clip={clip}")
