"""PromptHMR: `results.pkl` (joblib, or a plain pickle), people by id, each in camera and in y-up world coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.contacts import contacts_from_logits
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.extremities import full_pose_slots, usable_slots
from lsmplify_refine.formats.leaves import frame_ids_of, pinhole_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NOTE_SCALED = Note(
    "video-scaled",
    "PromptHMR scales videos to at most 896 rows and 60 fps; its camera and frame numbers refer to the scaled video",
)
_NOTE_POSE = Note("fields-stale", "smplx_cam.pose: its rotations differ from smplx_cam.rotmat; left unchanged")

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a dict with PromptHMR's people and camera."""
    container = peek(path)
    if container is None or not isinstance(container.tree, dict):
        return False
    people = container.tree.get("people")
    return isinstance(people, dict) and bool(people) and all(_is_person(person) for person in people.values())


def _is_person(person: Any) -> bool:
    return isinstance(person, dict) and isinstance(person.get("smplx_cam"), dict) and "frames" in person


def read(path: Path) -> list[Estimate]:
    """Read all people of the file.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    container = read_container(path)
    if not recognises(path):
        raise InputError(f"{path}: not a PromptHMR result: expected people with frames and smplx_cam")
    return [_person(container, name, path) for name in container.tree["people"]]


def _person(container: Container, name: Any, path: Path) -> Estimate:
    at: KeyPath = ("people", name)
    ids = to_numpy(look_up(container.tree, (*at, "frames")))
    if ids is None or ids.size == 0:
        raise InputError(f"{path}: people.{name}.frames: not an array of numbers")
    frames = ids.size
    cam, world = (*at, "smplx_cam"), (*at, "smplx_world")
    copied = _same_rotations(container, cam, frames)
    differs = not copied and look_up(container.tree, (*cam, "pose")) is not None
    hands, hand_notes = usable_slots(container.tree, _parts(cam, world, copied=copied), frames, str(path))
    contacts, contact_notes = contacts_from_logits(
        look_up(container.tree, (*cam, "static_conf_logits")), frames, f"people.{name}.smplx_cam.static_conf_logits"
    )
    return assemble(
        container,
        [*_slots(container.tree, cam, world, copied=copied), *hands],
        frames,
        path=path,
        family="smplx",
        camera=_camera(container, frames, path),
        frame_ids=frame_ids_of(ids, frames, f"{path}: people.{name}.frames"),
        track_id=str(name),
        contacts=contacts,
        flat_hand_mean=True,
        notes=(_NOTE_SCALED, *([_NOTE_POSE] if differs else []), *contact_notes, *hand_notes),
    )


def _slots(tree: Any, cam: KeyPath, world: KeyPath, *, copied: bool) -> list[Slot]:
    """Slots of root, body, shape and translation; `copied` if the camera's matrices have an axis-angle copy."""
    rotmat, root, joints = ((*cam, "rotmat"),), Rotations(single=True), Rotations()
    slots = [
        Slot("global_orient", rotmat, Rotations("matrix", single=True), slice(0, 9)),
        Slot("body_pose", rotmat, Rotations("matrix"), slice(9, 198)),
        Slot("transl", ((*cam, "trans"),)),
        Slot("betas", ((*cam, "shape"),)),
    ]
    if copied:
        slots += [
            Slot("global_orient", ((*cam, "pose"),), root, slice(0, 3)),
            Slot("body_pose", ((*cam, "pose"),), joints, slice(3, 66)),
        ]
    if look_up(tree, (*world, "pose")) is not None:
        slots += [
            Slot("world_orient", ((*world, "pose"),), root, slice(0, 3)),
            Slot("body_pose", ((*world, "pose"),), joints, slice(3, 66)),
            Slot("world_transl", ((*world, "trans"),)),
            Slot("betas", ((*world, "shape"),)),
        ]
    return slots


def _parts(cam: KeyPath, world: KeyPath, *, copied: bool) -> list[Slot]:
    """Slots of hands and face in each pose that the file may have."""
    parts = full_pose_slots(((*cam, "rotmat"),), "smplx", "matrix")
    if copied:
        # the last joints of a pose of 25 are the eyes
        parts += [slot for slot in full_pose_slots(((*cam, "pose"),), "smplx") if slot.columns.stop <= 75]
    return parts + full_pose_slots(((*world, "pose"),), "smplx")


def _same_rotations(container: Container, cam: KeyPath, frames: int) -> bool:
    """Whether the axis-angle copy holds the same rotations as the matrices, for root and body."""
    pose, rotmat = (to_numpy(look_up(container.tree, (*cam, name))) for name in ("pose", "rotmat"))
    if pose is None or rotmat is None or pose.size // frames < 66 or rotmat.shape[1:] != (55, 3, 3):
        return False
    turned = rotvec_to_rotmat(pose.reshape(frames, -1)[:, :66].reshape(frames, 22, 3))
    return bool(np.abs(turned - rotmat[:, :22]).max() < 1e-3)


def _camera(container: Container, frames: int, path: Path) -> Camera | None:
    camera = container.tree.get("camera")
    if not isinstance(camera, dict) or "img_focal" not in camera:
        return None
    return Camera(pinhole_of(camera, frames, f"{path}: camera."))
