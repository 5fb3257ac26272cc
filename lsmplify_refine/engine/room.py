"""Room: unit and axes of 3D keypoints, and the way to the engine's metres with y up and back.

Files of 3D keypoints rarely say their unit, which axis is up, or whether their axes are left-handed, as Unity's are.
The bodies in them do. `room_of` asks all people of a file at once. What it decides is a note; what speaks against
itself or against the user is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from jaxtyping import Float

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.refinement import BodyTrack, Refinement
from lsmplify_refine.engine.room_cues import Sizes, facing, sizes, upward
from lsmplify_refine.engine.targets import rest_pelvis
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.coordinates import move_body
from lsmplify_refine.options import Units, Up
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note

#: Units per metre.
_PER_METRE: dict[Units, float] = {"m": 1.0, "cm": 100.0, "mm": 1000.0, "in": 1 / 0.0254, "ft": 1 / 0.3048}
_NAMES: dict[Units, str] = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "in": "inches", "ft": "feet"}
#: Sizes of people over the mean body's; so narrow that no size fits two units.
_SIZES = (0.55, 1.37)
#: Sizes that a unit named by the user may mean: children to giants.
_ANY_SIZES = (0.25, 2.5)
#: Min share of limbs with a body's proportions.
_MIN_ALIKE = 0.66
#: Bodies stand along an axis if this much of their mean upward direction lies on it: within 60 degrees, which allows
#: for cameras that look down; below the second value (37 degrees) the note is a warning.
_STANDING, _UPRIGHT = 0.5, 0.8
#: Sureness of the front (see `facing`) from which left and right count as mirrored, or as right.
_SURE = 0.25
#: The axis that is negated to make left-handed axes right-handed: x, which is never up.
_MIRROR = np.array([-1.0, 1.0, 1.0])
#: `R_y_up_own` by the axis that is up.
_TO_Y_UP: dict[Up, list[list[float]]] = {
    "y": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "z": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "-y": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    "-z": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
}


@dataclass(frozen=True)
class Room:
    """The unit and axes of 3D keypoints.

    Attributes:
        units: Their unit.
        up: The axis that points up.
        mirrored: Whether the axes are left-handed, so that x must be negated.
        notes: How this was told.
    """

    units: Units = "m"
    up: Up = "y"
    mirrored: bool = False
    notes: tuple[Note, ...] = ()

    def enter(self, keypoints: Keypoints) -> Keypoints:
        """The keypoints in metres, in right-handed axes with y up."""
        positions = self._right_handed_metres(keypoints.positions) @ self._to_y_up.T
        return replace(keypoints, positions=positions.astype(keypoints.positions.dtype))

    def leave(self, refinement: Refinement, keypoints: Keypoints, body: BodyModel) -> Refinement:
        """A refinement of entered keypoints, moved back to the keypoints' own axes, in metres.

        Args:
            refinement: In metres with y up.
            keypoints: As given.
            body: The body of its estimates.
        """
        given = replace(
            keypoints,
            positions=self._right_handed_metres(keypoints.positions).astype(keypoints.positions.dtype),
        )
        seen = refinement.keypoints
        turned = (seen.positions.astype(np.float64) @ self._to_y_up).astype(seen.positions.dtype)
        return replace(
            refinement,
            estimate=self._own_axes(refinement.estimate, body).replace(keypoints=given),
            refined=self._own_axes(refinement.refined, body).replace(keypoints=given),
            before=self._own_axes_of_track(refinement.before),
            after=self._own_axes_of_track(refinement.after),
            as_read=refinement.as_read and self._own_axes_of_track(refinement.as_read),
            keypoints=replace(seen, positions=turned),
        )

    @property
    def _to_y_up(self) -> Float[np.ndarray, "3 3"]:
        return np.array(_TO_Y_UP[self.up], dtype=np.float64)

    def _right_handed_metres(self, positions: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        metres: np.ndarray = positions.astype(np.float64) / _PER_METRE[self.units]
        return metres * _MIRROR if self.mirrored else metres

    def _own_axes(self, estimate: Estimate, body: BodyModel) -> Estimate:
        """An estimate in the keypoints' axes, with a root in a world of known vertical axis."""
        if self.up == "y":
            return estimate
        orient, transl = move_body(
            estimate.global_orient,
            estimate.transl,
            rest_pelvis(estimate, body),
            rotation=self._to_y_up.T,
            translation=np.zeros(3),
        )
        with_y_up = WorldRoot(estimate.global_orient, estimate.transl, "y")
        world = WorldRoot(orient, transl, "z") if self.up == "z" else with_y_up
        return estimate.replace(global_orient=orient, transl=transl, world=world)

    def _own_axes_of_track(self, track: BodyTrack) -> BodyTrack:
        back = self._to_y_up.T
        rotations = track.rotations.copy()
        rotations[:, 0] = back @ rotations[:, 0]
        return replace(track, rotations=rotations, pelvis=(track.pelvis @ back.T).astype(track.pelvis.dtype))


