"""Keypoints alone from end to end: rooms, people, gaps, rates, cameras, formats."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import InputError, Keypoints, KeypointTrack, load, save
from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.engine.room import room_of
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.job import fit as job_fit
from lsmplify_refine.job.fit import fit
from lsmplify_refine.job.fit_inputs import fit_people, frame_rate, lasting
from lsmplify_refine.job.job import FitJob, Outcome
from lsmplify_refine.visual.video import VideoInfo, probe
from tests.support import clips
from tests.support.fit_files import SIZE, Z_UP_FROM_CAMERA, true_joints, write_image, write_room
from tests.support.hands import SIDES, gesture

Z_UP_FROM_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def run(source: Path, **options: Any) -> Outcome:
    return fit(FitJob(source, output=source.parent / "out", weights="none", **{"write_video": False, **options}))


def codes(outcome: Outcome) -> set[str]:
    return {note.code for note in outcome.notes}


def error_mm(outcome: Outcome, frames: int, turn: np.ndarray) -> float:
    """Mean error of the body joints in the keypoints' axes."""
    joints = outcome.refinements[0].after.joints()
    return float(1000 * np.linalg.norm(joints - true_joints(frames) @ turn.T, axis=-1)[:, :22].mean())


def test_a_room_in_millimetres_with_z_up_gives_metres_and_every_format(tmp_path: Path) -> None:
    outcome = run(write_room(tmp_path / "take.npz"), output_format=("amass", "smpl-npz", "bvh"), fps=30.0)
    assert error_mm(outcome, 30, Z_UP_FROM_CAMERA) < 15
    assert {"unit-inferred", "up-told", "keypoints-mapped"} <= codes(outcome)
    assert "fps-assumed" not in codes(outcome)
    names = [
        "take_fit_amass.npz",
        "take_fit_smpl-npz.npz",
        "take_fit_bvh.bvh",
        "take_fit_report.html",
        "take_fit_report.json",
    ]
    assert [path.name for path in outcome.outputs.all] == names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    (refinement,) = outcome.refinements
    # AMASS has z up too, so its pelvis goes where the keypoints' does, and not on its side
    amass = np.load(tmp_path / "out" / "take_fit_amass.npz")
    assert amass["surface_model_type"] == "smplx" and amass["mocap_frame_rate"] == 30
    np.testing.assert_allclose(amass["trans"] + MEAN_REST_PELVIS["smplx"], refinement.after.pelvis, atol=1e-4)
    assert (rotvec_to_rotmat(amass["root_orient"])[:, 2, 1] > 0.5).all()
    (read,) = load(tmp_path / "out" / "take_fit_smpl-npz.npz", format="generic:frame=world,up=z")
    np.testing.assert_allclose(read.transl, refinement.refined.transl, atol=1e-5)
    report = json.loads(outcome.outputs.report.read_text())
    assert report["outputs"]["more"] == names[1:3] and report["settings"]["output_format"] == [
        "amass",
        "smpl-npz",
        "bvh",
    ]
    (person,) = report["people"]
    assert list(person["metrics"]) == ["fitted"] and person["metrics"]["fitted"]["mpjpe_mm_body25"] < 12
    assert person["shape"]["scale"] == pytest.approx(refinement.after.scale, rel=1e-5)


def test_hands_go_into_the_fingers_of_a_room_in_millimetres(tmp_path: Path) -> None:
    true = gesture(BodyModel.open(), 40)
    positions = true.keypoints("mediapipe75").positions @ Z_UP_FROM_Y_UP.T * 1000
    np.savez(tmp_path / "take.npz", convention="mediapipe75", positions=positions)
    outcome = run(tmp_path / "take.npz", fps=30.0)
    (read,) = load(outcome.outputs.results)
    assert read.family == "smplx" and read.world is not None and read.world.up == "z"
    for side in SIDES:
        pose = getattr(read, f"{side}_hand_pose")
        bent = np.abs(true.fingers[side][:, :12])
        # the flat hand is off by all that the fingers are bent
        assert np.abs(pose[:, :12] - true.fingers[side][:, :12]).mean() < 0.35 * bent.mean()


