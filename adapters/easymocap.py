"""EasyMocap: `smpl/000000.json`, ..., one list of people per frame, in the world of the calibration (usually z
up; ZJU-MoCap's z points down).

`Rh` rotates the body about the origin, not about the pelvis: transl = Th + R(Rh) J0 - J0 (zju3dv/EasyMocap#469). J0 is
that of the family's mean shape. EasyMocap stores three decimals; changed numbers are written in full precision.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Coding, Fields, Rotations
from lsmplify_refine.formats.containers import Container, peek, read_container, read_folder
from lsmplify_refine.formats.linking import ids_repeat, link_places, rows_by_person
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot, read_fields
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.formats.world_axes import UP_OPTION, choose_up
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.options import Family, Up
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NAMES = {"id", "Rh", "Th", "poses", "shapes"}
_FAMILY_OF_WIDTH: dict[int, Family] = {72: "smpl", 78: "smplh", 87: "smplx"}
#: The calibration defines the world.
OPTIONS = UP_OPTION
_FILE = re.compile(r"(\d+)\.json")

_NOTE_HANDS = Note(
    "hands-unread", "poses: hands are PCA coefficients; unchanged in the file, missing in other output formats"
)
_NOTE_LINKED = Note(
    "people-linked", "the files give several people of a frame the same id; people were linked by place"
)

write = write_slots

#: A person in a frame: frame number, path of the values.
_Row = tuple[int, KeyPath]


class _AboutOrigin(Coding):
    """`Th`: the translation of a body that is rotated about the origin."""

    depends = ("global_orient",)

    def __init__(self, family: Family) -> None:
        self.rest_pelvis = np.array(MEAN_REST_PELVIS[family])

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """`transl` (T, 3) from `Th`."""
        transl: np.ndarray = stored + self._turned(fields) - self.rest_pelvis
        return transl

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """`Th` (T, 3) from `transl`."""
        Th: np.ndarray = values - self._turned(fields) + self.rest_pelvis
        return Th

    def _turned(self, fields: Fields) -> np.ndarray:
        turned: np.ndarray = rotvec_to_rotmat(fields["global_orient"]) @ self.rest_pelvis
        return turned


def recognises(path: Path) -> bool:
    """Whether this is a frame of EasyMocap, or a folder of frames."""
    if path.is_dir():
        return any(recognises(path / name) for name in _frame_names(path).values())  # the first may be empty
    container = peek(path)
    return container is not None and container.kind == "json" and _is_frame(container.tree)


def read(path: Path, options: Mapping[str, str] | None = None) -> list[Estimate]:
    """Read all people of the folder or frame.

    Args:
        path: The folder or frame.
        options: See `OPTIONS`.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    if path.is_dir():
        names = _frame_names(path)
        container = read_folder(path, list(names.values()))
        frames: list[tuple[int, KeyPath]] = [(number, (name,)) for number, name in names.items()]
    else:
        container, frames = read_container(path), [(0, ())]
    people: dict[Any, list[_Row]] = defaultdict(list)
    for number, at in frames:
        frame = look_up(container.tree, at)
        if not isinstance(frame, list) or (frame and not _is_frame(frame)):
            raise InputError(f"{path}: {'.'.join(map(str, at))}: not a list of people with Rh, Th and poses")
        for place, person in enumerate(frame):
            people[person["id"]].append((number, (*at, place)))
    if not people:
        raise InputError(f"{path}: no frame contains a person")
    rows = [(number, str(name), at) for name, own in people.items() for number, at in own]
    linked = ids_repeat([number for number, _, _ in rows], [name for _, name, _ in rows])
    if linked:
        people = _linked(container, sorted((number, at) for number, _, at in rows), path)
    up, note = _up(container, [at for _, _, at in rows], path, (options or {}).get("up"))
    notes = (*([_NOTE_LINKED] if linked else []), *note)
    return [_person(container, name, own, path, up, notes) for name, own in people.items()]


def _up(container: Container, places: list[KeyPath], path: Path, option: str | None) -> tuple[Up, tuple[Note, ...]]:
    """The vertical axis of the world that all people share."""
    slot = Slot("global_orient", tuple((*at, "Rh") for at in places), Rotations(single=True))
    roots = read_fields(container.tree, [slot], len(places), str(path))["global_orient"]
    return choose_up(option, roots, usual="z", name="easymocap")


def _linked(container: Container, rows: list[_Row], path: Path) -> dict[Any, list[_Row]]:
    """The rows of each person, linked by place."""
    places = [to_numpy(look_up(container.tree, (*at, "Th"))) for _, at in rows]
    if any(place is None or place.size != 3 for place in places):
        raise InputError(f"{path}: Th: missing, or not 3 numbers")
    tracks = link_places([number for number, _ in rows], np.stack([p.reshape(3) for p in places if p is not None]))
    return rows_by_person(tracks.tolist(), rows)


def _is_frame(tree: Any) -> bool:
    return isinstance(tree, list) and bool(tree) and all(isinstance(p, dict) and set(p) >= _NAMES for p in tree)


def _frame_names(folder: Path) -> dict[int, str]:
    """Frame number -> relative name."""
    for below in (folder, folder / "smpl"):
        found = {int(match[1]): child for child in below.glob("*.json") if (match := _FILE.fullmatch(child.name))}
        if found:
            return {number: str(found[number].relative_to(folder)) for number in sorted(found)}
    return {}


def _person(container: Container, name: Any, rows: list[_Row], path: Path, up: Up, notes: tuple[Note, ...]) -> Estimate:
    poses = to_numpy(look_up(container.tree, (*rows[0][1], "poses")))
    family = None if poses is None else _FAMILY_OF_WIDTH.get(poses.size)
    if family is None:
        raise InputError(f"{path}: poses of person {name}: expected 72 (SMPL), 78 (SMPL-H) or 87 (SMPL-X) numbers")

    def at(key: str) -> tuple[KeyPath, ...]:
        """The path of a key, for each row."""
        return tuple((*place, key) for _, place in rows)

    slots = [
        Slot("global_orient", at("Rh"), Rotations(single=True)),
        Slot("body_pose", at("poses"), Rotations(), slice(3, 72 if family == "smpl" else 66)),
        Slot("transl", at("Th"), _AboutOrigin(family)),
        Slot("betas", at("shapes")),
    ]
    return assemble(
        container,
        slots,
        len(rows),
        path=path,
        family=family,
        up=up,
        frame_ids=np.array([number for number, _ in rows]),
        track_id=str(name),
        notes=(*notes, *([_NOTE_HANDS] if family != "smpl" else [])),
    )
