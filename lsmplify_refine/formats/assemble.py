"""Assemble an `Estimate` from slots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import Container
from lsmplify_refine.formats.moved import axis_of, half_turn, moved_slots
from lsmplify_refine.formats.slots import Field, Record, Slot, read_fields, shape_of
from lsmplify_refine.options import Family, Gender, Up
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import EXTREMITIES, Estimate, WorldRoot
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import BODY_JOINTS

#: Shape coefficients of the mean shape.
_BETAS = 10
_NOTE_SHAPE = Note("shape-assumed", "the file has no shape coefficients (betas); the mean shape is taken")


def assemble(
    container: Container,
    slots: Sequence[Slot],
    frames: int,
    *,
    path: Path,
    family: Family,
    up: Up | None = None,
    world_up: Up = "y",
    gender: Gender = "neutral",
    camera: Camera | None = None,
    focal_sides: float | None = None,
    fps: float | None = None,
    frame_ids: np.ndarray | None = None,
    track_id: str = "0",
    boxes: np.ndarray | None = None,
    contacts: np.ndarray | None = None,
    flat_hand_mean: bool | None = None,
    notes: tuple[Note, ...] = (),
) -> Estimate:
    """Assemble one person's estimate.

    Args:
        container: The file's content.
        slots: Where this person's parameters are, `global_orient` before what depends on it. A file with a world root
            only has slots of `world_orient` and `world_transl` instead of `global_orient` and `transl`. Without a slot
            of `betas` the shape is the mean one, with a note.
        frames: T.
        path: The file.
        family: Body family.
        up: The vertical axis of the frame that `global_orient` and `transl` are in; None for the camera's frame. A
            world with y or z down is turned by half a turn about x.
        world_up: The same for `world_orient` and `world_transl`.
        gender, camera, focal_sides, fps, track_id, boxes, contacts, flat_hand_mean, notes: See `Estimate`.
        frame_ids: (T,); None for 0, 1, ...

    Raises:
        InputError: A value is missing, has the wrong shape, or is not finite.
    """
    slots = _upright(slots, up, ("global_orient", "transl"), family)
    slots = _upright(slots, world_up, ("world_orient", "world_transl"), family)
    fields = read_fields(container.tree, slots, frames, str(path))
    fields["body_pose"] = _joints(fields["body_pose"], container.tree, slots, family, path)
    if "betas" not in fields:
        fields["betas"] = np.zeros((frames, _BETAS), np.float32)
        notes = (*notes, _NOTE_SHAPE)
    world = _take_world_root(fields, None if up is None else axis_of(up), axis_of(world_up))
    extremities: dict[str, Any] = {name: fields[name] for name in EXTREMITIES if name in fields}
    return Estimate(
        family=family,
        gender=gender,
        global_orient=fields["global_orient"],
        body_pose=fields["body_pose"],
        betas=fields["betas"],
        transl=fields["transl"],
        frame="camera" if up is None else "world",
        camera=camera,
        focal_sides=focal_sides,
        fps=fps,
        frame_ids=np.arange(frames) if frame_ids is None else frame_ids,
        track_id=track_id,
        boxes=boxes,
        contacts=contacts,
        flat_hand_mean=flat_hand_mean,
        **extremities,
        world=world,
        notes=notes,
        source=path,
        passthrough=Record(container, tuple(slots)),
    )


def _joints(body_pose: np.ndarray, tree: Any, slots: Sequence[Slot], family: Family, path: Path) -> np.ndarray:
    """The body pose as (T, J, 3), with the family's number of joints."""
    joints: np.ndarray = body_pose.reshape(len(body_pose), -1, 3)
    found, expected = joints.shape[1], BODY_JOINTS[family]
    if found != expected:
        slot = next(slot for slot in slots if slot.field == "body_pose")
        where = f"{path}: {slot.name}: shape {shape_of(tree, slot)}"
        raise InputError(f"{where}: a body pose of {found} joints; {family} has {expected}")
    return joints


def _upright(slots: Sequence[Slot], up: Up | None, root: tuple[Field, Field], family: Family) -> list[Slot]:
    """The slots; if the world's vertical axis points down, the root is rotated by half a turn about x."""
    if up not in ("-y", "-z"):
        return list(slots)
    return moved_slots(slots, half_turn(family), *root)


def _take_world_root(
    fields: dict[str, np.ndarray], up: Literal["y", "z"] | None, world_up: Literal["y", "z"]
) -> WorldRoot | None:
    """Remove the world's root from `fields`; without another root it also becomes the root."""
    if "world_orient" in fields:
        world = WorldRoot(fields.pop("world_orient"), fields.pop("world_transl"), up=world_up)
        fields.setdefault("global_orient", world.global_orient.copy())
        fields.setdefault("transl", world.transl.copy())
        return world
    return None if up is None else WorldRoot(fields["global_orient"].copy(), fields["transl"].copy(), up=up)


def note_stale(names: Sequence[str]) -> tuple[Note, ...]:
    """A note that values under these names keep what the estimator wrote; empty without names."""
    text = f"{', '.join(names)}: left unchanged; they do not show the refined pose"
    return (Note("fields-stale", text),) if names else ()
