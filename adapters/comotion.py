"""CoMotion: `<clip>.pt`, a dict of flat rows, track after track.

`id` and `frame_idx` give the person and the frame of each row. The file has no intrinsics. CoMotion assumes a focal
length of twice the longer side of the image, and a principal point in its middle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, holds_names, read_container
from lsmplify_refine.formats.leaves import frame_ids_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import Estimate

_NAMES = {"id", "frame_idx", "pose", "trans", "betas"}
#: Focal length over the longer side of the image.
_FOCAL_SIDES = 2.0

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a file of CoMotion's rows."""
    return holds_names(path, _NAMES)


def read(path: Path) -> list[Estimate]:
    """Read all people, in the order of the file.

    Raises:
        InputError: Keys are missing or have the wrong shape, or a person is in a frame twice.
    """
    container = read_container(path)
    tree = container.tree if isinstance(container.tree, dict) else {}
    ids, frames = _column(tree, "id", path), _column(tree, "frame_idx", path)
    if len(ids) != len(frames):
        raise InputError(f"{path}: id, frame_idx: {len(ids)} and {len(frames)} rows; expected as many")
    people = list(dict.fromkeys(ids.tolist()))
    return [_person(container, str(int(person)), np.flatnonzero(ids == person), frames, path) for person in people]


def _column(tree: dict[str, Any], key: str, path: Path) -> np.ndarray:
    """(M,) one number per row."""
    numbers = to_numpy(tree.get(key))
    if numbers is None or not numbers.size or numbers.size != len(numbers.reshape(-1)):
        raise InputError(f"{path}: {key}: missing, or not one number for each row")
    if not np.isfinite(numbers).all():
        raise InputError(f"{path}: {key}: NaN or infinite values")
    return numbers.reshape(-1)


def _person(container: Container, track_id: str, rows: np.ndarray, frames: np.ndarray, path: Path) -> Estimate:
    rows = rows[np.argsort(frames[rows], kind="stable")]
    slots = [
        Slot("global_orient", (("pose",),), Rotations(single=True), slice(0, 3), rows),
        Slot("body_pose", (("pose",),), Rotations(), slice(3, 72), rows),
        Slot("betas", (("betas",),), rows=rows),
        Slot("transl", (("trans",),), rows=rows),
    ]
    return assemble(
        container,
        slots,
        len(rows),
        path=path,
        family="smpl",
        focal_sides=_FOCAL_SIDES,
        frame_ids=frame_ids_of(frames[rows], len(rows), f"{path}: frame_idx of person {track_id}"),
        track_id=track_id,
    )
