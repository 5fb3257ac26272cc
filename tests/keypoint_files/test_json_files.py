"""JSON in the layouts that the tools write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import KeypointTrack, load_tracks
from lsmplify_refine.values.conventions import MEDIAPIPE33
from lsmplify_refine.values.layouts import Layout, layouts_of
from tests.support.keypoint_json import (
    CASES,
    DUMP_NAMES,
    FRAMES,
    coco_list,
    dumped,
    holistic,
    instances,
    mediapipe,
    mmpose_frames,
    moving,
    numbered_folder,
    openpose_folder,
    placed_hands,
    written,
)


def layout_of(convention: str, count: int) -> Layout:
    return next(each for each in layouts_of(count) if each.convention.name == convention)


@pytest.mark.parametrize("case", CASES)
def test_reads(case: str, tmp_path: Path) -> None:
    path, points, convention, first, unmapped = CASES[case](tmp_path)
    (track,) = load_tracks(path)
    columns = list(layout_of(convention, points.shape[1]).columns)
    assert track.keypoints.convention == convention and len(track.unmapped) == unmapped
    assert track.numbered and track.frame_ids.tolist() == list(range(first, first + FRAMES))
    assert np.allclose(track.keypoints.positions, points[:, columns, :-1], atol=1e-3)
    assert np.allclose(track.keypoints.confidence, points[:, columns, -1], atol=1e-6)


def test_mediapipes_hands_come_along_and_may_be_missing(tmp_path: Path) -> None:
    points = moving(75, width=3) / [500, 500, 1, 1]
    value = holistic(points, world=False)
    value["frames"][1]["left_hand_landmarks"] = None
    (track,) = load_tracks(written(tmp_path / "r.json", value))
    left, right = track.keypoints.hand("left"), track.keypoints.hand("right")
    assert left is not None and right is not None
    np.testing.assert_allclose(right[0], points[:, 54:, :2] * [1280, 720], atol=1e-2)
    assert (right[1] == 1).all() and (left[1].min(axis=1) > 0).tolist() == [True, False, True, True, True]


def test_whose_hands_they_are_is_not_guessed(tmp_path: Path) -> None:
    value = holistic(moving(75, width=3) / [500, 500, 1, 1], world=False)
    for frame in value["frames"]:
        other = [{**point, "x": point["x"] + 0.4} for point in frame["pose_landmarks"]]
        frame["pose_landmarks"] = [frame["pose_landmarks"], other]
    tracks = load_tracks(written(tmp_path / "r.json", value))
    assert len(tracks) == 2 and all("columns-unused" in {note.code for note in track.notes} for track in tracks)
    assert not any(track.keypoints.confidence[:, 33:].any() for track in tracks)


def test_mediapipes_hands_in_space_go_to_the_wrists(tmp_path: Path) -> None:
    points = placed_hands()
    away = points.copy()
    away[:, 33:54, :3] -= 7.0
    away[:, 54:, :3] += 5.0
    (track,) = load_tracks(written(tmp_path / "r.json", holistic(away, world=True)))
    np.testing.assert_allclose(track.keypoints.positions, points[..., :3], atol=1e-3)


def test_mediapipe_in_the_image_takes_the_size_of_the_file(tmp_path: Path) -> None:
    points = moving(33, width=3) / [500, 500, 1, 1]
    (track,) = load_tracks(written(tmp_path / "r.json", mediapipe(points, world=False)))
    assert np.allclose(track.keypoints.positions, points[..., :2] * [1280, 720], atol=1e-3)


@pytest.mark.parametrize("how", ["one frame", "lists", "frames by number", "names", "indices", "index in the point"])
@pytest.mark.parametrize("world", [False, True])
def test_home_made_dumps_of_mediapipe(how: str, world: bool, tmp_path: Path) -> None:
    points = moving(33, width=3) / [500, 500, 500, 1]
    if world:
        points[..., :3] -= points[:, 23:25, :3].mean(axis=1, keepdims=True)
    (track,) = load_tracks(written(tmp_path / "r.json", dumped(points, how)), image_size=(1280, 720))
    frames = 1 if how == "one frame" else FRAMES
    assert track.frame_ids.tolist() == list(range(frames)) and track.keypoints.is_3d == world
    expected = points[:frames, :, :3] if world else points[:frames, :, :2] * [1280, 720]
    seen = track.keypoints.confidence > 0
    wanted = {point for point in DUMP_NAMES.values() if point} if how == "names" else set(MEDIAPIPE33.points)
    assert {name for name, found in zip(MEDIAPIPE33.points, seen[0]) if found} == wanted
    assert np.allclose(track.keypoints.positions[seen], expected[seen], atol=1e-3)


def test_an_openpose_file_of_17_points_names_the_options(tmp_path: Path) -> None:
    folder = numbered_folder(tmp_path / "op", moving(17), "frame_{:05d}.json")
    with pytest.raises(InputError, match=r"17 points may be coco17, h36m17; .* --keypoint-convention coco17"):
        load_tracks(folder)
    (track,) = load_tracks(folder, convention="coco17")
    assert np.allclose(track.keypoints.positions, moving(17)[..., :2], atol=1e-3)


def test_unknown_json_is_described_and_the_known_layouts_are_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds a dict of image_width, humans;.*MediaPipe .*points by name") as caught:
        load_tracks(written(tmp_path / "k.json", {"image_width": 3, "humans": []}))
    assert '"pose_keypoints_2d": [x, y, c, ...]' in str(caught.value)


@pytest.mark.parametrize("named", [False, True])
def test_people_keep_their_identity_whatever_their_order(named: bool, tmp_path: Path) -> None:
    people = [moving(25, 0), moving(25, 1)]
    tracks = load_tracks(openpose_folder(tmp_path / "op", people, [11, 22] if named else None))
    assert len(tracks) == 2 and all(track.identified == named for track in tracks)
    by_place = sorted(tracks, key=lambda track: float(track.keypoints.positions.mean()))
    for track, points in zip(by_place, people):
        assert np.allclose(track.keypoints.positions, points[..., :2], atol=1e-3)
    if named:
        assert [track.person for track in by_place] == ["11", "22"]


@pytest.mark.parametrize("tool", ["openpose", "alphapose", "coco", "mmpose", "easymocap"])
def test_an_id_that_repeats_in_a_frame_is_none(tool: str, tmp_path: Path) -> None:
    people = [moving(17, 0), moving(17, 1)]
    tracks = load_tracks(_all_with_one_id(tool, people, tmp_path), convention="coco17")
    assert len(tracks) == 2 and not any(track.identified for track in tracks)
    for track, points in zip(sorted(tracks, key=lambda track: float(track.keypoints.positions.mean())), people):
        assert np.allclose(track.keypoints.positions, points[..., :2], atol=1e-3)
        assert any(note.code == "people-linked" and "same id" in note.text for note in track.notes)


def _all_with_one_id(tool: str, people: list[np.ndarray], folder: Path) -> Path:
    if tool in ("alphapose", "coco"):
        extra = {"idx": [0.0]} if tool == "alphapose" else {"track_id": 7}
        listed = [row for points in people for row in coco_list(points, **extra)]
        return written(folder / "r.json", sorted(listed, key=lambda row: row["image_id"]))
    for frame in range(FRAMES):
        rows = [points[frame] for points in people]
        if tool == "openpose":
            value: Any = {"people": [{"person_id": [0], "pose_keypoints_2d": row.ravel().tolist()} for row in rows]}
        elif tool == "mmpose":
            value = [each | {"track_id": 3} for row in rows for each in instances(row)]
        else:
            value = {"annots": [{"personID": 0, "keypoints": row.tolist()} for row in rows]}
        written(folder / tool / f"{frame:06d}.json", value)
    return folder / tool


@pytest.mark.shared
def test_two_real_people_of_alphapose_without_tracking(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "real" / "alphapose_two_idx0.json"
    people = [{key: value for key, value in each.items() if key != "idx"} for each in json.loads(path.read_text())]
    tracks, without = load_tracks(path), load_tracks(written(tmp_path / "without.json", people))
    assert len(tracks) == 2 and not any(track.identified for track in tracks)
    for track, other in zip(tracks, without, strict=True):
        assert track.frame_ids.tolist() == other.frame_ids.tolist() and len(track) == 295
        assert np.array_equal(track.keypoints.positions, other.keypoints.positions)


@pytest.mark.shared
def test_real_players_of_alphapose_without_tracking(shared_data: Path) -> None:
    path = shared_data / "real" / "alphapose_no_ids_hockey.json"
    tracks = load_tracks(path)
    assert sum(len(track) for track in tracks) == len(json.loads(path.read_text()))
    assert not any(track.identified for track in tracks)


def test_gaps_empty_frames_and_missing_points(tmp_path: Path) -> None:
    points = moving(25)
    points[1, 3] = 0
    folder = openpose_folder(tmp_path / "op", [points])
    written(folder / "clip_000000000009_keypoints.json", {"people": []})
    written(folder / "clip_000000000010_keypoints.json", {"people": [{"pose_keypoints_2d": []}]})
    (track,) = load_tracks(folder)
    assert track.frame_ids.tolist() == [7, 8, 11] and track.keypoints.confidence[1, 3] == 0
    at = track.at(np.arange(6, 12))
    assert (at.confidence.max(axis=1) > 0).tolist() == [False, True, True, False, False, True]
    assert np.allclose(at.positions[5], points[4, :, :2], atol=1e-3)
    with pytest.raises(InputError, match="its frames are 7 to 11, the parameters' 50 to 59"):
        track.at(np.arange(50, 60))


def test_a_gapless_run_of_as_many_frames_is_taken_row_by_row(tmp_path: Path) -> None:
    (track,) = load_tracks(openpose_folder(tmp_path / "op", [moving(25)]))
    assert np.allclose(track.at(np.arange(FRAMES)).positions, moving(25)[..., :2], atol=1e-3)


def test_coco_annotations_hold_visibility_and_name_images(tmp_path: Path) -> None:
    points = moving(17)
    points[..., 2] = np.arange(17) % 3
    images = [{"id": 100 + frame, "file_name": f"img/{frame + 3:06d}.jpg"} for frame in range(FRAMES)]
    people = [{**person, "image_id": 100 + person["image_id"]} for person in coco_list(points)]
    (track,) = load_tracks(written(tmp_path / "r.json", {"images": images, "annotations": people}))
    assert track.frame_ids.tolist() == [3, 4, 5, 6, 7]
    assert np.allclose(track.keypoints.confidence, points[..., 2] / 2)


def test_mmpose_says_its_points(tmp_path: Path) -> None:
    from lsmplify_refine.values.conventions import COCO17

    meta = {"keypoint_id2name": {str(i): name for i, name in enumerate(COCO17.points)}}
    value = {"meta_info": meta, "instance_info": mmpose_frames(moving(17), 1)}
    (track,) = load_tracks(written(tmp_path / "r.json", value))
    assert track.keypoints.convention == "coco17"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (mmpose_frames(moving(17), 0), "17 points may be coco17, h36m17; choose one"),
        (coco_list(moving(19)), "no known convention has 19 points; known: coco17"),
        (coco_list(moving(17)) + coco_list(moving(133)), "different numbers of points"),
        ([{"image_id": "a.jpg", "keypoints": [1, 2, 3]}], "'a.jpg' has no frame number"),
        ([{"image_id": 0, "keypoints": [1, "b", 3]}], "entry 0: keypoints: not a list of numbers"),
        ([{"image_id": 0, "keypoints": [1, 2, 3, 4]}], "4 numbers; expected 3 for each point"),
        ([{"image_id": None, "keypoints": [1, 2, 3]}], "image_id: None"),
        ({"people": []}, "contains no people"),
        ({"people": [3]}, "entry 0 is not a person"),
        ([{"id": 0, "keypoints3d": [[1, 2]]}], "shape"),
        ({"frames": [{"landmarks": [{"x": 1}]}], "image_size": [1, 1]}, "shape"),
        ({"frames": [{"landmarks": [[0.5, 0.5, 0, 1]] * 33}]}, "normalised image coordinates; give --video"),
        ({"a": 1}, "not keypoints in a known format"),
        ([[[[[[]]]]]], "not keypoints in a known format"),
    ],
)
def test_bad_json_is_named(value: Any, message: str, tmp_path: Path) -> None:
    path = written(tmp_path / "k.json", value)
    with pytest.raises(InputError, match=message) as caught:
        load_tracks(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"), [("[" * 1_000_000, "nested too deeply"), ('{"people": [', "not readable as JSON")]
)
def test_broken_json_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load_tracks(tmp_path / "k.json")


def test_a_folder_of_two_cameras_is_refused(tmp_path: Path) -> None:
    folder = openpose_folder(tmp_path / "op", [moving(25)])
    written(folder / "other_000000000007_keypoints.json", {"people": []})
    with pytest.raises(InputError, match="are both frame 7"):
        load_tracks(folder)


def test_the_mapping_says_what_became_of_the_points(tmp_path: Path) -> None:
    from lsmplify_refine.body import BodyModel

    points = moving(33, width=3)
    points[:, 0, -1] = 0
    (track,) = load_tracks(written(tmp_path / "r.json", mediapipe(points, world=True)))
    assert isinstance(track, KeypointTrack)
    mapping = track.mapping(BodyModel.open().point_origins("mediapipe33"))
    assert mapping.missing == ("nose",) and len(mapping.used) == 32
    assert "left_index" in mapping.synthesised and "left_knee" not in mapping.synthesised
    assert mapping.note().text.startswith(
        "keypoints: 32 of 33 mediapipe33 points used; synthesised on the body: left_eye_inner"
    )
