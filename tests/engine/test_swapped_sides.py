"""Swapped sides: found per part and frame, swapped back and noted; nothing is swapped that only looks like it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lsmplify_refine import Estimate, InputError, Keypoints, Refiner
from lsmplify_refine.engine.limbs import Part, points_of
from lsmplify_refine.engine.swapped_sides import exchanged, swap_back
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.conventions import COCO17
from tests.support.rooms import STILL, Room, in_room
from tests.support.scenes import FPS, open_body, scene, true_motion

FRAMES = 60
SOME = slice(20, 40)
EVERYTHING: tuple[Part, ...] = ("head", "shoulders", "arms", "hips", "legs")
LEFT_KNEE = COCO17.points.index("left_knee")


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(open_body())


def swapped(keypoints: Keypoints, parts: tuple[Part, ...], frames: slice) -> Keypoints:
    where = np.zeros(keypoints.confidence.shape, bool)
    for part in parts:
        where[frames, points_of(keypoints.convention, part)] = True
    return exchanged(keypoints, where)


def walk(turn: float = 0.0) -> np.ndarray:
    """COCO points (T, 17, 3) of legs and arms that pass each other, seen at an angle; pi / 2 is in profile."""
    phase = 2 * np.pi * np.arange(FRAMES) / 30
    points = np.zeros((FRAMES, 17, 3))
    heights = {"shoulder": -0.5, "elbow": -0.25, "wrist": 0.0, "hip": 0.0, "knee": 0.4, "ankle": 0.8}
    for index, name in enumerate(COCO17.points):
        side, _, kind = name.partition("_")
        sign = {"left": 1.0, "right": -1.0}.get(side, 0.0)
        points[:, index, 0] = 0.15 * sign if kind in heights else 0.03 * sign
        points[:, index, 1] = heights.get(kind, -0.7)
        reach = {"elbow": -0.15, "wrist": -0.3, "knee": 0.2, "ankle": 0.35}.get(kind, 0.0)
        points[:, index, 2] = sign * reach * np.sin(phase)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    turned: np.ndarray = points @ rotation.T
    return turned


def observed(points: np.ndarray) -> Keypoints:
    """The points in the image plane with a detector's noise."""
    noise = np.random.default_rng(0).normal(0, 0.01, points[..., :2].shape)
    return Keypoints("coco17", points[..., :2] + noise, np.full(points.shape[:2], 0.9))


@pytest.mark.parametrize("turn", [0.0, 0.6, np.pi / 2, np.pi])
def test_who_walks_is_not_swapped(turn: float) -> None:
    keypoints = observed(walk(turn))
    found = swap_back(keypoints, keypoints.positions, walk(turn)[..., :2], np.arange(FRAMES), FPS)
    assert found.keypoints is keypoints and not found.notes


@pytest.mark.parametrize("fps", [10.0, 30.0, 120.0])
@pytest.mark.parametrize("frames", [slice(None), SOME, slice(30, 32), slice(45, None)])
@pytest.mark.parametrize("parts", [EVERYTHING, ("legs",), ("hips", "legs"), ("arms",)])
def test_swaps_are_found_where_they_are(parts: tuple[Part, ...], frames: slice, fps: float) -> None:
    right = observed(walk(0.3))
    wrong = swapped(right, parts, frames)
    found = swap_back(wrong, wrong.positions, walk(0.3)[..., :2] + 0.2, np.arange(FRAMES), fps)
    np.testing.assert_array_equal(found.keypoints.positions, right.positions)
    (note,) = found.notes
    rows = np.arange(FRAMES)[frames]
    assert f"in {len(rows)} of {FRAMES} frames ({rows[0]}-{rows[-1]}); swapped back" in note.text
    assert note.severity == "warning" and note.code == "sides-swapped"


def test_an_estimate_that_takes_one_leg_for_the_other_for_a_while_swaps_nothing() -> None:
    """The legs pass each other where its error begins and ends, and the keypoints go on smoothly."""
    body = walk(np.pi / 2)
    body[15:30, points_of("coco17", "legs")] = body[15:30][:, [14, 13, 16, 15]]
    keypoints = observed(walk(np.pi / 2))
    assert not swap_back(keypoints, keypoints.positions, body[..., :2], np.arange(FRAMES), FPS).swapped.any()


