"""Who is who: people who cross, strangers, results that do not say where they are in the image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import Estimate, InputError, Keypoints
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.job.detections import Detections
from lsmplify_refine.job.people import FoundKeypoints, choose_people, match_people
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.keypoint_files.detections import Detection, tracks_of
from tests.support.scenes import FPS, open_body, scene

FRAMES = 60
#: The frames in which the second person is not in the picture.
AWAY = range(10, 30)


def seen(person: Estimate) -> np.ndarray:
    """(T, 17, 2) pixels of a person's own keypoints."""
    body = open_body()
    pose = pose_on_body(person, body)
    own = body.keypoints("coco17", pose.rotations.numpy(), pose.pelvis.numpy(), np.zeros(10))
    assert person.camera is not None
    return project_to_image(own, person.camera.K)


def crossing() -> tuple[list[Estimate], np.ndarray]:
    """Two people who walk through each other's place, one behind the other; their true pixels (2, T, 17, 2)."""
    people, pixels = [], []
    for index, side in enumerate((-1.0, 1.0)):
        alone = scene(FRAMES, seed=index)
        walk = np.stack([side * np.linspace(1, -1, FRAMES), np.zeros(FRAMES), np.full(FRAMES, 1.5 * index)], 1)
        person = alone.replace(transl=(alone.transl + walk).astype(np.float32), track_id=str(index + 5))
        noise = np.random.default_rng(index).normal(0, 4, (FRAMES, 17, 2))
        pixels.append(seen(person) + noise)
        people.append(person.replace(keypoints=None, source=Path("in.pt")))
    return people, np.array(pixels)


def detected(pixels: np.ndarray, *, seed: int = 0) -> list[KeypointTrack]:
    """What a detector without ids gives, linked: people in any order, the second away for a while, a bystander."""
    generator = np.random.default_rng(seed)
    found = []
    for frame in range(FRAMES):
        here = [pixels[0, frame], pixels[1, frame], pixels[0, 0] * 0.2 + [600, 0]]
        order = [each for each in generator.permutation(3) if each != 1 or frame not in AWAY]
        found += [Detection(frame, here[each], np.ones(17)) for each in order]
    return tracks_of(found, where="video", source="video", wanted="coco17")


def test_choosing_people() -> None:
    people = [scene(4).replace(track_id=name) for name in ("3", "8")]
    assert choose_people(people, "all") == [0, 1]
    assert choose_people(people, "8") == [1]
    with pytest.raises(InputError, match="known: 3, 8, all"):
        choose_people(people, "1")


def test_people_who_cross_keep_their_keypoints() -> None:
    people, pixels = crossing()
    found = match_people(people, [0, 1], detected(pixels), open_body(), video=None)
    matched, notes = found.tracks, found.notes
    for index, there in ((0, np.arange(FRAMES)), (1, np.setdiff1d(np.arange(FRAMES), AWAY))):
        keypoints = matched[index].at(people[index].frame_ids)
        assert np.flatnonzero(keypoints.confidence.max(axis=1)).tolist() == there.tolist()
        np.testing.assert_allclose(keypoints.positions[there], pixels[index, there], atol=1e-3)
    assert [note.text for note in notes] == [
        "person 5: keypoints in 60 of 60 frames, chosen frame by frame by where the estimate is in the image",
        "person 6: keypoints in 40 of 60 frames, chosen frame by frame by where the estimate is in the image",
    ]


def test_hands_come_along_and_do_not_decide() -> None:
    """Both people's hands lie on the first person; the body decides, and the hands stay with their body."""
    people, pixels = crossing()
    hands = np.repeat(pixels[:1, :, 9:10], 42, axis=2) + np.array([1.0, 2.0])[:, None, None, None]
    body = np.concatenate([pixels, pixels[:, :, [15, 15, 15, 16, 16, 16]]], axis=2)
    whole = np.concatenate([body, np.broadcast_to(hands, (2, FRAMES, 42, 2))], axis=2)
    seen = [Detection(frame, whole[who, frame], np.ones(65)) for frame in range(FRAMES) for who in (1, 0)]
    tracks = tracks_of(seen, where="video", source="video", wanted="coco65")
    matched = match_people(people, [0, 1], tracks, open_body(), video=None).tracks
    for index in (0, 1):
        np.testing.assert_allclose(matched[index].at(people[index].frame_ids).positions, whole[index], atol=1e-2)


