"""Write refined people back to the slots that they were read from; all other bytes stay unchanged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.codings import Fields
from lsmplify_refine.formats.containers import write_container
from lsmplify_refine.formats.slots import Record, Slot, read_fields
from lsmplify_refine.formats.tree import KeyPath, look_up, with_changes, with_values
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import Estimate

_T = TypeVar("_T")


def write_slots(estimates: Sequence[Estimate], path: Path) -> None:
    """Write people to the same kind of container as they were read from; unchanged values keep their bytes.

    Raises:
        InputError: The people were not read from one file, or a value does not have the file's shape.
    """
    records = [estimate.passthrough for estimate in estimates]
    container = only_source([each.container if isinstance(each, Record) else None for each in records], path)
    values: dict[KeyPath, Any] = {}
    for estimate, record in zip(estimates, records, strict=True):
        _update(values, container.tree, record.slots, estimate)
    write_container(container, with_values(container.tree, values) if values else container.tree, path)


def _update(values: dict[KeyPath, Any], tree: Any, slots: Sequence[Slot], estimate: Estimate) -> None:
    """Add one person's changed leaves to `values`."""
    where = str(estimate.source)
    read = read_fields(tree, slots, len(estimate), where)
    wanted = _fields_of(estimate)
    if "betas" not in read and wanted["betas"].any():
        raise InputError(
            f"{where}: the file has no shape, so betas other than the mean shape's cannot be written to it"
        )
    changed = {}
    for name, before in read.items():
        if name not in wanted:  # a camera that was taken away
            continue
        if wanted[name].shape != before.shape:
            raise InputError(
                f"{where}: {name}: shape {wanted[name].shape} cannot be written; the file has {before.shape}"
            )
        differs = wanted[name].astype(before.dtype) != before
        changed[name] = differs.any(-1) if before.shape[-1] == 3 else differs.any(-1, keepdims=True)
    for slot in slots:
        if not any(changed[name].any() for name in (slot.field, *slot.coding.depends) if name in changed):
            continue
        _renew(values, tree, slot, wanted, changed, where)


def _renew(
    values: dict[KeyPath, Any], tree: Any, slot: Slot, wanted: Fields, changed: Mapping[str, np.ndarray], where: str
) -> None:
    """Put a slot's new numbers into its leaf or leaves."""
    numbers = slot.coding.encode(wanted[slot.field], wanted)
    stale = slot.coding.stale(changed, slot.field, numbers.shape[1])
    if slot.shared:
        if np.ptp(numbers, axis=0).max() > 0:
            raise InputError(f"{where}: {slot.name}: the file holds one row for the whole clip; make all rows equal")
        numbers, stale = numbers[:1], stale[:1]
    if len(slot.paths) == 1:
        _renew_leaf(values, tree, slot, slot.paths[0], slot.rows, numbers, stale)
        return
    for row in np.flatnonzero(stale.any(1)):
        place = None if slot.rows is None else slot.rows[row : row + 1]
        _renew_leaf(values, tree, slot, slot.paths[row], place, numbers[row : row + 1], stale[row : row + 1])


def _renew_leaf(
    values: dict[KeyPath, Any],
    tree: Any,
    slot: Slot,
    path: KeyPath,
    rows: np.ndarray | None,
    numbers: np.ndarray,
    stale: np.ndarray,
) -> None:
    leaf = values.get(path, look_up(tree, path))
    if leaf is None and slot.default is not None:
        leaf = np.tile(slot.default, (len(numbers), 1))
    array = to_numpy(leaf)
    assert array is not None  # `read_fields` has been here
    count = len(numbers) if rows is None else math.prod(array.shape[: slot.leading])
    flat = array.reshape(count, -1).astype(np.float64)
    mask = np.zeros(flat.shape, dtype=bool)
    places = np.arange(len(numbers)) if rows is None else rows
    columns = np.arange(flat.shape[1])[slot.columns]
    flat[np.ix_(places, columns)] = numbers
    mask[np.ix_(places, columns)] = stale
    values[path] = with_changes(leaf, flat, mask)


def only_source(sources: Sequence[_T | None], path: Path) -> _T:
    """The one thing that all people were read from.

    Args:
        sources: What each was read from; None for people of another origin.
        path: The file to write.

    Raises:
        InputError: There are several, or a person has none.
    """
    first = sources[0]
    if first is None or any(each is not first for each in sources):
        raise InputError(f"{path}: only estimates that were read from one file can be written to one file")
    return first


def _fields_of(estimate: Estimate) -> dict[str, np.ndarray]:
    fields = {name: getattr(estimate, name) for name in ("global_orient", "body_pose", "betas", "transl")}
    fields |= estimate.extremities()
    if estimate.world is not None:
        fields |= {"world_orient": estimate.world.global_orient, "world_transl": estimate.world.transl}
    if estimate.camera is not None:
        fields["K"] = estimate.camera.K.reshape(len(estimate), 9)
    return fields
