"""SMPLify-X: a pickle per person and image, `results/<image>/000.pkl`, of SMPL-X, SMPL-H or SMPL; also PROX's fits.

`camera_translation` places the body (PROX adds `transl`); the camera is never rotated. The files lack the focal length.
With VPoser, `body_pose` is often its code of 32 numbers, which does not give the joints without VPoser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Coding, Fields, Rotations
from lsmplify_refine.formats.containers import Container, holds_names, read_container, read_folder
from lsmplify_refine.formats.linking import link_boxes, rows_by_person
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.options import Family
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NAMES = {"camera_translation", "global_orient", "body_pose"}
#: Where the pickles are in an output folder, or in its folder `results`.
_PLACES = ("results/*/[0-9]*.pkl", "*/[0-9]*.pkl")
_VPOSER = 32
#: Half the side of the box about a body that links people, metres.
_REACH_M = 0.5
_NOTE_FOCAL = Note(
    "focal-length-assumed",
    "SMPLify-X files lack the focal length that their depth depends on (5000 px by default); give it with --focal-px",
    "warning",
)
_NOTE_LINKED = Note("people-linked", "SMPLify-X only counts the people of an image; people were linked by place")

write = write_slots


@dataclass(frozen=True)
class _Shifted(Coding):
    """A translation to which `shift` (T, 3) is added."""

    shift: np.ndarray

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """`transl` (T, 3) in the camera's frame."""
        transl: np.ndarray = stored + self.shift.astype(stored.dtype)
        return transl

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """The translation without the shift."""
        stored: np.ndarray = values - self.shift.astype(values.dtype)
        return stored


class _Fit(NamedTuple):
    """One pickle: where it is in the tree, and which image and person it belongs to."""

    at: KeyPath
    image: str
    person: str


def recognises(path: Path) -> bool:
    """Whether this is a pickle of SMPLify-X, or its output folder."""
    files = _files(path) if path.is_dir() else [path]
    return bool(files) and holds_names(files[0], _NAMES)


def read(path: Path) -> list[Estimate]:
    """Read one frame of a person from a pickle, or all people of the output folder.

    Raises:
        InputError: Keys are missing or have the wrong shape, or a pose is VPoser's code.
    """
    if not path.is_dir():
        return [_person(read_container(path), [_Fit((), "0", "0")], np.zeros(1, np.int64), path, "0", ())]
    names = [str(file.relative_to(path)) for file in _files(path)]
    if not names:
        raise InputError(f"{path}: not SMPLify-X's folder: expected results/<image>/000.pkl")
    container = read_folder(path, names)
    fits = [_Fit((name,), Path(name).parent.name, Path(name).stem) for name in names]
    frames = _frames([fit.image for fit in fits])
    order = sorted(range(len(fits)), key=lambda index: (frames[index], fits[index].person))
    fits, frames = [fits[index] for index in order], frames[order]
    several = len({fit.person for fit in fits}) > 1
    boxes = [_box(look_up(container.tree, fit.at), f"{path}: {fit.at[0]}") for fit in fits] if several else []
    tracks = link_boxes(frames.tolist(), np.stack(boxes)) if several else np.zeros(len(fits), int)
    rows = rows_by_person(tracks.tolist(), range(len(tracks)))
    notes = (_NOTE_LINKED,) if several else ()
    return [
        _person(container, [fits[row] for row in own], frames[own], path, str(track), notes)
        for track, own in rows.items()
    ]


def _files(folder: Path) -> list[Path]:
    return next((found for place in _PLACES if (found := sorted(folder.glob(place)))), [])


def _frames(images: list[str]) -> np.ndarray:
    """Frame numbers from the names of images, the first one 0; by order if they have none."""
    digits = [re.findall(r"\d{1,18}", image) for image in images]
    if all(digits):
        numbers = np.array([int(each[-1]) for each in digits])
        if len({*zip(images, numbers)}) == len(set(numbers)):
            from_first: np.ndarray = numbers - numbers.min()
            return from_first
    named = sorted(set(images))
    return np.array([named.index(image) for image in images])


def _box(fit: Any, where: str) -> np.ndarray:
    """Corners of a box about the body in the image, at a focal length of 1."""
    place = _values(fit, "camera_translation", where)
    if place.size != 3 or not np.isfinite(place).all() or place.reshape(3)[2] <= 0:
        raise InputError(f"{where}: camera_translation: not a position in front of the camera")
    x, y, z = place.reshape(3).astype(np.float64)
    return np.array([x - _REACH_M, y - _REACH_M, x + _REACH_M, y + _REACH_M]) / z


def _values(fit: Any, key: str, where: str) -> np.ndarray:
    array = to_numpy(fit.get(key)) if isinstance(fit, Mapping) else None
    if array is None:
        raise InputError(f"{where}: {key}: missing, or not an array of numbers")
    return array


def _person(
    container: Container, fits: list[_Fit], frames: np.ndarray, path: Path, track_id: str, notes: tuple[Note, ...]
) -> Estimate:
    leaves = [look_up(container.tree, fit.at) for fit in fits]
    wheres = [f"{path}: {fit.at[0]}" if fit.at else str(path) for fit in fits]
    families = {_family(leaf, where) for leaf, where in zip(leaves, wheres)}
    if len(families) > 1:
        raise InputError(f"{path}: bodies of {', '.join(sorted(families))}; expected one kind")
    for leaf, where in zip(leaves, wheres):
        _check_camera(leaf, where)

    def at(key: str) -> tuple[KeyPath, ...]:
        """The path of a key in each pickle."""
        return tuple((*fit.at, key) for fit in fits)

    moved = all("transl" in leaf for leaf in leaves)
    shift = np.stack([_values(leaf, "camera_translation", where).reshape(-1) for leaf, where in zip(leaves, wheres)])
    place = Slot("transl", at("transl"), _Shifted(shift)) if moved else Slot("transl", at("camera_translation"))
    slots = [
        Slot("global_orient", at("global_orient"), Rotations(single=True)),
        Slot("body_pose", at("body_pose"), Rotations()),
        place,
        *([Slot("betas", at("betas"))] if all("betas" in leaf for leaf in leaves) else []),
    ]
    return assemble(
        container,
        slots,
        len(fits),
        path=path,
        family=families.pop(),
        frame_ids=frames,
        track_id=track_id,
        notes=(_NOTE_FOCAL, *notes),
    )


def _family(fit: Any, where: str) -> Family:
    """The body family, from the size of the pose and the face.

    Raises:
        InputError: The pose is VPoser's code, or has an unknown size.
    """
    size = _values(fit, "body_pose", where).size
    if size == _VPOSER:
        raise InputError(
            f"{where}: body_pose: 32 numbers: VPoser's code instead of joint rotations; decode it with VPoser and "
            "store body_pose (1, 63)"
        )
    if size == 63:
        return "smplx" if "jaw_pose" in fit else "smplh"
    if size == 69:
        return "smpl"
    raise InputError(f"{where}: body_pose: {size} numbers; expected 63 (SMPL-X, SMPL-H) or 69 (SMPL)")


def _check_camera(fit: Any, where: str) -> None:
    turn = to_numpy(fit.get("camera_rotation"))
    if turn is not None and (turn.size != 9 or np.abs(turn.reshape(3, 3) - np.eye(3)).max() > 1e-4):
        raise InputError(f"{where}: camera_rotation: expected the identity, as SMPLify-X writes it")