def room_of(people: Sequence[Keypoints], body: BodyModel, *, units: Units | None = None, up: Up | None = None) -> Room:
    """The room of all people's 3D keypoints.

    Args:
        people: Of one file.
        body: Its mean shape tells the size.
        units: The user's choice; by default the size of the bodies tells.
        up: The user's choice; by default the axis that the bodies stand along.

    Raises:
        InputError: The bodies have no size or not that of people, contradict each other, or contradict the user.
    """
    people = [person.without_placeholders() for person in people]
    where = people[0].source or "3D keypoints"
    unit, unit_notes = _units_of(people, body, units, where)
    axis, up_notes = _up_of(people, up, where)
    mirrored, hand_notes = _mirrored(people, where)
    return Room(unit, axis, mirrored, (*unit_notes, *up_notes, *hand_notes))


def _units_of(
    people: Sequence[Keypoints], body: BodyModel, wanted: Units | None, where: str
) -> tuple[Units, list[Note]]:
    found = [size for person in people if (size := sizes(person, body)).limbs]
    if not found:
        raise InputError(f"{where}: no limb has both end points; give keypoints of whole limbs")
    for size in found:
        _check_proportions(size, people[0].convention, where)
    if wanted is not None:
        for size in found:
            metres = size.median / _PER_METRE[wanted]
            if not _ANY_SIZES[0] < metres < _ANY_SIZES[1]:
                raise InputError(f"{where}: --units {wanted}: the body would be {metres:.3g} times a person's size")
        return wanted, []
    told = {_unit_of(size, where) for size in found}
    if len(told) > 1:
        raise InputError(
            f"{where}: some people are of body size in {' and others in '.join(sorted(told))}; give --units"
        )
    unit = told.pop()
    text = f"{where}: lengths are in {_NAMES[unit]}, as the size of the body tells; --units chooses another unit"
    return unit, [] if unit == "m" else [Note("unit-inferred", text)]


def _unit_of(size: Sizes, where: str) -> Units:
    low, high = _SIZES
    for unit, per_metre in _PER_METRE.items():
        if low < size.median / per_metre < high:
            return unit
    raise InputError(
        f"{where}: the limbs are {size.median:.3g} times as long as a person's in metres, which is no size of a person "
        f"in any of {', '.join(get_args(Units))}; scale them, or give --units"
    )


def _check_proportions(size: Sizes, convention: str, where: str) -> None:
    if size.alike < _MIN_ALIKE:
        raise InputError(
            f"{where}: the points do not form a body as {convention}: only {size.alike:.0%} of the limbs have a body's "
            "proportions; name the right convention with --keypoint-convention"
        )


def _up_of(people: Sequence[Keypoints], wanted: Up | None, where: str) -> tuple[Up, list[Note]]:
    vectors = np.concatenate([upward(person) for person in people])
    mean = vectors.mean(axis=0) if len(vectors) else np.zeros(3)
    axis = int(np.argmax(np.abs(mean[1:])))
    lies = abs(float(mean[1 + axis]))
    names: tuple[tuple[Up, Up], ...] = (("y", "-y"), ("z", "-z"))
    told = names[axis][int(mean[1 + axis] < 0)]
    if wanted is not None:
        against = told != wanted and lies > _UPRIGHT
        text = f"{where}: {wanted} is taken as up, as --up says, but the bodies stand along {told}"
        return wanted, [Note("up-told", text, "warning")] if against else []
    if lies < _STANDING:
        text = f"{where}: the bodies do not stand along y or z; y is taken as up, and --up chooses another axis"
        return "y", [Note("up-assumed", text, "warning")]
    text = f"{where}: {told} is up, since the bodies stand along it; --up chooses another axis"
    if lies < _UPRIGHT:
        text = f"{where}: {told} is taken as up, although the bodies lean by {np.degrees(np.arccos(lies)):.0f} degrees"
        return told, [Note("up-told", f"{text}; --up chooses another axis", "warning")]
    return told, [] if told == "y" else [Note("up-told", text)]


def _mirrored(people: Sequence[Keypoints], where: str) -> tuple[bool, list[Note]]:
    sure = np.array([facing(person) for person in people])
    mirrored, right = sure < -_SURE, sure > _SURE
    if mirrored.any() and right.any():
        raise InputError(
            f"{where}: {int(mirrored.sum())} of {len(people)} people are mirror images and others are not: left and "
            "right are swapped in some; give a file in which they are not"
        )
    if not mirrored.any():
        return False, []
    text = (
        f"{where}: the bodies are mirror images, so the axes are taken as left-handed (as Unity's) and x is negated; "
        "if left and right are swapped instead, exchange their names"
    )
    return True, [Note("keypoints-mirrored", text, "warning")]