def test_one_person_among_several_is_picked() -> None:
    people, pixels = crossing()
    matched = match_people(people[1:], [0], detected(pixels), open_body(), video=None).tracks
    np.testing.assert_allclose(matched[0].at(np.arange(40, 60)).positions, pixels[1, 40:], atol=1e-3)


def test_gaps_and_frame_numbers_stay() -> None:
    people, pixels = crossing()
    kept = np.array([3, 4, 5, 31, 32, 50])
    camera = people[0].camera
    assert camera is not None
    first = people[0].replace(
        **{name: getattr(people[0], name)[kept] for name in ("global_orient", "body_pose", "betas", "transl")},
        frame_ids=kept,
        camera=replace(camera, K=camera.K[kept]),
    )
    matched = match_people([first, people[1]], [0, 1], detected(pixels), open_body(), video=None).tracks
    assert matched[0].frame_ids.tolist() == kept.tolist()
    np.testing.assert_allclose(matched[0].at(kept).positions, pixels[0, kept], atol=1e-3)


def track(pixels: np.ndarray, person: str, *, identified: bool = True) -> KeypointTrack:
    keypoints = Keypoints("coco17", pixels.astype(np.float32), np.ones(pixels.shape[:2], np.float32), "points.json")
    return KeypointTrack(keypoints, np.arange(len(pixels)), numbered=True, person=person, identified=identified)


def test_the_nearest_person_is_chosen() -> None:
    people, _ = crossing()
    near = people[1].replace(transl=people[0].transl * np.float32(0.5))
    assert choose_people([people[0], near], "nearest") == [1] and choose_people(people[:1], "nearest") == [0]
    with pytest.raises(InputError, match=r"--person nearest: .* is in world coordinates, .* choose one: --person 5, 6"):
        choose_people([in_world(person) for person in people], "nearest")


def test_an_id_must_be_somebodys() -> None:
    people, _ = crossing()
    assert choose_people(people, "6") == [1] and choose_people(people[:1], "z", in_keypoints=True) == [0]
    for in_keypoints, persons in ((False, people[:1]), (True, people)):
        with pytest.raises(InputError, match="--person z: nobody in"):
            choose_people(persons, "z", in_keypoints=in_keypoints)


def test_the_same_ids_decide() -> None:
    people, pixels = crossing()
    exchanged = [track(pixels[1], "5"), track(pixels[0], "6")]
    found = match_people(people, [0, 1], exchanged, open_body(), video=None)
    matched, notes = found.tracks, found.notes
    assert matched == {0: exchanged[0], 1: exchanged[1]} and not notes


def test_other_ids_are_taken_whole() -> None:
    people, pixels = crossing()
    tracks = [track(pixels[1], "b"), track(pixels[0] + 3, "a")]
    found = match_people(people, [0, 1], tracks, open_body(), video=None)
    matched, notes = found.tracks, found.notes
    assert (matched[0].person, matched[1].person) == ("a", "b")
    assert notes[0].text == "person 5: keypoints in 60 of 60 frames, those of a, by where the estimate is in the image"


def test_who_has_none_is_said_and_nobody_is_an_error() -> None:
    people, pixels = crossing()
    one = [track(pixels[1], "0", identified=False)]
    found = match_people(people, [0, 1], one, open_body(), video=None)
    matched, notes = found.tracks, found.notes
    assert list(matched) == [1]
    assert notes[0].text == "person 5: no keypoints lie where this person is; the person is left as read"
    with pytest.raises(InputError, match=r"points\.json: keypoints of one person, none where the result has person 5;"):
        match_people(people, [0], one, open_body(), video=None)
    far = [track(pixels[0] + 3000, "x"), track(pixels[1] + 3000, "y")]
    with pytest.raises(InputError, match=r"2 people \(ids: x, y\), none where"):
        match_people(people, [0, 1], far, open_body(), video=None)


def test_nobody_is_matched_behind_the_camera() -> None:
    people, _ = crossing()
    behind = people[0].replace(transl=people[0].transl - np.array([0, 0, 10], np.float32))
    with pytest.raises(InputError, match="none where the result has person 5"):
        match_people([behind, people[1]], [0], [track(seen(behind), "0", identified=False)], open_body(), video=None)


def test_one_and_one_belong_together_wherever_they_are() -> None:
    people, pixels = crossing()
    only = track(pixels[0] + 3000, "0", identified=False)
    assert match_people(people[:1], [0], [only], open_body(), video=None) == FoundKeypoints({0: only})


