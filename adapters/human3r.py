"""Human3R: the folder that `--save_smpl` writes, one `smpl/000000.npz` per frame with one row per person.

SMPL-X poses are `rotvec` (N, 53, 3): root, body, left hand, right hand, jaw. `transl` is the head's position in camera
coordinates. The intrinsics belong to the network's resized image, so only their ratio to its size is read. File numbers
count the processed frames.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, holds_names, read_folder
from lsmplify_refine.formats.extremities import HANDS_AND_JAW, usable_slots
from lsmplify_refine.formats.head_roots import HeadTransl
from lsmplify_refine.formats.linking import ids_repeat, link_places, rows_by_person
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Field, Slot
from lsmplify_refine.formats.tree import look_up
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NAMES = {"rotvec", "transl", "shape", "smpl_id"}
_FILE = re.compile(r"(\d+)\.npz")
_NUMBERS = 53 * 3
_NOTE_LINKED = Note("people-linked", "the files' ids repeat within a frame; people were linked by place")

write = write_slots


def recognises(path: Path) -> bool:
    """Whether the folder holds Human3R's files of people."""
    files = _files(path) if path.is_dir() else {}
    if not files:
        return False
    try:
        return holds_names(path / next(iter(files.values())), _NAMES)
    except InputError:  # any folder may hold a damaged file
        return False


def read(path: Path) -> list[Estimate]:
    """Read all people of the folder.

    Raises:
        InputError: Keys are missing or have the wrong shape, or no frame has people.
    """
    files = _files(path) if path.is_dir() else {}
    if not files:
        raise InputError(f"{path}: not a folder of Human3R: expected smpl/000000.npz, ...")
    container = read_folder(path, list(files.values()))
    rows: list[tuple[int, str, int, str]] = []
    places: list[np.ndarray] = []
    for frame, name in files.items():
        values = container.tree[name]
        transl, ids = to_numpy(values.get("transl")), to_numpy(values.get("smpl_id"))
        if transl is None or transl.ndim != 2 or transl.shape[1] != 3 or ids is None or ids.size != len(transl):
            raise InputError(f"{path}: {name}: transl, smpl_id: missing, or not (N, 3) and (N,)")
        rows += [(frame, name, row, str(int(number))) for row, number in enumerate(ids.reshape(-1))]
        places += list(transl)
    if not rows:
        raise InputError(f"{path}: no frame has people")
    frames, people = [row[0] for row in rows], [row[3] for row in rows]
    linked = ids_repeat(frames, people)
    if linked:
        people = [str(track) for track in link_places(frames, np.stack(places))]
    own = rows_by_person(people, [row[:3] for row in rows])
    notes = (_NOTE_LINKED,) if linked else ()
    return [_person(container, person, found, path, notes) for person, found in own.items()]


def _files(folder: Path) -> dict[int, str]:
    """Relative file name by frame, in order."""
    for below in (folder / "smpl", folder):
        found = {int(match[1]): child for child in below.glob("*.npz") if (match := _FILE.fullmatch(child.name))}
        if found:
            return {number: str(found[number].relative_to(folder)) for number in sorted(found)}
    return {}


def _person(
    container: Container, name: str, found: list[tuple[int, str, int]], path: Path, notes: tuple[Note, ...]
) -> Estimate:
    places = np.array([row for _, _, row in found])

    def slot(field: Field, key: str, coding: Any = None, columns: slice = slice(None)) -> Slot:
        """A slot of this person's rows."""
        paths = tuple((file, key) for _, file, _ in found)
        return Slot(field, paths, coding, columns, places) if coding else Slot(field, paths, rows=places)

    heads = np.stack([look_up(container.tree, (file, "transl"))[row] for _, file, row in found])
    slots = [
        slot("global_orient", "rotvec", Rotations(single=True), slice(0, 3)),
        slot("body_pose", "rotvec", Rotations(), slice(3, 66)),
        slot("betas", "shape"),
        slot("transl", "transl", HeadTransl(heads)),
    ]
    parts = [
        slot(field, "rotvec", Rotations(single=field == "jaw_pose"), columns)
        for field, columns in HANDS_AND_JAW.items()
    ]
    hands, hand_notes = usable_slots(container.tree, parts, len(found), str(path))
    return assemble(
        container,
        [*slots, *hands],
        len(found),
        path=path,
        family="smplx",
        focal_sides=_focal_sides(container, [file for _, file, _ in found], path),
        frame_ids=np.array([frame for frame, _, _ in found]),
        track_id=name,
        flat_hand_mean=True,
        notes=(*notes, *hand_notes),
    )


def _focal_sides(container: Container, files: list[str], path: Path) -> float | None:
    """Focal length over the longer side of the network's image, which is a crop of the video about its middle."""
    found = []
    for file in files:
        K, image = (to_numpy(look_up(container.tree, (file, key))) for key in ("intrinsics", "scores"))
        if image is None:
            image = to_numpy(look_up(container.tree, (file, "mask")))
        if K is None or K.shape != (3, 3) or image is None or image.ndim < 2:
            return None
        found.append(float(K[0, 0]) / max(image.shape[-2:]))
    ratio = float(np.median(found))
    if not np.isfinite(ratio) or ratio <= 0:
        raise InputError(f"{path}: intrinsics: the focal length is not a positive number")
    return ratio
