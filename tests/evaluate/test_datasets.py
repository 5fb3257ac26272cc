"""Every layout gives the takes of its files; unusable files get one line."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine import InputError, load
from lsmplify_refine.evaluate.datasets import Choice, at_rate, estimates_set, motion_set, training_poses
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support import gvhmr_files
from tests.support.motion_files import write_smplh
from tests.support.motion_sets import poses, take, write_3dpw, write_rich


def amass(folder: Path) -> Path:
    for subject in ("02", "05", "13", "14"):
        write_smplh(folder / "CMU" / subject / f"{subject}_01_poses.npz")
    return folder


def test_amass_gives_its_test_subjects(tmp_path: Path) -> None:
    found = motion_set(amass(tmp_path / "motion"), Choice())
    assert found.name == "AMASS motion" and [t.subject for t in found.takes] == ["02", "13"]
    assert {t.fps for t in found.takes} == {30.0}


@pytest.mark.parametrize(
    ("choice", "subjects"),
    [(Choice(("14",)), ["14"]), (Choice(everybody=True), ["02", "05", "13", "14"])],
    ids=["named", "all"],
)
def test_other_subjects_on_request(tmp_path: Path, choice: Choice, subjects: list[str]) -> None:
    assert [t.subject for t in motion_set(amass(tmp_path), choice).takes] == subjects


def test_the_pose_prior_sees_no_test_or_validation_subject(tmp_path: Path) -> None:
    for subject in ("02", "05", "13"):
        write_smplh(tmp_path / "CMU" / subject / "a_poses.npz")
    assert training_poses(tmp_path) is None and training_poses(tmp_path / "nowhere") is None
    write_smplh(tmp_path / "CMU" / "14" / "a_poses.npz", 61)
    found = training_poses(tmp_path)
    assert found is not None and found.shape == (16, 22, 3)
    assert training_poses(tmp_path, Choice(("14",))) is None


@pytest.mark.parametrize("inside", [False, True], ids=["above sequenceFiles", "sequenceFiles itself"])
def test_3dpw(tmp_path: Path, inside: bool) -> None:
    write_3dpw(tmp_path)
    write_3dpw(tmp_path, "train", "courtyard_bodyScannerMotions_00")
    found = motion_set(tmp_path / "sequenceFiles" if inside else tmp_path, Choice())
    # the second person's track is cut where the camera was lost
    assert [(t.name, len(t)) for t in found.takes] == [
        ("downtown_walking_00/0@0", 12),
        ("downtown_walking_00/1@0", 5),
        ("downtown_walking_00/1@6", 6),
    ]
    pose, trans = poses(12)
    assert np.allclose(found.takes[0].rotvec.reshape(12, 66), pose, atol=1e-6)
    assert np.allclose(found.takes[2].rotvec.reshape(6, 66), pose[6:] + 0.2, atol=1e-6)
    assert np.allclose(found.takes[2].pelvis, trans[6:] + MEAN_REST_PELVIS["smpl"], atol=1e-6)
    assert len(motion_set(tmp_path, Choice(everybody=True)).takes) == 6


@pytest.mark.parametrize("part", ["test_body", "bodies/test"])
def test_rich(tmp_path: Path, part: str) -> None:
    write_rich(tmp_path, part)
    write_rich(tmp_path, part, "009", (1, 2))
    found = motion_set(tmp_path, Choice())
    assert [(t.subject, len(t)) for t in found.takes] == [("009", 2), ("017", 4), ("017", 3)]
    pose, trans = poses(12)
    assert np.allclose(found.takes[2].rotvec.reshape(3, 66), pose[9:], atol=1e-6)
    assert np.allclose(found.takes[2].pelvis, trans[9:] + MEAN_REST_PELVIS["smplx"], atol=1e-6)
    assert {t.subject for t in motion_set(tmp_path, Choice(("009",))).takes} == {"009"}


def test_estimates_are_found_below_a_folder_and_turned_upright(tmp_path: Path) -> None:
    for clip in ("a", "b"):
        (tmp_path / clip).mkdir()
        gvhmr_files.write_pt(tmp_path / clip / "hmr4d_results.pt", gvhmr_files.official(net_outputs=False))
    (tmp_path / "notes.txt").write_text("not a result")
    found = estimates_set(tmp_path)
    assert len(found.takes) == 2
    (estimate,) = load(tmp_path / "a")
    turn = np.diag([1.0, -1.0, -1.0])
    assert np.allclose(found.takes[0].rotvec[:, 1:], estimate.body_pose, atol=1e-6)
    assert np.allclose(
        rotvec_to_rotmat(found.takes[0].rotvec[:, 0]), turn @ rotvec_to_rotmat(estimate.global_orient), atol=1e-5
    )
    assert np.allclose(found.takes[0].pelvis, (estimate.transl + MEAN_REST_PELVIS["smplx"]) @ turn, atol=1e-5)


def test_other_frame_rates_keep_the_duration() -> None:
    for fps, frames in ((15.0, 20), (60.0, 79)):
        resampled = at_rate(take(40), fps)
        assert (resampled.fps, len(resampled)) == (fps, frames)
    assert np.allclose(at_rate(take(40), 15.0).rotvec, take(40).rotvec[::2], atol=1e-5)


def changed_3dpw(key: str, value: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        path = write_3dpw(folder)
        data = pickle.loads(path.read_bytes())
        data[key] = value
        path.write_bytes(pickle.dumps({k: v for k, v in data.items() if v is not None}, protocol=2))

    return write


def rich_without_pose(folder: Path) -> None:
    path = write_rich(folder)
    path.write_bytes(pickle.dumps({"global_orient": np.zeros((1, 3))}))


def hostile_3dpw(folder: Path) -> None:
    write_3dpw(folder).write_bytes(b"cos\nsystem\n(S'true'\ntR.")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda folder: None, "no motion below this folder"),
        (lambda folder: write_smplh(folder / "14" / "a_poses.npz"), r"no take of the subject\(s\) 02, 13"),
        (changed_3dpw("poses", None), "poses: missing; not a sequence of 3DPW"),
        (changed_3dpw("trans", [np.zeros((12, 2))] * 2), r"trans: shape \(12, 2\)"),
        (changed_3dpw("campose_valid", [np.ones(3)] * 2), "differ in length"),
        (rich_without_pose, "body_pose: missing; not a body of RICH"),
        (hostile_3dpw, "refused"),
    ],
    ids=["empty", "training only", "no poses", "shape", "lengths", "rich", "hostile"],
)
def test_unusable_folders_get_one_line(tmp_path: Path, write: Callable[[Path], object], message: str) -> None:
    write(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        motion_set(tmp_path, Choice())
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_absent_and_unknown_estimates_get_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    for path, message in (
        (tmp_path, "no result in a known format"),
        (tmp_path / "a.txt", "not a result file"),
        (tmp_path / "gone", "no such file or folder"),
    ):
        with pytest.raises(InputError, match=message):
            estimates_set(path)
    with pytest.raises(InputError, match="no such folder"):
        motion_set(tmp_path / "gone", Choice())


@pytest.mark.shared
def test_real_estimates(shared_data: Path) -> None:
    found = estimates_set(shared_data / "gvhmr")
    assert sorted(map(len, found.takes)) == [132, 312]
    # upright: the pelvis' own y axis points up in the mean
    for one in found.takes:
        assert rotvec_to_rotmat(one.rotvec[:, 0])[:, 1, 1].mean() > 0.8
