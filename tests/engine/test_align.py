"""Alignment of 3D keypoints: it recovers the transform, chooses the right way, and rejects wrong input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from lsmplify_refine import Estimate, InputError
from lsmplify_refine.engine.align import Alignment, align
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.geometry.rigid import Per, Rigid, fit_rigid
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.conventions import CONVENTIONS
from tests.support.rooms import SAME, STILL, Room, at_wrong_depths, from_moving_camera, in_room, true_points
from tests.support.scenes import open_body

FRAMES = 60
HARD: dict[str, Any] = {"garbage": 0.1, "gap": slice(20, 28)}


def aligned(estimate: Estimate, mode: Any = "auto", **options: Any) -> Alignment:
    assert estimate.keypoints is not None
    keypoints, pose = estimate.keypoints, pose_on_body(estimate, open_body())
    points = open_body().keypoints(
        keypoints.convention, pose.rotations.numpy(), pose.pelvis.numpy(), np.zeros(10)
    )  # of the estimate, with its errors
    return align(points, keypoints.positions, keypoints.confidence, mode, convention=keypoints.convention, **options)


def misplaced_mm(found: Alignment, room: Room, convention: str = "body25") -> float:
    """Distance of the true keypoints, moved from the room by the recovered transform, from their true positions."""
    frames = len(found.transform.rotation)
    true = true_points(frames, convention)
    return float(1000 * np.linalg.norm(found.transform(room.enter(true)) - true, axis=-1).mean())


@pytest.mark.parametrize("convention", ["coco17", "body25"])
@pytest.mark.parametrize(
    ("room", "mode", "per"),
    [
        (SAME, "camera", "track"),
        (STILL, "torso", "track"),
        (at_wrong_depths(FRAMES), "torso", "place"),
        (from_moving_camera(FRAMES), "torso", "frame"),
    ],
)
@pytest.mark.parametrize("spoilt", [{}, HARD])
def test_auto_takes_the_simplest_way_that_fits(
    convention: str, room: Room, mode: str, per: str, spoilt: dict[str, Any]
) -> None:
    found = aligned(in_room(room, FRAMES, convention=convention, **spoilt))
    assert (found.mode, found.per) == (mode, per)
    assert misplaced_mm(found, room, convention) < (10 if per == "track" else 20)
    assert found.name in found.notes()[0].text and found.residuals_mm[found.name] < 25


@pytest.mark.parametrize(
    ("turn_deg", "off", "mode"),
    [
        (0.0, [0.0, 0.05, 0.15], "camera"),
        (0.0, [0.1, 0.0, 0.4], "camera"),  # the estimate's depth is wrong
        (0.0, [0.0, 0.0, 4.0], "torso"),  # hips at the origin, as pose lifters have them
        (25.0, [0.0, 0.0, 0.2], "torso"),  # another room that begins at the same place
    ],
)
@pytest.mark.parametrize("spoilt", [{}, HARD])
def test_keypoints_of_the_estimates_frame_are_distinguished_from_a_rooms(
    turn_deg: float, off: list[float], mode: str, spoilt: dict[str, Any]
) -> None:
    turn, middle = rotvec_to_rotmat([0.0, np.radians(turn_deg), 0.0]), np.array([0.0, 0.0, 4.0])
    room = Room(turn, middle - turn @ middle + off)  # about the person
    assert aligned(in_room(room, FRAMES, **spoilt)).mode == mode


def test_in_a_world_no_frame_is_turned_on_its_own() -> None:
    estimate = in_room(from_moving_camera(FRAMES), FRAMES)
    assert aligned(estimate).per == "frame" and aligned(estimate, still=True).per == "place"
    assert aligned(estimate, "torso", per="frame", still=True).per == "frame"  # but where it is asked for


@pytest.mark.parametrize("error_deg", [5.0, 20.0])
def test_the_transform_of_a_still_room_is_recovered(error_deg: float) -> None:
    found = aligned(in_room(STILL, FRAMES, error_deg=error_deg, **HARD), "torso")
    turn = np.linalg.norm(rotmat_to_rotvec(found.transform.rotation[0] @ STILL.rotation.T))
    assert np.degrees(turn) < 1.5
    assert np.linalg.norm(found.transform.translation[0] - STILL.translation) < 0.15  # 6 m from the person
    assert found.transform.scale == 1.0
    assert (found.transform.rotation == found.transform.rotation[0]).all()


@pytest.mark.parametrize(
    ("per", "expected"), [("track", "track"), ("place", "place"), ("frame", "frame"), (None, "track")]
)
def test_per_can_be_asked_for(per: Any, expected: str) -> None:
    assert aligned(in_room(STILL, 20), "torso", per=per).per == expected


@pytest.mark.parametrize("convention", ["coco17", "body25"])
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_person_who_sits_down_behind_a_desk_is_aligned(convention: str, share: float) -> None:
    """Wrong depths, and only shoulders after some frame: a translation per frame then fits much better."""
    estimate = in_room(at_wrong_depths(80, swing_m=0.8), 80, convention=convention)
    assert estimate.keypoints is not None
    names = CONVENTIONS[convention].points
    hidden = [index for index, name in enumerate(names) if any(part in name for part in ("neck", "hip", "knee"))]
    confidence = estimate.keypoints.confidence.copy()
    confidence[round(share * 80) :, hidden] = 0
    keypoints = replace(estimate.keypoints, confidence=confidence)
    assert aligned(estimate.replace(keypoints=keypoints)).mode == "torso"


def test_procrustes_finds_one_scale_for_the_track() -> None:
    room = replace(from_moving_camera(FRAMES), scale=1.25)
    found = aligned(in_room(room, FRAMES, error_deg=2), "procrustes")
    assert found.per == "frame" and found.transform.scale == pytest.approx(1.25, abs=0.01)
    assert any("scaled by 1.2" in note.text for note in found.notes())
    assert misplaced_mm(found, room) < 15


def test_scale_is_fitted_where_asked() -> None:
    room = replace(STILL, scale=0.8)
    found = aligned(in_room(room, FRAMES, error_deg=2), "torso", scaled=True)
    assert found.per == "track" and found.transform.scale == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("unit", "scale"), [("centimetres", 0.01), ("millimetres", 0.001)])
def test_other_units_are_converted_and_noted(unit: str, scale: float) -> None:
    room = replace(STILL, scale=scale)
    found = aligned(in_room(room, 30, garbage=0.1))
    assert found.unit == unit and any(unit in note.text for note in found.notes())
    assert not any("scaled" in note.text for note in found.notes())
    assert misplaced_mm(found, room) < 8


def test_frames_without_torso_take_their_neighbours_transform() -> None:
    room = from_moving_camera(FRAMES)
    found = aligned(in_room(room, FRAMES, gap=slice(25, 35)))
    assert np.flatnonzero(~found.transform.known).tolist() == list(range(25, 35))
    assert any(note.text.startswith("10 frames have too few") for note in found.notes())
    true = true_points(FRAMES)
    assert np.linalg.norm(found.transform(room.enter(true)) - true, axis=-1)[25:35].mean() < 0.03


@pytest.mark.parametrize("convention", ["coco17", "body25"])
@pytest.mark.parametrize("mode", ["auto", "camera", "torso", "procrustes"])
def test_mirrored_keypoints_are_refused(convention: str, mode: str) -> None:
    mirrored = Room(STILL.rotation @ np.diag([1.0, 1, -1]), STILL.translation)
    with pytest.raises(InputError, match=r"mirrored .* negate one axis, or swap left and right"):
        aligned(in_room(mirrored, FRAMES, convention=convention, garbage=0.1), mode)


@pytest.mark.parametrize("error_deg", [0.0, 15.0, 30.0])
def test_a_wrong_estimate_is_not_taken_for_mirrored_keypoints(error_deg: float) -> None:
    aligned(in_room(STILL, FRAMES, error_deg=error_deg, noise_m=0.03, garbage=0.1))


def test_a_third_of_garbage_does_not_hide_the_unit() -> None:
    assert aligned(in_room(replace(STILL, scale=0.001), 30, garbage=0.35)).unit == "millimetres"


def test_no_known_unit_is_refused() -> None:
    with pytest.raises(InputError, match=r"10\.\d times the size of the estimated body; give metres"):
        aligned(in_room(replace(STILL, scale=0.1), 20))


@pytest.mark.parametrize(
    ("missing", "mode", "message"),
    [
        (range(25), "auto", "no limb has both end points"),
        ((1, 2, 5, 8, 9, 12), "auto", "too few confident hips and shoulders .* --align camera"),
        ((1, 2, 5, 8, 9, 12), "torso", "too few confident hips and shoulders"),
        ((1, 2, 5, 8, 9, 12), "camera", None),
        ((1, 2, 5, 8, 9, 12), "procrustes", None),
    ],
)
def test_too_few_keypoints(missing: Any, mode: str, message: str | None) -> None:
    estimate = in_room(SAME, 20, error_deg=2)
    assert estimate.keypoints is not None
    estimate.keypoints.confidence[:, list(missing)] = 0
    if message is None:
        assert misplaced_mm(aligned(estimate, mode), SAME) < 25
    else:
        with pytest.raises(InputError, match=message):
            aligned(estimate, mode)


def test_a_rigid_transform_is_applied_as_said() -> None:
    turn = rotvec_to_rotmat([0, 0, np.pi / 2])
    moved = Rigid(turn[None], np.array([[0.0, 0, 1]]), 2.0, np.array([True]))(np.array([[[1.0, 0, 0]]]))
    assert np.allclose(moved, [[[0, 2, 1]]])


@pytest.mark.parametrize("points", [np.zeros((4, 6, 3)), np.linspace(0, 1, 72).reshape(4, 6, 3) * [1.0, 0, 0]])
def test_points_on_a_line_give_no_rotation(points: np.ndarray) -> None:
    for per in get_args(Per):
        assert fit_rigid(points, points, np.ones((4, 6)), frame_ids=np.arange(4), fps=30, per=per) is None
        assert fit_rigid(points, points, np.zeros((4, 6)), frame_ids=np.arange(4), fps=30, per=per) is None