def test_several_people_get_a_file_each_and_share_the_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, Any, Any]] = []

    def spy(people: list[Keypoints], body: BodyModel, *, units: Any, up: Any) -> Any:
        asked.append((len(people), units, up))
        return room_of(people, body, units=units, up=up)

    monkeypatch.setattr(job_fit, "room_of", spy)
    source = write_room(tmp_path / "take.npz", frames=8, people=2)
    outcome = run(source, units="mm", up="z")
    assert asked == [(2, "mm", "z")]
    assert [path.name for path in outcome.outputs.all][:2] == ["take_fit_p0.npz", "take_fit_p1.npz"]
    first, second = (load(path, format="generic:frame=world,up=z")[0] for path in outcome.outputs.all[:2])
    np.testing.assert_allclose((second.transl - first.transl).mean(axis=0), [2, 0, 0], atol=0.03)
    (alone,) = run(source, person="p1", overwrite=True).refinements
    assert alone.estimate.track_id == "p1"
    with pytest.raises(InputError, match=r"--person x: nobody in take\.npz has that id; known: p0, p1, nearest, all"):
        run(source, person="x")


def test_pixels_with_a_video_are_drawn_and_take_its_rate(tmp_path: Path) -> None:
    video = clips.write_video(tmp_path / "clip.mp4", 8, SIZE)
    outcome = run(write_image(tmp_path / "k.npz"), video=video, write_video=True, output_format=("gvhmr",))
    assert [path.name for path in outcome.outputs.all] == [
        "k_fit.pt",
        "k_fit_comparison.mp4",
        "k_fit_report.html",
        "k_fit_report.json",
    ]
    (refinement,) = outcome.refinements
    assert refinement.refined.frame == "camera" and refinement.refined.fps == 30
    assert "focal-length-assumed" in codes(outcome)
    assert outcome.video_error is None and (tmp_path / "out" / "k_fit_comparison.mp4").stat().st_size > 1000
    (read,) = load(tmp_path / "out" / "k_fit.pt")
    assert read.camera is not None and read.camera.K[0, 0, 0] == pytest.approx(np.hypot(*SIZE), rel=0.01)


def test_pixels_without_a_video_need_size_and_take_the_lens(tmp_path: Path) -> None:
    source = write_image(tmp_path / "k.npz")
    with pytest.raises(InputError, match="2D keypoints need the size of the image; give --video, or --image-size WxH"):
        run(source)
    (refinement,) = run(source, image_size=SIZE, focal_px=500.0).refinements
    camera = refinement.camera
    assert camera is not None and camera.image_size == SIZE
    assert camera.K[0].tolist() == [[500, 0, 320], [0, 500, 180], [0, 0, 1]]


def test_keypoints_of_another_video_are_refused(tmp_path: Path) -> None:
    video = clips.write_video(tmp_path / "clip.mp4", 5, SIZE)
    with pytest.raises(InputError, match=r"has keypoints for 8 frames, .*clip\.mp4 has 5"):
        run(write_image(tmp_path / "k.npz"), video=video)


def test_short_gaps_are_bridged_and_long_ones_stay(tmp_path: Path) -> None:
    """At 10 fps: 5 missing frames are half a second, 20 are two."""
    ids = np.array([*range(3, 9), *range(14, 20), *range(40, 46)])
    outcome = run(write_room(tmp_path / "take.npz", frames=len(ids), frame_ids=ids), fps=10.0)
    (refinement,) = outcome.refinements
    assert refinement.refined.frame_ids.tolist() == [*range(3, 20), *range(40, 46)]
    assert np.isfinite(refinement.refined.body_pose).all() and refinement.refined.fps == 10


def test_frame_numbers_far_apart_take_no_memory(tmp_path: Path) -> None:
    ids = np.array([0, 1, 2, 2**60, 2**60 + 1])
    outcome = run(write_room(tmp_path / "take.npz", frames=5, frame_ids=ids))
    assert outcome.refinements[0].refined.frame_ids.tolist() == ids.tolist()


def test_a_file_without_a_rate_is_warned_of(tmp_path: Path) -> None:
    outcome = run(write_room(tmp_path / "take.npz", frames=5))
    (note,) = [note for note in outcome.notes if note.code == "fps-assumed"]
    assert note.severity == "warning" and "--fps" in note.text


def track(frames: int, person: str, *, identified: bool = False) -> KeypointTrack:
    keypoints = Keypoints("coco17", np.ones((frames, 17, 3)), np.ones((frames, 17)), "k.json")
    return KeypointTrack(keypoints, np.arange(frames), person=person, identified=identified)


def test_ghosts_without_ids_are_left_out_and_counted() -> None:
    people = [track(90, "0"), track(14, "1"), track(16, "2")]
    chosen, notes = lasting(people, 30.0)
    assert [each.person for each in chosen] == ["0", "2"]
    assert notes[0].code == "keypoints-doubtful" and "ids: 1" in notes[0].text
    # people with ids, and short files, are whole
    named = [track(90, "a", identified=True), track(5, "b", identified=True)]
    assert lasting(named, 30.0) == (named, ())
    assert len(lasting([track(3, "0"), track(4, "1")], 30.0)[0]) == 2


