"""What the viewer shows: bones, stages, coordinates, keypoints, and the report's numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from lsmplify_refine.cli import main
from lsmplify_refine.errors import InputError
from lsmplify_refine.view.clip import Bones
from lsmplify_refine.view.read import read_clips
from lsmplify_refine.view.report import Report
from tests.support import clips


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refined result beside its input and report."""
    folder = clips.write_folder(tmp_path_factory.mktemp("view") / "clip")
    assert (
        main(["--input", str(folder / "hmr4d_results.pt"), "--no-video", "--weights", "none", "--device", "cpu"]) == 0
    )
    return folder / "hmr4d_results_refined.pt"


def test_bones_are_where_the_body_has_its_joints(refined: Path) -> None:
    figure = read_clips(refined)[0].people[0].figures["after"]
    rotations = figure.rotations()[:, : figure.body.joint_count].astype(np.float32)
    joints = figure.body.joints(rotations, figure.pelvis, figure.shape.betas, figure.shape.scale)
    bones = Bones.of(figure)
    assert np.abs(bones.positions[:, : joints.shape[1]] - joints).max() < 1e-5
    assert np.allclose(bones.rotations @ np.swapaxes(bones.rotations, -1, -2), np.eye(3), atol=1e-6)


def test_the_input_and_the_numbers_come_from_the_report(refined: Path) -> None:
    clip = read_clips(refined, space="camera")[0]
    (person,) = clip.people
    assert set(person.figures) == {"before", "after"}
    assert not np.allclose(person.figures["before"].rotvec, person.figures["after"].rotvec)
    report = json.loads(refined.with_name("hmr4d_results_report.json").read_text())
    (shown,) = report["people"]
    assert person.figures["after"].shape.scale == shown["shape"]["scale"] != 1
    assert person.numbers["status"] == shown["per_frame"]["status"]
    assert (clip.start, clip.stop, clip.fps) == (0, clips.FRAMES, 30)


