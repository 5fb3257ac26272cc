"""Unit, vertical axis and handedness of 3D keypoints, told by the bodies in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lsmplify_refine import InputError, Keypoints, Refiner
from lsmplify_refine.engine.room import Room, room_of
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.options import Units, Up
from lsmplify_refine.values.conventions import CONVENTIONS
from tests.support.scenes import open_body, true_motion

#: Units per metre, and `R_own_y_up` of each vertical axis.
PER_METRE: dict[Units, float] = {"m": 1, "cm": 100, "mm": 1000, "in": 39.3701, "ft": 3.28084}
FROM_Y_UP: dict[Up, np.ndarray] = {
    "y": np.eye(3),
    "z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "-y": np.diag([1.0, -1, -1]),
    "-z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
}


def standing(convention: str = "body25", frames: int = 40, *, noise_m: float = 0.01, size: float = 1.0) -> Keypoints:
    """A moving person in metres with y up."""
    pose, pelvis = true_motion(frames)
    # `true_motion` is a camera's: y down
    turn = np.diag([1.0, -1, -1])
    rotations = rotvec_to_rotmat(pose)
    rotations[:, 0] = turn @ rotations[:, 0]
    points = open_body().keypoints(convention, rotations, pelvis @ turn.T, np.zeros(10), size)
    points = points + np.random.default_rng(0).normal(0, noise_m, points.shape)
    return Keypoints(convention, points, np.ones(points.shape[:2]), "take.npz")


def in_room(keypoints: Keypoints, units: Units, up: Up, *, mirrored: bool = False) -> Keypoints:
    positions = keypoints.positions @ FROM_Y_UP[up].T * PER_METRE[units]
    return replace(keypoints, positions=positions * [-1, 1, 1] if mirrored else positions)


@pytest.mark.parametrize("convention", list(CONVENTIONS))
def test_every_convention_tells_its_room(convention: str) -> None:
    true = standing(convention)
    for units, up, mirrored in (("m", "y", False), ("mm", "z", True)):
        room = room_of([in_room(true, units, up, mirrored=mirrored)], open_body())  # type: ignore[arg-type]
        assert (room.units, room.up, room.mirrored) == (units, up, mirrored)


@pytest.mark.parametrize("units", list(PER_METRE))
@pytest.mark.parametrize("up", list(FROM_Y_UP))
@pytest.mark.parametrize("mirrored", [False, True])
def test_entering_undoes_the_room_and_the_notes_say_it(units: Units, up: Up, mirrored: bool) -> None:
    true = standing()
    given = in_room(true, units, up, mirrored=mirrored)
    room = room_of([given], open_body())
    np.testing.assert_allclose(room.enter(given).positions, true.positions, atol=1e-5)
    codes = {"unit-inferred": units != "m", "up-told": up != "y", "keypoints-mirrored": mirrored}
    assert [note.code for note in room.notes] == [code for code, said in codes.items() if said]
    assert all(note.text.startswith("take.npz: ") for note in room.notes)


@pytest.mark.parametrize("size", [0.6, 1.3])
def test_children_and_giants_keep_the_unit(size: float) -> None:
    assert room_of([in_room(standing(size=size), "cm", "z")], open_body()).units == "cm"


def test_a_camera_that_looks_down_is_warned_of() -> None:
    leaning = standing()
    turn = rotvec_to_rotmat(np.array([np.radians(45), 0, 0]))
    (note,) = room_of([replace(leaning, positions=leaning.positions @ turn.T)], open_body()).notes
    assert note.code == "up-told" and note.severity == "warning" and "lean by" in note.text


def test_who_lies_along_x_tells_no_axis() -> None:
    lying = standing()
    turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    lying = replace(lying, positions=lying.positions @ turn.T)
    room = room_of([lying], open_body())
    assert room.up == "y" and [note.code for note in room.notes] == ["up-assumed"]
    room = room_of([lying], open_body(), up="z")
    assert room.up == "z" and not room.notes


def test_the_users_axis_counts_and_a_contradiction_is_said() -> None:
    room = room_of([in_room(standing(), "m", "z")], open_body(), up="y")
    (note,) = room.notes
    assert room.up == "y" and note.severity == "warning" and "stand along z" in note.text


def changed(keypoints: Keypoints, scale: object) -> Keypoints:
    return replace(keypoints, positions=keypoints.positions * np.asarray(scale))


@pytest.mark.parametrize(
    ("people", "units", "message"),
    [
        ([changed(standing(), 10)], None, "no size of a person in any of m, cm, mm, in, ft"),
        ([standing()], "mm", "--units mm: the body would be 0.00"),
        ([standing(), changed(standing(), 1000)], None, "some people are of body size in m and others in mm"),
        ([standing(), changed(standing(), [-1, 1, 1])], None, "1 of 2 people are mirror images"),
        ([replace(standing(), confidence=np.zeros((40, 25)))], None, "no limb has both end points"),
        # Kinect's points in a bare array, which is taken as BODY_25
        ([replace(standing("kinect25"), convention="body25")], None, "do not form a body as body25"),
    ],
)
def test_what_contradicts_itself_or_the_user_is_refused(
    people: list[Keypoints], units: Units | None, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        room_of(people, open_body(), units=units)
    assert str(caught.value).startswith("take.npz: ") and "\n" not in str(caught.value)


def test_fit_gives_the_same_motion_in_any_room() -> None:
    """In the keypoints' own axes, in metres; the root in a world with a known vertical axis says which is up."""
    refiner, true = Refiner(open_body()), standing()
    expected = refiner.fit(true)
    assert expected.refined.world is None
    missing = true.confidence.copy()
    missing[3, 4] = 0
    for units, up in (("mm", "z"), ("cm", "-y")):
        given = in_room(true, units, up)  # type: ignore[arg-type]
        found = refiner.fit(given)
        turn = FROM_Y_UP[up]  # type: ignore[index]
        for stage in ("before", "after"):
            joints, own = (getattr(each, stage).joints() for each in (expected, found))
            np.testing.assert_allclose(own, joints @ turn.T, atol=1e-4)
        np.testing.assert_allclose(found.keypoints.positions, expected.keypoints.positions @ turn.T, atol=1e-4)
        assert found.estimate.keypoints is not None
        np.testing.assert_allclose(found.estimate.keypoints.positions, true.positions @ turn.T, atol=1e-4)
        assert {"unit-inferred", "up-told"} <= {note.code for note in found.notes}
        J0 = np.array(MEAN_REST_PELVIS["smpl"])
        np.testing.assert_allclose(found.refined.transl + J0, found.after.pelvis, atol=1e-4)
        world = found.refined.world
        assert world is not None and world.up == ("z" if up == "z" else "y")
        axis = 2 if world.up == "z" else 1
        # the trunk points up in that world
        assert (rotvec_to_rotmat(world.global_orient)[:, axis, 1] > 0.5).all()


def test_fit_takes_the_users_unit_and_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    import lsmplify_refine.engine.refiner as module

    asked: list[object] = []

    def spy(people: object, body: object, *, units: object, up: object) -> Room:
        asked.append((units, up))
        return Room("cm", "z")

    monkeypatch.setattr(module, "room_of", spy)
    Refiner(open_body()).fit(in_room(standing(frames=5), "cm", "z"), units="cm", up="z")
    assert asked == [("cm", "z")]
