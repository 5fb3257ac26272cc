"""Real files of other people's tools in ../shared/data/real: what each must be read as, or refused with."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.keypoint_files import load_tracks
from lsmplify_refine.keypoint_files.camera_folders import places_of
from lsmplify_refine.keypoint_files.cameras import load_calibration
from lsmplify_refine.values.conventions import CONVENTIONS
from tests.support import estimator_files as make
from tests.support.round_trips import raw

pytestmark = pytest.mark.shared

_SIZE = (1920, 1080)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Path:
    return shared_data / "real"


@pytest.mark.parametrize(
    ("name", "chosen", "convention", "rows", "first", "people"),
    [
        ("opencap_walk.trc", None, "body25", 222, 0, 1),
        ("opencap_monocular.trc", None, "body25", 202, 0, 1),
        ("pose2sim_cam01_json", None, "body25", 3, 0, 2),
        ("pose2sim_halpe26", None, "halpe26", 3, 1, 1),
        ("openpose_17_points.json", "coco17", "coco17", 1, 0, 1),
        ("humanml3d_22_joints.npy", None, "smpl22", 170, 0, 1),
        ("videopose3d_h36m.npz", "h36m17", "h36m17", 591, 0, 1),
        ("mediapipe_dump_a.json", None, "mediapipe33", 1, 0, 1),
        ("mediapipe_dump_b.json", None, "mediapipe33", 1, 0, 1),
        ("wham_tracking_results.pth", None, "coco17", 273, 0, 1),
    ],
)
def test_keypoints(
    name: str, chosen: str | None, convention: str, rows: int, first: int, people: int, real: Path
) -> None:
    tracks = load_tracks(real / name, convention=chosen, image_size=_SIZE)
    assert len(tracks) == people
    assert tracks[0].keypoints.convention == convention
    assert len(tracks[0]) == rows and tracks[0].frame_ids[0] == first


def test_opencaps_joint_centres_win_over_its_markers(real: Path) -> None:
    (track,) = load_tracks(real / "opencap_monocular.trc")
    assert not track.keypoints.confidence.min() < 1 and "r_knee" in track.unmapped
    names = CONVENTIONS["body25"].points
    knee, hip, ankle = (track.keypoints.positions[:, names.index(f"right_{limb}")] for limb in ("knee", "hip", "ankle"))
    # the marker lies 3 to 8 cm to the side, which would stretch thigh and shin
    thigh, shin = np.linalg.norm(hip - knee, axis=-1), np.linalg.norm(knee - ankle, axis=-1)
    assert thigh.std() < 0.01 and shin.std() < 0.01


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("openpose_17_points.json", r"17 points may be coco17, h36m17; .*--keypoint-convention coco17"),
        ("videopose3d_h36m.npz", r"17 points may be coco17, h36m17"),
    ],
)
def test_keypoints_that_need_a_choice(name: str, message: str, real: Path) -> None:
    with pytest.raises(InputError, match=message):
        load_tracks(real / name, image_size=_SIZE)


@pytest.mark.parametrize(
    ("name", "how", "family", "rows", "codes"),
    [
        ("aistpp_smpl.pkl", "aistpp", "smpl", 127, {"shape-assumed", "fps-assumed"}),
        ("smpl_no_betas.npz", "generic:frame=world", "smpl", 320, {"shape-assumed"}),
        ("smplcodec_pose_only.smpl", "smplcodec", "smplx", 1, {"place-assumed", "up-assumed"}),
        ("opencap_monocular_gvhmr.pt", "gvhmr", "smplx", 264, set()),
    ],
)
def test_results(name: str, how: str, family: str, rows: int, codes: set[str], real: Path, tmp_path: Path) -> None:
    format, _, option = how.partition(":")
    (person,) = load_save.load(real / name, format=how if option else None)
    assert (person.format, person.family, len(person)) == (format, family, rows)
    assert codes <= {note.code for note in person.notes}
    load_save.save([person], tmp_path / name)
    before, after = make.leaves(real / name), make.leaves(tmp_path / name)
    assert list(before) == list(after) and all(raw(before[key]) == raw(after[key]) for key in before)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smplcodec_skel.smpl", r"smplVersion 5 \(SKEL\) cannot be read; use 0 \(SMPL\), 1 \(SMPL-H\) or 2"),
        ("smpl_no_translation.pkl", r"has a pose \(pose\) and a shape \(shape\) but no translation"),
        ("smplx_params_world.npz", "behind the camera in 60 of 60 frames; give --format generic:frame=world"),
        ("smplcodec_apose_smplx.npz", "upside down before the camera in 34 of 34 frames; give .*generic:frame=world"),
        ("smpl_no_betas.npz", "behind the camera in 320 of 320 frames; give --format generic:frame=world"),
        ("alphapose_no_ids_hockey.json", "keypoints, not SMPL parameters"),
        ("openpose_17_points.json", "keypoints, not SMPL parameters"),
    ],
)
def test_results_that_are_refused(name: str, message: str, real: Path) -> None:
    with pytest.raises(InputError, match=message):
        load_save.load(real / name)


def test_a_folder_of_phalp_is_its_result(real: Path, tmp_path: Path) -> None:
    (tmp_path / "outputs" / "results").mkdir(parents=True)
    copied = shutil.copy(real / "phalp_demo.pkl", tmp_path / "outputs" / "results")
    (person,) = load_save.load(tmp_path / "outputs")
    assert (person.format, person.source) == ("phalp", Path(copied))


def test_pose2sims_folders_belong_to_its_calibration(real: Path, tmp_path: Path) -> None:
    """The calibration calls them cam_01, ..., the folders are cam01_json, ..."""
    for number in (1, 2):
        shutil.copytree(real / "pose2sim_cam01_json", tmp_path / f"cam{number:02d}_json")
    found, notes = places_of(tmp_path, list(load_calibration(real / "pose2sim_Calib.toml")))
    assert {camera: place.name for camera, place in found.items()} == {"cam_01": "cam01_json", "cam_02": "cam02_json"}
    assert notes == ()