def test_without_a_report_the_result_stands_alone(refined: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.pt"
    alone.write_bytes(refined.read_bytes())
    (person,) = read_clips(alone)[0].people
    assert set(person.figures) == {"after"} and not person.numbers
    (person,) = read_clips(alone, before=refined.with_name("hmr4d_results.pt"))[0].people
    assert set(person.figures) == {"before", "after"}


def test_keypoints_lie_on_their_rays_near_the_body(refined: Path) -> None:
    clip = read_clips(refined, space="camera")[0]
    aim = clip.people[0].aim
    assert aim is not None and clip.fov_rad > 0 and clip.aspect == pytest.approx(640 / 360)
    assert np.nanmedian(np.linalg.norm(aim.body - aim.target, axis=-1)) < 0.05
    # the camera looks along -z: pixels of the file come back
    keypoints = torch.load(refined.parent / "preprocess/vitpose.pt", weights_only=True).numpy()
    K = torch.load(refined, weights_only=True)["K_fullimg"].numpy()
    x, y, z = np.moveaxis(aim.target * [1, -1, -1], -1, 0)
    u = K[:, :1, 0] * (x / z) + K[:, :1, 2]
    v = K[:, 1:2, 1] * (y / z) + K[:, 1:2, 2]
    seen = np.isfinite(x)
    assert seen.mean() > 0.8
    assert np.abs(np.stack([u, v], -1) - keypoints[..., :2])[seen].max() < 0.01


def test_the_world_is_on_its_floor(refined: Path) -> None:
    clip = read_clips(refined)[0]
    assert clip.space == "world" and clip.floor == 0 and clip.people[0].aim is None and clip.video is None
    assert abs(clip.people[0].figures["after"].soles()) < 0.02


def test_a_world_without_a_camera_says_so(tmp_path: Path) -> None:
    path = tmp_path / "amass_poses.npz"
    still = np.zeros((3, 156))
    np.savez(path, poses=still, trans=np.ones((3, 3)), betas=np.zeros(16), mocap_framerate=30.0, gender="neutral")
    assert read_clips(path)[0].space == "world"
    with pytest.raises(InputError, match="leave out --space camera"):
        read_clips(path, space="camera")


@pytest.mark.parametrize(
    "text",
    ["[", "[]", '{"settings": 1, "people": []}', '{"settings": {"input": 3}, "people": [1]}', '{"settings": {}}'],
)
def test_a_strange_report_is_no_report(text: str, tmp_path: Path) -> None:
    (tmp_path / "a_report.json").write_text(text)
    report = Report.beside(tmp_path / "a_refined.pt")
    assert report.path("input", tmp_path / "a_refined.pt") is None and not any(report.people.values())


def test_strange_values_of_a_report_are_not_used(refined: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "r_refined.pt").write_bytes(refined.read_bytes())
    per_frame = {"status": ["a"], "b": 1, "<b>\x1b": ["\x1b]0;x"] * clips.FRAMES}
    person = {"track_id": "0", "shape": {"betas": [1e9], "scale": 1e9}, "per_frame": per_frame}
    report = {"settings": {"input": "nowhere.pt", "body_model": None}, "people": [person]}
    (folder / "r_report.json").write_text(json.dumps(report))
    (person_shown,) = read_clips(folder / "r_refined.pt")[0].people
    assert person_shown.figures["after"].shape.scale == 1
    ((name, values),) = person_shown.numbers.items()
    assert (name + "".join(values)).isprintable()


def test_keypoints_of_a_file_are_shown(refined: Path, tmp_path: Path) -> None:
    points = torch.load(refined.parent / "preprocess/vitpose.pt", weights_only=True).numpy()
    alone = tmp_path / "alone.pt"
    alone.write_bytes(refined.read_bytes())
    (clip,) = read_clips(alone, space="camera")
    assert clip.people[0].aim is None
    np.save(tmp_path / "coco17.npy", points)
    (clip,) = read_clips(alone, space="camera", keypoints=tmp_path / "coco17.npy", keypoint_convention="coco17")
    aim, person = clip.people[0].aim, clip.people[0]
    assert aim is not None and not clip.notes
    # the report names them as well
    settings = {"input": "nowhere.pt", "keypoints": "/elsewhere/coco17.npy", "keypoint_convention": "coco17"}
    (tmp_path / "alone_report.json").write_text(json.dumps({"settings": settings, "people": []}))
    (clip,) = read_clips(alone, space="camera")
    assert clip.people[0].aim is not None and np.allclose(clip.people[0].aim.target, aim.target, equal_nan=True)
    # and the error of a joint is the distance in the image
    wrist = person.joint_numbers["keypoint error after, px"][:, 20]
    K = torch.load(refined, weights_only=True)["K_fullimg"].numpy()
    x, y, z = (aim.body * [1, -1, -1])[:, 9].T
    u, v = K[:, 0, 0] * x / z + K[:, 0, 2], K[:, 1, 1] * y / z + K[:, 1, 2]
    assert np.allclose(wrist, np.hypot(u - points[:, 9, 0], v - points[:, 9, 1]), atol=1e-3, equal_nan=True)


def test_numbers_of_joints_compare_before_and_after(refined: Path) -> None:
    for clip in read_clips(refined):
        (person,) = clip.people
        moved, turned = (person.joint_numbers[key] for key in ("moved, mm", "turned against its parent, degrees"))
        before, after = (person.figures[stage] for stage in ("before", "after"))
        places = [Bones.of(figure).positions[4, 20] for figure in (before, after)]
        assert moved[4, 20] == pytest.approx(1000 * np.linalg.norm(places[1] - places[0]))
        # 18: the left elbow
        angle = Rotation.from_rotvec(before.rotvec[4, 18]).inv() * Rotation.from_rotvec(after.rotvec[4, 18])
        assert turned[4, 18] == pytest.approx(np.degrees(angle.magnitude()), abs=1e-3)
        # the image's errors are shown in the world, too
        assert np.nanmedian(person.joint_numbers["keypoint error after, px"]) > 0


def test_a_video_that_cannot_be_read_is_a_note(refined: Path, tmp_path: Path) -> None:
    folder = clips.write_folder(tmp_path / "clip")
    (folder / "0_input_video.mp4").write_bytes(b"no video")
    clip = read_clips(folder, space="camera")[0]
    assert clip.video is None and "not shown" in clip.notes[0]
    with pytest.raises(InputError, match="not a readable video"):
        read_clips(folder, video=folder / "0_input_video.mp4")


def test_tracks_of_other_frames_are_compared_where_both_are(refined: Path, tmp_path: Path) -> None:
    short = torch.load(refined.with_name("hmr4d_results.pt"), weights_only=True)
    cut = {
        key: {name: each[:5] for name, each in value.items()} if isinstance(value, dict) else value[:5]
        for key, value in short.items()
    }
    torch.save(cut, tmp_path / "short.pt")
    (person,) = read_clips(refined, before=tmp_path / "short.pt")[0].people
    known = np.isfinite(person.joint_numbers["moved, mm"]).all(1)
    assert known.tolist() == [True] * 5 + [False] * (clips.FRAMES - 5)


def test_a_fitted_result_is_shown_with_the_keypoints_that_it_was_fitted_to(tmp_path: Path) -> None:
    keypoints = clips.write_folder(tmp_path / "clip") / "preprocess" / "vitpose.pt"
    options = ["--image-size", "640x360", "--no-html", "--weights", "none", "--device", "cpu"]
    assert main(["fit", str(keypoints), "--output", str(tmp_path), *options]) == 0
    clip = read_clips(tmp_path / "vitpose_fit.npz")[0]
    (person,) = clip.people
    assert set(person.figures) == {"after"} and "status" in person.numbers
    assert person.aim is not None and not any("vitpose" in note for note in clip.notes)


def test_the_feet_that_stand_are_the_reports(refined: Path) -> None:
    (shown,) = json.loads(refined.with_name("hmr4d_results_report.json").read_text())["people"]
    contacts = read_clips(refined)[0].people[0].contacts
    assert contacts is not None
    for side, name in enumerate(("left_foot_stands", "right_foot_stands")):
        assert contacts[:, side].tolist() == [float(bool(each)) for each in shown["per_frame"][name]]


@pytest.mark.parametrize("feet", [{}, {"left_foot_stands": [1]}, {name: ["x", None] for name in ("a", "b")}, {"x": 1}])
def test_strange_feet_of_a_report_are_not_used(feet: dict[str, object]) -> None:
    report = Report.of({"settings": {}, "people": [{"track_id": "0", "per_frame": feet}]})
    assert report.stands("0", 2) is None and report.stands("1", 2) is None