def test_missing_points_and_gaps_swap_nothing() -> None:
    keypoints = observed(walk())
    none = replace(keypoints, confidence=np.zeros_like(keypoints.confidence))
    assert not swap_back(none, none.positions, walk()[..., :2], np.arange(FRAMES), FPS).swapped.any()
    one = Keypoints("coco17", keypoints.positions[:1], keypoints.confidence[:1])
    assert not swap_back(one, one.positions, walk()[:1, :, :2], np.arange(1), FPS).swapped.any()
    wrong = swapped(keypoints, EVERYTHING, SOME)
    apart = np.arange(FRAMES) + 100 * (np.arange(FRAMES) >= SOME.start)
    found = swap_back(wrong, wrong.positions, walk()[..., :2], apart, FPS)
    assert "(120-139)" in found.notes[0].text


@pytest.mark.parametrize("frames", [slice(None), SOME])
@pytest.mark.parametrize("parts", [EVERYTHING, ("legs",)])
def test_swapped_keypoints_give_the_result_of_the_right_ones(
    refiner: Refiner, parts: tuple[Part, ...], frames: slice
) -> None:
    """Bypassing the swap repair fails here."""
    estimate = scene(FRAMES, noise_px=1.0)
    assert estimate.keypoints is not None
    right = refiner.refine(estimate)
    wrong = refiner.refine(estimate.replace(keypoints=swapped(estimate.keypoints, parts, frames)))
    np.testing.assert_allclose(wrong.refined.body_pose, right.refined.body_pose, atol=1e-6)
    assert "sides-swapped" in {note.code for note in wrong.notes} - {note.code for note in right.notes}


def test_swaps_in_space_are_repaired_too(refiner: Refiner) -> None:
    estimate = in_room(STILL, FRAMES)
    assert estimate.keypoints is not None
    right = refiner.refine(estimate)
    wrong = refiner.refine(estimate.replace(keypoints=swapped(estimate.keypoints, ("legs",), SOME)))
    np.testing.assert_allclose(wrong.refined.body_pose, right.refined.body_pose, atol=1e-6)
    (note,) = (note for note in wrong.notes if note.code == "sides-swapped")
    assert "legs were swapped in 20 of 60 frames (20-39)" in note.text


def striding(room: Room) -> Estimate:
    """An estimate with one leg before the other, and its 3D keypoints in a room."""
    estimate = in_room(room, FRAMES)
    pose, pelvis = true_motion(FRAMES)
    pose[:, 2, 0] += 0.8
    pose[:, 17] = pose[:, 19] = 0.0
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    keypoints = Keypoints("body25", room.enter(points), np.ones(points.shape[:2]))
    error = np.random.default_rng(0).normal(0, 0.05, (1, 21, 3))
    return estimate.replace(body_pose=(pose[:, 1:22] + error).astype(np.float32), keypoints=keypoints)


@pytest.mark.parametrize("unit", [1.0, 0.001])
def test_a_whole_file_in_space_that_is_swapped_is_repaired(refiner: Refiner, unit: float) -> None:
    estimate = striding(replace(STILL, scale=unit))
    assert estimate.keypoints is not None
    right = refiner.refine(estimate)
    wrong = refiner.refine(estimate.replace(keypoints=swapped(estimate.keypoints, EVERYTHING, slice(None))))
    np.testing.assert_allclose(wrong.refined.body_pose, right.refined.body_pose, atol=1e-6)
    assert [note.code for note in wrong.notes].count("sides-swapped") == 1


@pytest.mark.parametrize("make", [striding, lambda room: in_room(room, FRAMES)])
def test_mirrored_axes_in_space_are_no_swap(refiner: Refiner, make: Callable[[Room], Estimate]) -> None:
    with pytest.raises(InputError, match="mirrored"):
        refiner.refine(make(Room(STILL.rotation @ np.diag([1.0, 1, -1]), STILL.translation)))
