"""Codings of roots that a file stores in other axes, or in the world of a known camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lsmplify_refine.formats.codings import Coding, Fields
from lsmplify_refine.formats.slots import Field, Slot
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.options import Family, Up


@dataclass(frozen=True)
class RigidMotion:
    """x -> rotation x + translation, from the file's coordinates to the estimate's.

    Attributes:
        rotation: (3, 3) or (T, 3, 3).
        translation: (3,) or (T, 3), metres.
        rest_pelvis: (3,) J0 of the body that the file's translation belongs to, metres.
    """

    rotation: np.ndarray
    translation: np.ndarray
    rest_pelvis: np.ndarray

    def turned(self, orient: np.ndarray, *, back: bool = False) -> np.ndarray:
        """Axis-angle (T, 3) after the motion, or before it."""
        rotation = np.swapaxes(self.rotation, -1, -2) if back else self.rotation
        turned: np.ndarray = rotmat_to_rotvec(rotation @ rotvec_to_rotmat(orient.astype(np.float64)))
        return turned.astype(orient.dtype)

    def moved(self, transl: np.ndarray, *, back: bool = False) -> np.ndarray:
        """The model's translation (T, 3) after the motion, or before it in float64; the pelvis lies at J0 + transl."""
        pelvis = transl.astype(np.float64) + self.rest_pelvis
        if back:
            turned = np.swapaxes(self.rotation, -1, -2) @ (pelvis - self.translation)[..., None]
            before: np.ndarray = turned[..., 0] - self.rest_pelvis
            return before
        moved: np.ndarray = (self.rotation @ pelvis[..., None])[..., 0] + self.translation - self.rest_pelvis
        return moved.astype(transl.dtype)


def half_turn(family: Family) -> RigidMotion:
    """Half a turn about x: from a world whose vertical axis points down to one where it points up."""
    return RigidMotion(np.diag([1.0, -1.0, -1.0]), np.zeros(3), np.array(MEAN_REST_PELVIS[family]))


def moved_slots(
    slots: Sequence[Slot], motion: RigidMotion, orient: Field = "global_orient", transl: Field = "transl"
) -> list[Slot]:
    """The slots, with the root moved from the file's coordinates to the estimate's.

    Args:
        slots: One person's.
        motion: From the file's coordinates to the estimate's.
        orient: Field of the root's rotation.
        transl: Field of its translation.
    """

    def moved(slot: Slot) -> Slot:
        """The slot with the motion, if it belongs to the root."""
        if slot.field == orient:
            return replace(slot, coding=MovedRoot(slot.coding, motion))
        return replace(slot, coding=MovedTransl(slot.coding, motion, orient)) if slot.field == transl else slot

    return [moved(slot) for slot in slots]


def axis_of(up: Up) -> Literal["y", "z"]:
    """The vertical axis without its sign."""
    return "y" if up in ("y", "-y") else "z"


@dataclass(frozen=True)
class MovedRoot(Coding):
    """The root's rotation before a motion; `inner` is how the file stores it."""

    inner: Coding
    motion: RigidMotion

    def width(self, field: str) -> int | None:
        """See `Coding`."""
        return self.inner.width(field)

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        return self.motion.turned(self.inner.decode(stored, fields))

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        return self.inner.encode(self.motion.turned(values, back=True), fields)

    def stale(self, changed: Mapping[str, np.ndarray], field: str, width: int) -> np.ndarray:
        """See `Coding`."""
        return self.inner.stale(changed, field, width)


@dataclass(frozen=True)
class MovedTransl(Coding):
    """The translation before a motion; `inner` is how the file stores it, and `root` the field of its rotation."""

    inner: Coding
    motion: RigidMotion
    root: str = "global_orient"

    def width(self, field: str) -> int | None:
        """See `Coding`."""
        return self.inner.width(field)

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        return self.motion.moved(self.inner.decode(stored, self._before(fields)))

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        return self.inner.encode(self.motion.moved(values, back=True), self._before(fields))

    def stale(self, changed: Mapping[str, np.ndarray], field: str, width: int) -> np.ndarray:
        """See `Coding`."""
        return self.inner.stale(changed, field, width)

    def _before(self, fields: Fields) -> Fields:
        """The fields as the file's own coordinates have them."""
        return {**fields, self.root: self.motion.turned(fields[self.root], back=True)}
