"""Hands and face in files: slots for the fingers, the jaw, the eyes and the expression, if a file has them.

They are optional. What a file holds in another form (PCA coefficients, NaN) stays in the file unread, with a note.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.hands import AFTER_BODY
from lsmplify_refine.formats.slots import Field, Slot, read_fields
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.geometry.rotations import RotationKind
from lsmplify_refine.options import Family
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import HAND_JOINTS, JOINTS

#: Numbers in a row for each rotation of a full pose.
_WIDTHS: dict[RotationKind, int] = {"axis-angle": 3, "matrix": 9}
#: Columns of hands and jaw in the 53 axis-angle rotations of Multi-HMR and Human3R, after the root and 21 body joints.
HANDS_AND_JAW: dict[Field, slice] = {
    "left_hand_pose": slice(22 * 3, 37 * 3),
    "right_hand_pose": slice(37 * 3, 52 * 3),
    "jaw_pose": slice(52 * 3, 53 * 3),
}


def full_pose_slots(paths: tuple[KeyPath, ...], family: Family, kind: RotationKind = "axis-angle") -> list[Slot]:
    """Slots of hands and face in a full pose of the family's joints, root first."""
    width, first, slots = _WIDTHS[kind], JOINTS, []
    for field, count in AFTER_BODY[family].items():
        columns = slice(first * width, (first + count) * width)
        slots.append(Slot(field, paths, Rotations(kind, single=count == 1), columns))
        first += count
    return slots


def part_slot(field: Field, paths: tuple[KeyPath, ...], *, shared: bool = False) -> Slot:
    """The slot of a part with its own key; rotations as axis-angle."""
    if field == "expression":
        return Slot(field, paths, shared=shared)
    return Slot(field, paths, Rotations(single=not field.endswith("hand_pose")), shared=shared)


def usable_slots(tree: Any, slots: Iterable[Slot], frames: int, where: str) -> tuple[list[Slot], tuple[Note, ...]]:
    """The slots with finite numbers in the file, and a note on those that hold something else.

    Args:
        tree: The file's content.
        slots: One person's, of hands and face.
        frames: T.
        where: The file.
    """
    usable: list[Slot] = []
    left: list[str] = []
    for slot in slots:
        if look_up(tree, slot.paths[0]) is None:
            continue
        try:
            (values,) = read_fields(tree, [slot], frames, where).values()
        except InputError:
            left.append(slot.name)
            continue
        is_hand = slot.field.endswith("hand_pose")
        if np.isfinite(values).all() and (not is_hand or values.shape[1:] == (HAND_JOINTS, 3)):
            usable.append(slot)
        else:
            left.append(slot.name)
    if not left:
        return usable, ()
    text = f"{', '.join(dict.fromkeys(left))}: not rotations of {HAND_JOINTS} finger joints (PCA?), or not finite"
    return usable, (Note("hands-unread", f"{text}; unchanged in the file, missing in other output formats"),)
