"""Slots: where each parameter of a person is in a file. Reading and writing back follow from them.

An adapter lists a person's slots. `read_fields` reads the parameters; `slot_writing.write_slots` writes changed values
back.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.codings import Coding, Intrinsics
from lsmplify_refine.formats.containers import Container
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import Estimate, Extremity

Field = Literal["global_orient", "body_pose", "betas", "transl", "world_orient", "world_transl", "K"] | Extremity
#: Fields of several joints.
_JOINTS = ("body_pose", "left_hand_pose", "right_hand_pose")


@dataclass(frozen=True)
class Slot:
    """One copy of one parameter of one person.

    Attributes:
        field: The parameter.
        paths: One path for all rows, or one for each row of the track.
        coding: Converts the numbers to the parameter and back.
        columns: Columns of the leaf's flattened row.
        rows: (T,) the leaf's row for each row of the track; None if they are the same.
        shared: Whether the leaf has one row for the whole clip.
        leading: How many leading axes of the leaf `rows` count.
        default: (n,) the numbers of every row if the file may lack the leaf; it is added once one of them changes.
    """

    field: Field
    paths: tuple[KeyPath, ...]
    coding: Coding = dataclasses.field(default_factory=Coding)
    columns: slice = dataclasses.field(default_factory=lambda: slice(None))
    rows: np.ndarray | None = None
    shared: bool = False
    leading: int = 1
    default: np.ndarray | None = None

    @property
    def name(self) -> str:
        """The (first) path as shown to the user."""
        return ".".join(map(str, self.paths[0]))


@dataclass(frozen=True)
class Record:
    """An estimate's passthrough: the file as read, and where this person's parameters are."""

    container: Container
    slots: tuple[Slot, ...]


def read_fields(tree: Any, slots: Sequence[Slot], frames: int, where: str) -> dict[str, np.ndarray]:
    """Read each parameter from its first slot, as an independent copy.

    Args:
        tree: The file's content.
        slots: One person's; fields that a coding depends on come first.
        frames: T.
        where: The file, for error messages.

    Returns:
        By field, in the shape that the slot's coding gives: (T, 3), (T, J, 3), (T, B), ...

    Raises:
        InputError: A value is missing or has the wrong shape; the message names file and key.
    """
    fields: dict[str, np.ndarray] = {}
    for slot in slots:
        stored = _stored(tree, slot, frames, where)
        if slot.field in fields:
            continue
        columns = stored[:, slot.columns]
        width = slot.coding.width(slot.field) or columns.shape[1]
        if columns.shape[1] % width or columns.size == 0 or (width != columns.shape[1] and slot.field not in _JOINTS):
            raise InputError(f"{where}: {slot.name}: {columns.shape[1]} numbers per row; expected {width}")
        try:
            values = slot.coding.decode(columns, fields)
        except InputError as error:
            raise InputError(f"{where}: {slot.name}: {error}") from None
        # refined values are not whole numbers
        values = values if values.dtype.kind == "f" else values.astype(np.float32)
        fields[slot.field] = np.broadcast_to(values, (frames, *values.shape[1:])).copy()
    return fields


def intrinsics_slots(tree: Any, at: KeyPath, rows: np.ndarray | None = None) -> list[Slot]:
    """The slot of a file's camera matrices, one for all rows or one for each; none if it has no matrices there.

    Args:
        tree: The file's content.
        at: Path of the matrices.
        rows: (T,) the matrix of each row of the track; None if they are the same.
    """
    K = to_numpy(look_up(tree, at))
    if K is None or K.shape[-2:] != (3, 3):
        return []
    shared = K.size == 9
    return [Slot("K", (at,), Intrinsics(), rows=None if shared else rows, shared=shared)]


def holds_camera(estimate: Estimate) -> bool:
    """Whether the file of an estimate has a place for its camera matrices."""
    record = estimate.passthrough
    return isinstance(record, Record) and any(slot.field == "K" for slot in record.slots)


def shape_of(tree: Any, slot: Slot) -> tuple[int, ...] | None:
    """The shape of a slot's (first) leaf; None if it is not an array of numbers."""
    array = to_numpy(look_up(tree, slot.paths[0]))
    return None if array is None else array.shape


def check_slots(tree: Any, slots: Sequence[Slot], frames: int, where: str) -> None:
    """Check all slots, including the copies that `read_fields` does not read.

    Args:
        tree: The file's content.
        slots: One person's.
        frames: T.
        where: The file, for error messages.

    Raises:
        InputError: A value is missing, is not finite, or differs in shape from the first slot of its field.
    """
    first: dict[Field, tuple[str, int, tuple[int, ...]]] = {}
    for slot in slots:
        numbers = _stored(tree, slot, frames, where)[:, slot.columns]
        values = numbers.shape[1] // (slot.coding.width(slot.field) or 1)
        name, expected, shape = first.setdefault(slot.field, (slot.name, values, numbers.shape))
        if values != expected:
            raise InputError(f"{where}: {slot.name}: shape {numbers.shape} does not fit {name} of shape {shape}")
        finite = np.isfinite(numbers).all(axis=1)
        if not finite.all():
            row = np.argmin(finite)
            raise InputError(f"{where}: {slot.name}: NaN or infinite values (first in row {row}); repair or cut them")


def _stored(tree: Any, slot: Slot, frames: int, where: str) -> np.ndarray:
    """All columns of a slot's leaves, (T, n) or (1, n)."""
    if slot.default is not None and look_up(tree, slot.paths[0]) is None:
        return np.tile(slot.default, (1 if slot.shared else frames, 1))
    if len(slot.paths) == 1:
        array = _array(tree, slot.paths[0], where)
        if slot.rows is not None:
            return _by_row(array, slot.rows, f"{where}: {slot.name}", slot.leading)
        return _in_rows(array, 1 if slot.shared else frames, f"{where}: {slot.name}")
    rows: list[np.ndarray] = []
    for index, path in enumerate(slot.paths):
        array = _array(tree, path, where)
        name = ".".join(map(str, path))
        row = array.reshape(-1) if slot.rows is None else _by_row(array, slot.rows[index], f"{where}: {name}")
        if rows and len(row) != len(rows[0]):
            raise InputError(f"{where}: {name}: {len(row)} numbers; other rows of this person have {len(rows[0])}")
        rows.append(row)
    return np.stack(rows)


def _array(tree: Any, path: KeyPath, where: str) -> np.ndarray:
    array = to_numpy(look_up(tree, path))
    if array is None or array.size == 0:
        raise InputError(f"{where}: {'.'.join(map(str, path))}: missing, empty, or not an array of numbers")
    return array


def _in_rows(array: np.ndarray, count: int, where: str) -> np.ndarray:
    """(count, n) view of an array with `count` entries in its leading axes."""
    if count not in np.cumprod((1, *array.shape)):
        raise InputError(f"{where}: shape {array.shape}; expected {count} rows")
    return array.reshape(count, -1)


def _by_row(array: np.ndarray, rows: np.ndarray, where: str, leading: int = 1) -> np.ndarray:
    count = math.prod(array.shape[:leading])
    if array.ndim < leading or count <= np.max(rows):
        raise InputError(f"{where}: shape {array.shape}; expected at least {np.max(rows) + 1} rows")
    picked: np.ndarray = array.reshape(count, -1)[rows]
    return picked