def test_3d_people_need_ids() -> None:
    people, _ = crossing()
    space = Keypoints("coco17", np.ones((FRAMES, 17, 3)), np.ones((FRAMES, 17)), "points.trc")
    tracks = [KeypointTrack(space, np.arange(FRAMES), person=name, identified=True) for name in "ab"]
    with pytest.raises(InputError, match="3D keypoints of several people need the input's ids"):
        match_people(people, [0, 1], tracks, open_body(), video=None)


def in_world(person: Estimate) -> Estimate:
    """The same person as a camera that turns gives them to a room."""
    turn = rotvec_to_rotmat(np.stack([np.zeros(FRAMES), np.linspace(0, 0.6, FRAMES), np.zeros(FRAMES)], 1))
    rest = MEAN_REST_PELVIS[person.family]
    orient = rotmat_to_rotvec(turn @ rotvec_to_rotmat(person.global_orient))
    pelvis = np.einsum("tij,tj->ti", turn, person.transl + rest)
    return person.replace(global_orient=orient, transl=pelvis - rest, frame="world", fps=FPS)


def test_a_result_in_the_world_gets_the_track_that_its_pose_explains() -> None:
    people, pixels = crossing()
    other = np.roll(pixels[0], 22, axis=0)  # half a cycle behind: does the opposite all the time
    # the detector loses the person for a while
    halves = [track(pixels[0], "0", identified=False), track(pixels[0], "1", identified=False)]
    halves[0] = replace(halves[0], keypoints=_only(halves[0].keypoints, slice(0, 34)))
    halves[1] = replace(halves[1], keypoints=_only(halves[1].keypoints, slice(36, 60)))
    tracks = [*halves, track(other, "2", identified=False)]
    matched = match_people([in_world(people[0])], [0], tracks, open_body(), video=None).tracks
    keypoints = matched[0].at(np.arange(FRAMES))
    there = keypoints.confidence.max(axis=1) > 0
    assert there.sum() >= 56
    np.testing.assert_allclose(keypoints.positions[there], pixels[0, there], atol=1e-3)


def test_a_result_in_the_world_with_boxes_is_told_by_them() -> None:
    people, pixels = crossing()
    worlds = [
        in_world(person).replace(boxes=np.concatenate([own.min(axis=1) - 10, own.max(axis=1) + 10], axis=1))
        for person, own in zip(people, pixels)
    ]
    tracks = [track(pixels[1], "a"), track(pixels[0], "b")]
    matched = match_people(worlds, [0, 1], tracks, open_body(), video=None).tracks
    assert (matched[0].person, matched[1].person) == ("b", "a")


def _only(keypoints: Keypoints, rows: slice) -> Keypoints:
    confidence = np.zeros_like(keypoints.confidence)
    confidence[rows] = 1
    return replace(keypoints, confidence=confidence)


def strangers(frames: int, bystanders: int = 10) -> list[KeypointTrack]:
    """Bystanders without ids whom the detector loses every 40 frames: ever more tracks, each of few frames."""
    rng = np.random.default_rng(0)
    shape = rng.uniform(0, 60, (17, 2))
    found = [
        Detection(frame, shape + np.array([300.0 * each, 900.0]), np.ones(17))
        for frame in range(frames)
        if frame % 80 < 40
        for each in range(bystanders)
    ]
    return tracks_of(found, where="video", source="video", wanted="coco17")


def test_matching_takes_memory_by_detections_not_by_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    compare = Detections.compare

    def counted(self: Detections, measure: Any, expected: np.ndarray) -> np.ndarray:
        asked.append(len(self.at))
        return compare(self, measure, expected)

    monkeypatch.setattr(Detections, "compare", counted)
    alone = scene(800, seed=0)
    person = alone.replace(keypoints=None, source=Path("in.pt"), track_id="5")
    tracks = strangers(800)
    assert len(tracks) == 100
    own = track(seen(alone), "0", identified=False)
    found = match_people([person, person.replace(track_id="6")], [0, 1], [*tracks, own], open_body(), video=None)
    assert asked == [4000 + 800] * 2
    assert len(found.tracks[0]) + len(found.tracks.get(1, [])) == 800


def test_a_crowd_without_ids_is_one_line() -> None:
    found = [Detection(frame, np.ones((17, 2)), np.ones(17)) for frame in range(2) for _ in range(501)]
    with pytest.raises(InputError, match=r"f\.json: frame 0: 501 people without ids; at most 500"):
        tracks_of(found, where="f.json", source="f.json", wanted="coco17")
