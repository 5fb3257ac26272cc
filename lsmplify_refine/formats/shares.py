"""Several people within one block of parameters: on a leading axis, or in rows with an id column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.parameter_names import key_of
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import EXTREMITIES

#: Min number of axes of one person's entry, by parameter; an array with an axis of people has one more.
_MIN_AXES: dict[str, int] = {
    "root": 1,
    "body": 1,
    "full": 1,
    "transl": 1,
    "betas": 1,
    "frames": 1,
    "K": 3,
} | dict.fromkeys(EXTREMITIES, 1)


@dataclass(frozen=True)
class Share:
    """One person of a block.

    Attributes:
        name: The person's id.
        index: Place on the leading axis of people; None if there is no such axis.
        people: Length of that axis.
        rows: (T,) the person's rows; None for all.
    """

    name: str
    index: int | None = None
    people: int = 1
    rows: np.ndarray | None = None

    def has_axis(self, what: str, leaf: Any) -> bool:
        """Whether a parameter of the block has the axis of people."""
        if self.index is None or not hasattr(leaf, "__len__") or isinstance(leaf, str) or len(leaf) != self.people:
            return False
        if what == "gender":
            return True
        entry = to_numpy(leaf[0])
        return entry is not None and what in _MIN_AXES and entry.ndim >= _MIN_AXES[what]

    def of(self, what: str, leaf: Any) -> Any:
        """This person's part of a parameter along the axis of people."""
        return leaf[self.index] if self.has_axis(what, leaf) else leaf


def shares_of(block: Mapping[Any, Any], name: str, where: str) -> list[Share]:
    """The people of a block.

    Args:
        block: The parameters.
        name: The block's name, for a single person.
        where: File and block, for error messages.

    Raises:
        InputError: The people cannot be told apart, or ids come without frame numbers.
    """
    transl_key, ids_key = key_of(block, "transl"), key_of(block, "ids")
    people = _axis_of_people(block[transl_key], f"{where}{transl_key}")
    ids = None if ids_key is None else _labels(block[ids_key])
    if people is not None:
        names = ids if ids is not None and len(set(ids)) == people else [str(index) for index in range(people)]
        return [Share(names[index] if people > 1 else name, index, people) for index in range(people)]
    transl = to_numpy(block[transl_key])
    rows = 0 if transl is None else transl.size // 3
    if ids is None or rows < 2:
        return [Share(name)]
    if len(set(ids)) == 1:
        return [Share(ids[0] if name == "0" else name)]
    if len(ids) != rows:
        raise InputError(f"{where}{ids_key}: {len(ids)} ids for {rows} rows; expected one for each row")
    if key_of(block, "frames") is None:
        raise InputError(
            f"{where}{ids_key}: rows of {len(set(ids))} people without frame numbers; add frame_ids, one for each row"
        )
    labels = np.array(ids)
    return [Share(each, rows=np.flatnonzero(labels == each)) for each in dict.fromkeys(ids)]


def _axis_of_people(leaf: Any, where: str) -> int | None:
    """The length of the leading axis of people of a translation; None if it has none."""
    if isinstance(leaf, list):
        entries = [to_numpy(entry) for entry in leaf]
        tables = [entry for entry in entries if entry is not None and entry.ndim == 2 and entry.shape[1] == 3]
        if leaf and len(tables) == len(leaf) and any(len(table) != 1 for table in tables):
            return len(leaf)
    array = to_numpy(leaf)
    if array is None or array.ndim != 3 or array.shape[2] != 3 or 1 in array.shape[:2]:
        return None
    if array.shape[0] < array.shape[1]:
        return len(array)
    raise InputError(
        f"{where}: shape {array.shape}; several people must be on the first axis (people, frames, 3), "
        "or in a dict of people by id"
    )


def _labels(leaf: Any) -> list[str] | None:
    """The ids of a column as text; None if it is not a column."""
    array = np.asarray(leaf.detach().cpu() if hasattr(leaf, "detach") else leaf)
    if array.dtype.kind not in "iufUS" or not array.size:
        return None
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        return [f"{value:g}" for value in flat]
    return [value.decode("latin1") if isinstance(value, bytes) else str(value) for value in flat]
