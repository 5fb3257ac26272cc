"""Takes of every layout give the same: 22 joints, pelvis joint, y up, 30 fps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.learn.motion import Take, find_takes, load_take, load_takes, split_by_subject
from tests.support.motion_files import ELBOW_SPEED, RISE_SPEED, write_smpl, write_smplh, write_smplx

UP_FROM_Z = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.mark.parametrize(
    ("write", "family"),
    [(write_smpl, None), (write_smplh, "smplh"), (write_smplx, "smplx")],
    ids=["smpl", "smplh", "smplx"],
)
def test_every_layout_gives_the_same_motion(tmp_path: Path, write: Callable[[Path], Path], family: str | None) -> None:
    take = load_take(write(tmp_path / "CMU" / "07" / "07_01_poses.npz"))
    assert (take.name, take.subject, take.fps) == ("CMU/07/07_01_poses", "07", 30.0)
    assert take.rotvec.shape == (31, 22, 3) and take.rotvec.dtype == take.pelvis.dtype == np.float32
    seconds = np.arange(31) / 30
    assert np.allclose(take.rotvec[:, 18], np.radians([0, ELBOW_SPEED, 0]) * seconds[:, None], atol=1e-5)
    assert np.abs(np.delete(take.rotvec[:, 1:], 17, axis=1)).max() == 0
    # y is up; where the file has the model's translation, the rest pelvis is added and turned with the world
    first = [0.1, 0.3, 0.2] if family is None else UP_FROM_Z @ (np.array([0.1, 0.2, 0.3]) + MEAN_REST_PELVIS[family])
    assert np.allclose(take.pelvis, first + seconds[:, None] * [0, RISE_SPEED, 0], atol=1e-5)
    upright = np.eye(3) if family is None else UP_FROM_Z
    assert np.allclose(rotvec_to_rotmat(take.rotvec[:, 0]), upright, atol=1e-6)


@pytest.mark.parametrize("rate", [24.0, 59.94, 100.0, 120.0])
def test_resampling_is_slerp(tmp_path: Path, rate: float) -> None:
    generator = np.random.default_rng(0)
    frames = 50
    poses = np.cumsum(generator.normal(0, 0.2, (frames, 156)), axis=0)
    trans = generator.normal(0, 1, (frames, 3))
    take = load_take(write_smplh(tmp_path / "a_poses.npz", frames, rate, poses=poses, trans=trans))
    duration = (frames - 1) / rate
    assert 0 <= duration - (len(take) - 1) / 30 < 1 / 30
    wanted = np.arange(len(take)) / 30
    for joint in (1, 15, 21):
        track = Slerp(np.arange(frames) / rate, Rotation.from_rotvec(poses[:, 3 * joint : 3 * joint + 3]))(wanted)
        assert np.allclose(rotvec_to_rotmat(take.rotvec[:, joint]), track.as_matrix(), atol=1e-5)
    pelvis = np.stack([np.interp(wanted, np.arange(frames) / rate, trans[:, axis]) for axis in range(3)], 1)
    assert np.allclose(take.pelvis, (pelvis + MEAN_REST_PELVIS["smplh"]) @ UP_FROM_Z.T, atol=1e-5)


def test_smpl_columns_without_a_source_are_read_as_amass(tmp_path: Path) -> None:
    poses, trans = np.zeros((31, 72)), np.tile([0.0, 0.0, 1.1], (31, 1))
    for source in (None, np.array("somebody else's")):
        take = load_take(write_smpl(tmp_path / "a_poses.npz", poses=poses, trans=trans, source=source))
        assert np.allclose(take.pelvis, UP_FROM_Z @ (trans[0] + MEAN_REST_PELVIS["smpl"]), atol=1e-6)


def test_finds_motion_at_any_depth_and_nothing_else(tmp_path: Path) -> None:
    wanted = [
        write_smplh(tmp_path / "CMU" / "02" / "02_01_poses.npz"),
        write_smplx(tmp_path / "KIT" / "3" / "walk 01_stageii.npz"),
    ]
    for name in ("CMU/02/shape.npz", "CMU/02/neutral_stagei.npz", "CMU/02/._02_01_poses.npz", "CMU/02/notes.txt"):
        (tmp_path / name).write_bytes(b"not motion")
    assert find_takes(tmp_path) == wanted
    steps: list[tuple[int, int]] = []
    takes = load_takes(tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert [take.subject for take in takes] == ["02", "3"] and steps == [(1, 2), (2, 2)]


def take_of(subject: str, frames: int = 60) -> Take:
    return Take(f"cmu/{subject}/a", subject, np.zeros((frames, 22, 3)), np.zeros((frames, 3)), 30.0)


def test_test_subjects_are_never_trained_on() -> None:
    split = split_by_subject([take_of(subject) for subject in ("01", "02", "05", "13", "14", "102", "02")])
    assert [[take.subject for take in part] for part in (split.train, split.validation, split.test)] == [
        ["01", "14", "102"],
        ["05"],
        ["02", "13", "02"],
    ]
    assert split.describe()["train"] == {"subjects": ["01", "102", "14"], "takes": 3, "frames": 180, "minutes": 0.1}


def test_impossible_splits_get_one_line() -> None:
    with pytest.raises(InputError, match=r"subject\(s\) 05 are in the test and the validation"):
        split_by_subject([take_of("01")], test=("05",))
    with pytest.raises(InputError, match="no take is left to train on"):
        split_by_subject([take_of("02")])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"poses": None}, "missing poses"),
        ({"mocap_framerate": None}, "missing its frame rate"),
        ({"mocap_framerate": np.array(0.0)}, "frame rate: 0"),
        ({"poses": np.zeros((121, 63))}, r"poses: shape \(121, 63\)"),
        ({"poses": np.full((121, 156), "a")}, "not numbers"),
        ({"trans": np.zeros((120, 3))}, r"trans: shape \(120, 3\)"),
        ({"trans": np.where(np.arange(121)[:, None] == 7, np.nan, np.ones(3))}, "trans: NaN or infinite at frame 7"),
        ({"poses": np.zeros((4, 156)), "trans": np.zeros((4, 3))}, "too short a take"),
        ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}, "too short a take"),
        ({"poses": np.array([{}] * 121, dtype=object)}, "not plain arrays"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_unusable_takes_get_one_line(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_take(write_smplh(tmp_path / "a_poses.npz", **changed))
    assert "a_poses.npz" in str(caught.value) and "\n" not in str(caught.value)


def test_damaged_and_absent_files_get_one_line(tmp_path: Path) -> None:
    whole = write_smplh(tmp_path / "whole_poses.npz")
    cut = tmp_path / "cut_poses.npz"
    cut.write_bytes(whole.read_bytes()[:900])
    array = tmp_path / "array_poses.npz"
    with array.open("wb") as stream:
        np.save(stream, np.zeros(3))
    for path, message in ((cut, "damaged"), (tmp_path / "gone_poses.npz", "cannot be read"), (array, "not an npz")):
        with pytest.raises(InputError, match=message):
            load_take(path)
    with pytest.raises(InputError, match="no such folder"):
        find_takes(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="unpack"):
        find_takes(tmp_path / "empty")


@pytest.mark.shared
def test_the_corpus_is_read_whole(shared_data: Path) -> None:
    takes = load_takes(shared_data / "mocap")
    assert (len(takes), sum(map(len, takes))) == (166, 48_325)
    split = split_by_subject(takes)
    assert {take.subject for take in split.test} == {"02", "13"}
    heights = np.array([np.median(take.pelvis[:, 1]) for take in takes])
    assert np.all((heights > 0.4) & (heights < 2.5)), "y is up"
