"""Any `.npz`, `.pkl`, `.pt`, `.npy` or `.json` of SMPL, SMPL-H or SMPL-X parameters under their usual names.

The file holds one person, a dict of people by id, people on a leading axis, or rows of people with an id column. Two
blocks whose names differ by `incam` and `global` (or similar) are one person in camera and in world coordinates. If
the file has `cam_poses` (as in 3DPW, world to camera), the person is refined in front of that camera.

Keys and shapes determine the body family and the rotations. If they are ambiguous, the error names the option that
decides, as in `--format generic:family=smplx,rot6d=rows`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.leaves import gender_of, number_of, text_of
from lsmplify_refine.formats.moved import RigidMotion, axis_of, half_turn, moved_slots
from lsmplify_refine.formats.named_block import NamedBlock
from lsmplify_refine.formats.parameter_names import Block, find_blocks
from lsmplify_refine.formats.shares import Share, shares_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Field, read_fields
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.formats.world_axes import AXES_OPTIONS, against_camera, choose_up
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.options import Family, Up
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from lsmplify_refine.values.notes import Note

#: The options and their values; the error messages say when one is needed.
OPTIONS: Mapping[str, Sequence[str]] = {
    "family": ("smpl", "smplh", "smplx"),
    "rot6d": ("interleaved", "columns", "rows"),
    **AXES_OPTIONS,
}

#: What `save` writes for an estimate without a camera: the vertical axis of its world, or "camera".
_COORDINATES: dict[str, Up | None] = {"camera": None, "world, y up": "y", "world, z up": "z"}
_WORLD_FIELDS: dict[Field, Field] = {"global_orient": "world_orient", "transl": "world_transl"}

_NOTE_FRAME = Note(
    "frame-assumed",
    "the file does not state the frame of its translation; the camera's (x right, y down) is assumed; "
    "override with --format generic:frame=world",
)

write = write_slots


def recognises(path: Path) -> bool:
    """Whether the file holds a pose and a translation, or people with both."""
    container = peek(path)
    return container is not None and isinstance(container.tree, dict) and bool(find_blocks(container.tree))


def read(path: Path, options: Mapping[str, str] | None = None) -> list[Estimate]:
    """Read all people of the file.

    Args:
        path: The file.
        options: See `OPTIONS`.

    Raises:
        InputError: A value is missing, has the wrong shape, or is ambiguous without an option.
    """
    container = read_container(path)
    blocks = find_blocks(container.tree) if isinstance(container.tree, dict) else []
    if not blocks:
        raise InputError(
            f"{path}: no pose with a translation; expected names such as global_orient, body_pose, betas, transl, "
            "or poses, trans, betas"
        )
    return [
        _person(container, block, share, path, options or {})
        for block in blocks
        for share in shares_of(look_up(container.tree, block.at), block.name, _within(path, block.at))
    ]


def _within(path: Path, at: KeyPath) -> str:
    return f"{path}: {''.join(f'{key}.' for key in at)}"


def _person(container: Container, block: Block, share: Share, path: Path, options: Mapping[str, str]) -> Estimate:
    own = NamedBlock(container, block.at, share, path, options)
    slots, family = own.slots()
    frame_ids, gender = own.frame_numbers(), gender_of(own.value("gender"), own.where("gender"))
    K = own.camera()
    camera = None if K is None else Camera(K)
    pose = own.camera_pose() if options.get("frame") is None and block.frame is None else None
    fields = read_fields(container.tree, slots, own.frames, str(path))
    world_up: Up = "y"
    notes: tuple[Note, ...] = ()
    up: Up | None = None
    if pose is not None:
        world_up, notes = choose_up(options.get("up"), fields["global_orient"], usual="y", name="generic")
        slots = moved_slots(slots, RigidMotion(*pose, np.array(MEAN_REST_PELVIS[family])))
    elif block.world is not None:
        world = NamedBlock(container, block.world, share, path, options)
        if world.frames != own.frames:
            raise InputError(f"{world.where('transl')}: {world.frames} rows; the camera's block has {own.frames}")
        more = [replace(slot, field=_WORLD_FIELDS.get(slot.field, slot.field)) for slot in world.slots()[0]]
        orient = read_fields(container.tree, more, own.frames, str(path))["world_orient"]
        world_up, notes = choose_up(options.get("up"), orient, usual="y", name="generic")
        slots += more
    else:
        up, notes = _axes(own, block, fields, family, options, known_camera=camera is not None)
    hands, hand_notes = own.hand_slots(family)
    estimate = assemble(
        container,
        [*slots, *hands, *own.camera_slots()],
        own.frames,
        path=path,
        family=family,
        up=up,
        world_up=world_up,
        gender=gender,
        camera=camera,
        fps=number_of(own.value("fps")),
        frame_ids=frame_ids,
        track_id=share.name,
        flat_hand_mean=own.flat_hand_mean(),
        notes=(*notes, *hand_notes),
    )
    return estimate if pose is None else estimate.replace(world=_world(fields, world_up, family))


def _world(fields: Mapping[str, np.ndarray], up: Up, family: Family) -> WorldRoot:
    """The root in the file's own world."""
    orient, transl = fields["global_orient"], fields["transl"]
    if up.startswith("-"):
        motion = half_turn(family)
        orient, transl = motion.turned(orient), motion.moved(transl)
    return WorldRoot(orient, transl, axis_of(up))


def _axes(
    own: NamedBlock,
    block: Block,
    fields: Mapping[str, np.ndarray],
    family: Family,
    options: Mapping[str, str],
    *,
    known_camera: bool,
) -> tuple[Up | None, tuple[Note, ...]]:
    """The vertical axis of the file's world (None for the camera's frame), and a note for each assumption.

    Raises:
        InputError: Nothing states the frame, and the camera's cannot be right.
    """
    frame, up = options.get("frame") or block.frame, options.get("up")
    stated = text_of(own.value("coordinates"))
    orient = fields["global_orient"]
    if frame == "camera" or (frame is None and up is None and known_camera):
        return None, ()
    if frame is None and up is None and stated in _COORDINATES:
        return _COORDINATES[stated], ()
    captured = {"mocap_framerate", "mocap_frame_rate"} & {str(key).lower() for key in own.block}
    if frame == "world" or up is not None or captured:
        usual: Up = "y" if block.frame == "world" else "z"
        return choose_up(up, orient, usual=usual, name="generic")
    wrong = against_camera(orient, fields["transl"] + np.array(MEAN_REST_PELVIS[family]))
    if wrong is not None:
        raise InputError(
            f"{own.where('transl')}: as camera coordinates (x right, y down, z forward), the body is {wrong}; "
            "give --format generic:frame=world, or generic:frame=camera if this is so"
        )
    return None, (_NOTE_FRAME,)