def test_nobody_is_one_line() -> None:
    nobody = KeypointTrack(Keypoints("coco17", np.ones((3, 17, 3)), np.zeros((3, 17)), "k.json"), np.arange(3))
    with pytest.raises(InputError, match=r"k\.json: no keypoint has any confidence"):
        fit_people([nobody], 30.0, None, size=None, video=None)


@pytest.mark.parametrize(
    ("in_space", "options", "message"),
    [
        (True, {"focal_px": 500.0}, "--focal-px: .* has keypoints in space"),
        (True, {"image_size": SIZE}, "--image-size: .* has keypoints in space"),
        (True, {"output_format": ("bvh", "gvhmr")}, "--output-format gvhmr: needs a camera"),
        (False, {"up": "z"}, "--up: .* has keypoints in an image"),
        (False, {"units": "mm"}, "--units: .* has keypoints in an image"),
    ],
)
def test_options_that_do_not_apply_are_refused(
    in_space: bool, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    source = write_room(tmp_path / "k.npz", frames=3) if in_space else write_image(tmp_path / "k.npz", frames=3)
    with pytest.raises(InputError, match=message):
        run(source, **options)
    assert not (tmp_path / "out").exists()


def test_a_video_is_not_drawn_on_for_keypoints_in_space(tmp_path: Path) -> None:
    video = clips.write_video(tmp_path / "clip.mp4", 5, SIZE)
    outcome = run(write_room(tmp_path / "take.npz", frames=3), video=video, write_video=True)
    assert "video-not-drawn" in codes(outcome) and outcome.outputs.comparison is None
    # but its rate is better than a guess
    assert "fps-assumed" not in codes(outcome) and outcome.refinements[0].refined.fps == 30


@pytest.mark.parametrize(
    ("dimensions", "given", "stated", "with_video", "expected"),
    [
        (2, None, None, True, 24.0),
        (2, None, 60.0, True, 24.0),
        (2, None, 60.0, False, 60.0),
        (3, None, 60.0, True, 60.0),
        (3, None, None, True, 24.0),
        (3, None, None, False, 30.0),
        (3, 100.0, 60.0, True, 100.0),
    ],
)
def test_whose_frame_rate_counts(
    dimensions: int, given: float | None, stated: float | None, with_video: bool, expected: float, tmp_path: Path
) -> None:
    keypoints = Keypoints("coco17", np.ones((3, 17, dimensions)), np.ones((3, 17)), "k.json")
    info = VideoInfo(tmp_path, 9, 9, Fraction(24), 3, 0, 0.1, Fraction(1, 24)) if with_video else None
    tracks = [KeypointTrack(keypoints, np.arange(3), fps=stated)]
    assert frame_rate(FitJob(tmp_path, fps=given), tracks, info)[0] == expected


def test_what_python_fits_can_be_saved_and_read(tmp_path: Path) -> None:
    content = np.load(write_room(tmp_path / "take.npz", frames=4))
    keypoints = Keypoints("body25", content["positions"], np.ones((4, 25)), "take.npz")
    refined = Refiner(weights="none").fit(keypoints).refined
    save([refined], tmp_path / "fitted.npz")
    (read,) = load(tmp_path / "fitted.npz", format="generic:frame=world,up=z")
    np.testing.assert_allclose(read.body_pose, refined.body_pose, atol=1e-6)
    np.testing.assert_allclose(read.transl, refined.transl, atol=1e-6)


def test_people_in_space_are_shown_in_their_room(tmp_path: Path) -> None:
    source = write_room(tmp_path / "k.npz", frames=6)
    film = clips.write_video(tmp_path / "film.mp4", frames=6)
    outcome = run(source, video=film, write_video=True, video_layout="world", snapshot=(4,))
    assert outcome.video_error is None and outcome.outputs.comparison is not None
    assert probe(outcome.outputs.comparison).frames == 6
    assert [path.name for path in outcome.outputs.snapshots] == ["k_fit_frame_4.png"]


def test_a_video_of_other_frames_does_not_show_the_room(tmp_path: Path) -> None:
    source = write_room(tmp_path / "k.npz", frames=6)
    film = clips.write_video(tmp_path / "film.mp4", frames=6)
    outcome = run(source, video=film, write_video=True, video_layout="world", fps=100.0)
    assert outcome.outputs.comparison is None
    assert any("have 100 fps, the video 30" in note.text for note in outcome.notes)
