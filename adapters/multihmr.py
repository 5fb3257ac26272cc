"""Multi-HMR: JSON or pickles of its `humans`, one dict per person of an image; a file, or a folder of images.

SMPL-X poses are 53 rotations: root, body, left hand, right hand, jaw. The pelvis is at `translation_pelvis`
(`transl_pelvis` in memory), the head at `translation`. The intrinsics belong to the padded, resized square image.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble, note_stale
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, peek, peek_beside, read_container, read_folder
from lsmplify_refine.formats.extremities import HANDS_AND_JAW, part_slot, usable_slots
from lsmplify_refine.formats.head_roots import HeadTransl, PelvisTransl
from lsmplify_refine.formats.leaves import number_of
from lsmplify_refine.formats.linking import link_places, rows_by_person
from lsmplify_refine.formats.nested_people import Place, find_people, frames_of_names, people_in_file
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot, read_fields
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.geometry.projection import intrinsics
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

#: Names of the pose, the pelvis and the head: in files, and in memory.
_SAVED, _IN_MEMORY = (
    ("rotation_vector", "translation_pelvis", "translation"),
    ("rotvec", "transl_pelvis", "transl"),
)
_DERIVED = ("joints_2d", "joints_3d", "location", "v3d", "j3d", "j2d", "loc")
#: Focal length over the image side for the 60 degree field of view that Multi-HMR assumes without intrinsics.
_FOCAL_SIDES = 0.5 / np.tan(np.radians(30))
_SUFFIXES = (".json", ".pkl", ".npy")
_NOTE_LINKED = Note("people-linked", "the file has no track ids; people were linked by place")

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a file of Multi-HMR's people, or a folder of them."""
    if path.is_dir():
        return bool(_files(path))
    container = peek(path)
    return container is not None and bool(_found(container.tree))


def read(path: Path) -> list[Estimate]:
    """Read all people.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    if path.is_dir():
        names = _files(path)
        container = read_folder(path, names)
        places = [
            Place(frame, (name, *at))
            for name, frame in zip(names, frames_of_names(names))
            for at in _found(container.tree[name])
        ]
    else:
        container = read_container(path)
        found = _found(container.tree)
        places = people_in_file(container.tree, found, "people") if found else []
    if not places:
        raise InputError(f"{path}: no person of Multi-HMR in it; expected {', '.join(_SAVED)} for each person")
    places.sort(key=lambda place: place.frame)
    frames = [place.frame for place in places]
    names_of = [str(index) for index in range(len(places))]
    if len(set(frames)) > 1:
        pelvis = [_pelvis(container.tree, place, path) for place in places]
        names_of = [str(track) for track in link_places(frames, np.stack(pelvis))]
    people = rows_by_person(names_of, places)
    notes = (_NOTE_LINKED,) if len(set(frames)) > 1 else ()
    return [_person(container, name, own, path, notes) for name, own in people.items()]


def _found(tree: Any) -> list[KeyPath]:
    return [at for names in (_SAVED, _IN_MEMORY) for at in find_people(tree, frozenset((*names, "shape")))]


def _files(folder: Path) -> list[str]:
    """Names of the folder's files, if the first one holds people of Multi-HMR."""
    names = sorted(child.name for child in folder.iterdir() if child.suffix in _SUFFIXES and child.is_file())
    container = peek_beside(folder / names[0]) if names else None
    return names if container is not None and _is_image(container.tree) else []


def _is_image(tree: Any) -> bool:
    """Whether this is one image, possibly without people."""
    return bool(_found(tree)) or (isinstance(tree, dict) and {"humans", "checkpoint_resolution"} <= set(tree))


def _names(tree: Any, at: KeyPath) -> tuple[str, str, str]:
    return _SAVED if _SAVED[0] in look_up(tree, at) else _IN_MEMORY


def _pelvis(tree: Any, place: Place, path: Path) -> np.ndarray:
    at = (*place.at, _names(tree, place.at)[1])
    pelvis = to_numpy(look_up(tree, at))
    if pelvis is None or pelvis.size != 3:
        raise InputError(f"{path}: {'.'.join(map(str, at))}: missing, or not 3 numbers")
    return pelvis.reshape(3)


def _person(container: Container, name: str, places: list[Place], path: Path, notes: tuple[Note, ...]) -> Estimate:
    tree, frames = container.tree, len(places)
    pose, pelvis, head = _names(tree, places[0].at)

    def at(key: str) -> tuple[KeyPath, ...]:
        """The path of a value, for each row."""
        return tuple((*place.at, key) for place in places)

    slots = [
        Slot("global_orient", at(pose), Rotations(single=True), slice(0, 3)),
        Slot("body_pose", at(pose), Rotations(), slice(3, 66)),
        Slot("betas", at("shape")),
        Slot("transl", at(pelvis), PelvisTransl("smplx")),
    ]
    fields = read_fields(tree, slots, frames, str(path))
    read_pose = np.concatenate([fields["global_orient"][:, None], fields["body_pose"]], axis=1)
    (heads,) = read_fields(tree, [Slot("transl", at(head))], frames, str(path)).values()
    slots.append(Slot("transl", at(head), HeadTransl(heads, (read_pose, fields["transl"]))))
    parts = [
        *(Slot(field, at(pose), Rotations(single=field == "jaw_pose"), part) for field, part in HANDS_AND_JAW.items()),
        part_slot("expression", at("expression")),
    ]
    hands, hand_notes = usable_slots(tree, parts, frames, str(path))
    camera = _camera(tree, places)
    derived = [key for key in _DERIVED if key in look_up(tree, places[0].at)]
    return assemble(
        container,
        [*slots, *hands],
        frames,
        path=path,
        family="smplx",
        camera=camera,
        focal_sides=_FOCAL_SIDES if camera is None else None,
        frame_ids=np.array([place.frame for place in places]),
        track_id=name,
        flat_hand_mean=True,
        notes=(*notes, *note_stale(derived), *hand_notes),
    )


def _camera(tree: Any, places: list[Place]) -> Camera | None:
    """Intrinsics of the full image, from those of the padded, resized square; None if there are none."""
    found = [_of_image(look_up(tree, place.at[:depth])) for place in places for depth in _image_depth(tree, place)]
    if len(found) != len(places) or any(each is None for each in found):
        return None
    cameras = [each for each in found if each is not None]
    sizes = {size for _, size in cameras}
    return Camera(np.concatenate([K for K, _ in cameras]), sizes.pop() if len(sizes) == 1 else None)


def _image_depth(tree: Any, place: Place) -> list[int]:
    """How many keys lead to the dict of the person's image, if there is one."""
    for depth in range(len(place.at) - 1, -1, -1):
        value = look_up(tree, place.at[:depth])
        if isinstance(value, dict) and "camera_intrinsics" in value:
            return [depth]
    return []


def _of_image(image: dict[str, Any]) -> tuple[np.ndarray, tuple[int, int]] | None:
    K = to_numpy(image.get("camera_intrinsics"))
    numbers = [number_of(image.get(key)) for key in ("image_width", "image_height", "checkpoint_resolution")]
    if K is None or K.shape != (3, 3) or any(number is None for number in numbers):
        return None
    width, height, square = (number for number in numbers if number is not None)
    scale = max(width, height) / square
    padding = (max(width, height) - np.array([width, height])) / 2
    return intrinsics(scale * float(K[0, 0]), scale * K[:2, 2] - padding), (round(width), round(height))
