"""Calibrated cameras' 2D keypoints become 3D: synthetic cameras around generated motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.evaluate.targets.camera_files import write_easymocap_cameras, write_pose2sim_cameras
from lsmplify_refine.geometry.triangulation import triangulate
from lsmplify_refine.keypoint_files.cameras import load_calibration
from lsmplify_refine.keypoint_files.multi_view import triangulate_files, triangulate_people
from lsmplify_refine.values.camera import CalibratedCamera
from lsmplify_refine.values.keypoints import Keypoints
from tests.support.cameras import camera_at
from tests.support.crowds import ASIDE, cameras_around, write_crowd, write_openpose
from tests.support.rooms import true_points

FRAMES = 60
NOISE_PX = 2.0
#: camera "03" sees nothing in these
ABSENT = slice(20, 40)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return true_points(FRAMES)


@pytest.fixture(scope="module")
def cameras(truth: np.ndarray) -> dict[str, CalibratedCamera]:
    return cameras_around(truth)


def seen_by(cameras: dict[str, CalibratedCamera], truth: np.ndarray, *, garbage: float = 0.0) -> dict[str, Keypoints]:
    """2 px noise in every camera; camera 03 drops out; a share of points of camera 02 lies anywhere."""
    generator = np.random.default_rng(0)
    views = {}
    for name, camera in cameras.items():
        pixels = camera.project(truth) + generator.normal(0, NOISE_PX, (*truth.shape[:2], 2))
        confidence = np.full(truth.shape[:2], 0.8)
        if name == "02":
            bad = generator.random(truth.shape[:2]) < garbage
            pixels = np.where(bad[..., None], generator.uniform(0, 1000, pixels.shape), pixels)
        if name == "03":
            pixels[ABSENT], confidence[ABSENT] = np.nan, 0.0
        views[name] = Keypoints("body25", pixels, confidence, name)
    return views


def errors_mm(found: Keypoints, truth: np.ndarray) -> np.ndarray:
    errors: np.ndarray = 1000 * np.linalg.norm(found.positions - truth, axis=-1)
    return errors


def test_three_cameras_one_dropping_out(cameras: dict[str, CalibratedCamera], truth: np.ndarray) -> None:
    found = triangulate(seen_by(cameras, truth), cameras)
    errors = errors_mm(found, truth)
    assert found.is_3d and found.convention == "body25"
    assert (found.confidence > 0).mean() > 0.99
    assert np.median(errors) < 10 and np.median(errors[ABSENT]) < 10
    assert np.percentile(errors, 95) < 30


def test_a_camera_that_is_wrong_is_outvoted(cameras: dict[str, CalibratedCamera], truth: np.ndarray) -> None:
    views = seen_by(cameras, truth, garbage=0.3)
    found = triangulate(views, cameras)
    whole = np.ones(FRAMES, dtype=bool)
    whole[ABSENT] = False
    kept = (found.confidence > 0.3) & whole[:, None]
    assert kept.mean() > 0.6
    assert np.percentile(errors_mm(found, truth)[kept], 99) < 60
    wrong = np.linalg.norm(views["02"].positions - cameras["02"].project(truth), axis=-1) > 60
    assert found.confidence[wrong & whole[:, None]].mean() < found.confidence[~wrong & whole[:, None]].mean()


def test_a_point_of_one_camera_has_no_confidence(cameras: dict[str, CalibratedCamera], truth: np.ndarray) -> None:
    views = seen_by(cameras, truth)
    for name in ("01", "02"):
        views[name].confidence[3, 4] = 0
    found = triangulate(views, cameras)
    assert found.confidence[3, 4] == 0 and np.isfinite(found.positions).all()


def test_cameras_side_by_side_do_not_tell_the_depth(truth: np.ndarray) -> None:
    middle = truth.reshape(-1, 3).mean(axis=0)
    pair = {name: camera_at(name, degrees, middle) for name, degrees in (("a", 0.0), ("b", 0.5))}
    assert (triangulate(seen_by(pair, truth), pair).confidence > 0).mean() < 0.01


@pytest.mark.parametrize("kind", ["easymocap folder", "easymocap file", "pose2sim"])
def test_calibration_files(kind: str, cameras: dict[str, CalibratedCamera], tmp_path: Path) -> None:
    if kind == "pose2sim":
        path = write_pose2sim_cameras(tmp_path / "Calib.toml", cameras)
    else:
        path = write_easymocap_cameras(tmp_path / "calib", cameras)
        path = path / "extri.yml" if kind == "easymocap file" else path
    found = load_calibration(path)
    assert list(found) == list(cameras)
    points = np.random.default_rng(0).normal(0, 0.3, (9, 3)) + np.array([0, 0, 3])
    for name, camera in cameras.items():
        assert np.allclose(found[name].project(points), camera.project(points), atol=1e-3)


@pytest.mark.parametrize(
    ("folders", "noted"),
    [
        (("01_json", "02_json", "03_json"), False),
        # Pose2Sim's demo: the calibration has 01, the folders cam1_json; its videos lie beside them
        (("cam1_json", "cam2_json", "cam3_json"), False),
        (("left", "middle", "right"), True),
    ],
)
def test_from_folders_of_openpose_json(
    folders: tuple[str, ...], noted: bool, cameras: dict[str, CalibratedCamera], truth: np.ndarray, tmp_path: Path
) -> None:
    for name, view in zip(folders, seen_by(cameras, truth).values()):
        write_openpose(tmp_path / "kp" / name, view)
        (tmp_path / "kp" / f"{name.removesuffix('_json')}_pose.mp4").write_bytes(b"a video")
    track = triangulate_files(tmp_path / "kp", write_pose2sim_cameras(tmp_path / "calib.toml", cameras))
    assert track.frame_ids.tolist() == list(range(FRAMES)) and track.numbered
    assert np.median(errors_mm(track.keypoints, truth)) < 10
    assert track.keypoints.source == "kp/ triangulated from 3 cameras"
    by_order = [note.text for note in track.notes if note.code == "cameras-by-order"]
    assert bool(by_order) == noted
    assert not noted or "01 = left, 02 = middle, 03 = right" in by_order[0]


@pytest.fixture
def crowded(truth: np.ndarray, tmp_path: Path) -> tuple[Path, Path]:
    return write_crowd(tmp_path, truth)


def test_people_are_told_apart_by_where_their_rays_meet(crowded: tuple[Path, Path], truth: np.ndarray) -> None:
    near, far = triangulate_people(*crowded)
    assert (near.person, far.person) == ("0", "1")
    assert np.median(errors_mm(near.keypoints, truth)) < 10
    assert np.median(errors_mm(far.keypoints, truth[::-1] + ASIDE)) < 10
    assert any(note.code == "people-linked" and "6 tracks of 3 cameras: 2 people" in note.text for note in near.notes)


@pytest.mark.parametrize(("person", "place"), [("nearest", 0.0), ("0", 0.0), ("1", 1.0)])
def test_one_of_several_people_is_chosen(
    person: str, place: float, crowded: tuple[Path, Path], truth: np.ndarray
) -> None:
    with pytest.raises(InputError, match=r"see 2 people \(ids: 0 in 60 frames, 1 in 60 frames\); .*--person nearest"):
        triangulate_files(*crowded)
    track = triangulate_files(*crowded, person=person)
    expected = truth[::-1] + ASIDE if place else truth
    assert np.median(errors_mm(track.keypoints, expected)) < 10
    with pytest.raises(InputError, match=r"--person 7: nobody .* has that id; known: 0, 1, nearest, all"):
        triangulate_files(*crowded, person="7")


def test_a_bystander_of_one_camera_does_not_matter(
    cameras: dict[str, CalibratedCamera], truth: np.ndarray, tmp_path: Path
) -> None:
    """Also where the tracker loses the person in between, so that a camera has two tracks of one person."""
    views, others = seen_by(cameras, truth), seen_by(cameras, truth + ASIDE)
    views["01"].confidence[5:40] = 0
    write_openpose(tmp_path / "kp" / "01_json", views["01"])
    write_openpose(tmp_path / "kp" / "02_json", views["02"], others["02"])
    write_openpose(tmp_path / "kp" / "03_json", views["03"])
    track = triangulate_files(tmp_path / "kp", write_pose2sim_cameras(tmp_path / "calib.toml", cameras))
    seen = track.keypoints.confidence > 0
    assert np.median(errors_mm(track.keypoints, truth)[seen]) < 10 and seen[:5].all() and seen[50:].all()


def test_whom_two_cameras_see_for_a_moment_is_left_out(
    cameras: dict[str, CalibratedCamera], truth: np.ndarray, tmp_path: Path
) -> None:
    views, ghosts = seen_by(cameras, truth), seen_by(cameras, truth + ASIDE)
    for ghost in ghosts.values():
        ghost.confidence[4:] = 0
    for name in cameras:
        write_openpose(tmp_path / "kp" / name, views[name], ghosts[name])
    track = triangulate_files(tmp_path / "kp", write_pose2sim_cameras(tmp_path / "calib.toml", cameras))
    assert np.median(errors_mm(track.keypoints, truth)) < 10
    assert any("one person whose rays meet, and 1 seen for a moment and left out" in note.text for note in track.notes)


def test_cameras_that_see_nobody_together(
    cameras: dict[str, CalibratedCamera], truth: np.ndarray, tmp_path: Path
) -> None:
    people = [seen_by(cameras, truth + np.array([0, height, 0])) for height in (0.0, 0.5, 1.0, -0.5)]
    write_openpose(tmp_path / "kp" / "01", people[0]["01"], people[1]["01"])
    write_openpose(tmp_path / "kp" / "02", people[2]["02"], people[3]["02"])
    with pytest.raises(InputError, match="no two cameras see the same person"):
        triangulate_files(tmp_path / "kp", write_pose2sim_cameras(tmp_path / "calib.toml", cameras))


def test_folders_that_fit_no_camera_are_listed(cameras: dict[str, CalibratedCamera], tmp_path: Path) -> None:
    for name in ("left", "right"):
        (tmp_path / "kp" / name).mkdir(parents=True)
    calibration = write_pose2sim_cameras(tmp_path / "calib.toml", cameras)
    with pytest.raises(InputError, match=r"like the cameras 01, 02, 03; found 2: left, right"):
        triangulate_files(tmp_path / "kp", calibration)


def test_two_folders_of_one_camera_are_refused(cameras: dict[str, CalibratedCamera], tmp_path: Path) -> None:
    for name in ("cam1_json", "cam01", "cam2_json"):
        (tmp_path / "kp" / name).mkdir(parents=True)
    calibration = write_pose2sim_cameras(tmp_path / "calib.toml", cameras)
    with pytest.raises(InputError, match="cam01 and cam1_json both belong to camera 01"):
        triangulate_files(tmp_path / "kp", calibration)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.toml", "[a", "not readable as TOML"),
        ("c.toml", "a = 1", "holds no cameras"),
        ("c.toml", "[a]\nmatrix = [[1]]\nrotation=[0,0,0]\ntranslation=[0,0,0]", "camera a: matrix: shape"),
        ("c.toml", "[a]\nmatrix = [[1]]\nfisheye = true", "fisheye lenses are not supported"),
        ("c.toml", "[a]\nmatrix = [[1,0,0],[0,1,0],[0,0,1]]\nrotation=[0,0,0]", "translation is missing"),
        ("intri.yml", "%YAML:1.0\n---\nnames:\n  - a\n", "extri.yml: no such file"),
    ],
)
def test_bad_calibrations_are_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        load_calibration(tmp_path / name)


@pytest.mark.parametrize("intri", ["", "no yaml", "%YAML:1.0\n---\nnames: 3\n", "%YAML:1.0\n---\nnames:\n  - a\n"])
def test_broken_yaml_is_one_line(intri: str, tmp_path: Path) -> None:
    (tmp_path / "intri.yml").write_text(intri)
    (tmp_path / "extri.yml").write_text("%YAML:1.0\n---\nnames:\n  - a\n")
    with pytest.raises(InputError, match=r"YAML|names|missing"):
        load_calibration(tmp_path)


def test_views_that_do_not_fit(cameras: dict[str, CalibratedCamera], truth: np.ndarray) -> None:
    views = seen_by(cameras, truth)
    with pytest.raises(InputError, match="two or more cameras; there are 1"):
        triangulate({"01": views["01"]}, cameras)
    with pytest.raises(InputError, match="camera 04 is not in the calibration"):
        triangulate({**views, "04": views["01"]}, cameras)
    short = Keypoints("body25", views["01"].positions[:3], views["01"].confidence[:3])
    with pytest.raises(InputError, match="the same frames"):
        triangulate({**views, "01": short}, cameras)
