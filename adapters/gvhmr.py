"""GVHMR results: `hmr4d_results.pt`, its `.pkl` and `.npz` conversions, and the demo's output folder.

Four layouts are read: the demo's torch file (with or without `net_outputs`), the same dict as numpy arrays in a pickle
or an npz (its names joined by `/`, `.` or `__`, if it is not nested), the AMASS-like npz with flattened names, and
`save_npz` of the PyPI package gvhmr. Forks that follow several people keep their results in a dict by id or in a list.
Keypoints, boxes and video that the demo writes beside the file are used too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Fields, Rotations, TurnedRoot, TurnedTransl
from lsmplify_refine.formats.contacts import Contacts, contacts_from_logits
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.demo_folder import corners_of_squares, with_demo_files
from lsmplify_refine.formats.gvhmr_layouts import (
    AMASS_LIKE,
    CAMERA_FIELDS,
    DECODED_FIELDS,
    WORLD_FIELDS,
    GvhmrLayout,
    people_of,
)
from lsmplify_refine.formats.leaves import intrinsics_of, number_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Record, Slot, check_slots, intrinsics_slots, read_fields, shape_of
from lsmplify_refine.formats.tree import look_up
from lsmplify_refine.geometry.coordinates import axis_turn
from lsmplify_refine.keypoint_files import keypoints_from_array
from lsmplify_refine.safe_load import load_torch, to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note

#: Names of result files by the demo and its converters.
_RESULT_NAMES = ("hmr4d_results.pt", "hmr4d_results.pkl", "hmr4d_results.pt.pkl", "hmr4d_results.npz")
#: Raw network outputs, which hold copies of the parameters.
_RAW = "net_outputs"
#: Key of the logits of still joints in the raw outputs.
_STATIC = "static_conf_logits"
#: y-up to z-up, (x, y, z) -> (x, -z, y), as the AMASS-like npz has it.
_R_ZUP_YUP = axis_turn("y", "z")

_NOTE_COPIED = Note(
    "world-only",
    "smpl_params_incam equals smpl_params_global, as the widely copied Blender snippet writes it; "
    "camera motion is recovered from the keypoints",
)
_NOTE_MIRRORS = Note(
    "net-outputs-refined", "net_outputs: copies of the parameters get the refined values; raw network outputs stay"
)
_NOTE_RAW = Note("net-outputs-raw", "net_outputs: left unchanged, without the refined values")


def recognises(path: Path) -> bool:
    """Whether this is a GVHMR result or the folder of one."""
    if path.is_dir():
        return _result_in(path) is not None
    container = peek(path)
    return container is not None and bool(people_of(container))


def read(path: Path) -> list[Estimate]:
    """Read the person of a GVHMR result, or all people if it holds several results.

    Raises:
        InputError: Keys are missing, have the wrong shape, or hold NaN or infinite values.
    """
    if path.is_dir():
        found = _result_in(path)
        if found is None:
            raise InputError(f"{path}: no {', '.join(_RESULT_NAMES)} in this folder")
        path = found
    container = read_container(path)
    people = people_of(container)
    if not people:
        raise InputError(f"{path}: not a GVHMR result: smpl_params_incam and smpl_params_global are missing")
    return [_person(container, layout, path, name, alone=len(people) == 1) for name, layout in people.items()]


def _person(container: Container, layout: GvhmrLayout, path: Path, track_id: str, *, alone: bool) -> Estimate:
    """One person; the demo's side files are read if nobody else is in the file."""
    tree, block = container.tree, look_up(container.tree, layout.at)
    slots, frames = _slots(tree, layout, path)
    copied = _is_copied(read_fields(tree, slots, frames, str(path)))
    if copied:
        # the camera's block stays a copy of the world's
        slots = [replace(slot, field=WORLD_FIELDS.get(slot.field, slot.field)) for slot in slots]
    slots += intrinsics_slots(tree, layout.path(layout.intrinsics))
    has_mirrors = any(look_up(tree, slot.paths[0]) is not None for slot in _mirrors(layout))
    contacts, contact_notes = _contacts(tree, layout, frames)
    estimate = assemble(
        container,
        slots,
        frames,
        path=path,
        family="smplx",
        up="y" if copied else None,
        camera=_camera(block, layout.intrinsics, path, frames),
        fps=number_of(block.get(layout.fps)),
        track_id=track_id,
        contacts=contacts,
        notes=(*([_NOTE_COPIED] if copied else []), *([_NOTE_MIRRORS] if has_mirrors else []), *contact_notes),
    )
    return _with_side_files(estimate, block, path, alone=alone)


def write(estimates: Sequence[Estimate], path: Path) -> None:
    """Write to the same kind of container; unchanged values keep their bytes.

    Both blocks get the refined body pose, and each gets its own root. The copies under net_outputs follow, except after
    `keep_raw_record`.

    Raises:
        InputError: There are more or fewer estimates than people in the file, or `read` did not return them.
    """
    record = estimates[0].passthrough
    held = len(people_of(record.container)) if isinstance(record, Record) else 1
    if len(estimates) != held:
        holds = "one person" if held == 1 else f"{held} people"
        raise InputError(f"{path}: the GVHMR file holds {holds}, not {len(estimates)}; save as many")
    write_slots(estimates, path)


def keep_raw_record(estimate: Estimate) -> Estimate:
    """The same estimate, marked so that `write` leaves `net_outputs` unchanged.

    Raises:
        InputError: The estimate was not read from a GVHMR file.
    """
    record = estimate.passthrough
    if not isinstance(record, Record):
        raise InputError(f"{estimate.source}: was not read from a GVHMR file")
    slots = tuple(slot for slot in record.slots if not any(str(key).startswith(_RAW) for key in slot.paths[0]))
    notes = tuple(_NOTE_RAW if note == _NOTE_MIRRORS else note for note in estimate.notes)
    return estimate.replace(passthrough=replace(record, slots=slots), notes=notes)


def _result_in(folder: Path) -> Path | None:
    return next((folder / name for name in _RESULT_NAMES if (folder / name).is_file()), None)


def _slots(tree: Any, layout: GvhmrLayout, path: Path) -> tuple[list[Slot], int]:
    """Slots of every copy of the parameters, in order of precedence, and the number of frames.

    Only the AMASS-like npz may lack the world block. Its root then comes from poses and trans, or from net_outputs.
    """
    camera, world = layout.block(CAMERA_FIELDS, layout.camera), layout.block(WORLD_FIELDS, layout.world)
    if layout is AMASS_LIKE and look_up(tree, world[-1].paths[0]) is None:
        world = []
    body_pose = to_numpy(look_up(tree, camera[0].paths[0]))
    if body_pose is None:
        raise InputError(f"{path}: {camera[0].name}: missing, or not an array of numbers; is it a whole GVHMR result?")
    frames = len(body_pose) if body_pose.ndim else 0
    if not frames:
        raise InputError(f"{path}: {camera[0].name}: the file holds no frames; nothing to refine")
    check_slots(tree, [*camera, *world], frames, str(path))
    sizes = {slot.field: _size(tree, slot) for slot in camera}
    sizes |= {"world_orient": 3 * frames, "world_transl": 3 * frames}
    # a trimmed file may still hold the untrimmed net_outputs
    mirrors = [slot for slot in _mirrors(layout) if _size(tree, slot) == sizes[slot.field]]
    roots, others = _upright(tree, mirrors, frames) if layout is AMASS_LIKE else ([], [])
    copies = [*roots, *mirrors] if len(roots) == 2 else [*mirrors, *roots]
    slots = [*camera, *world, *copies, *others]
    if not {"world_orient", "world_transl"} <= {slot.field for slot in slots}:
        slots = [slot for slot in slots if slot.field not in ("world_orient", "world_transl")]
    sources = {slot.field: slot for slot in reversed(slots)}
    check_slots(tree, list(sources.values()), frames, str(path))
    return slots, frames


def _mirrors(layout: GvhmrLayout) -> list[Slot]:
    """Slots of the copies under net_outputs that this layout may have."""
    return [
        *layout.block(CAMERA_FIELDS, _RAW, "pred_smpl_params_incam"),
        *layout.block(WORLD_FIELDS, _RAW, "pred_smpl_params_global"),
        *layout.block(DECODED_FIELDS, _RAW, "decode_dict"),
    ]


def _size(tree: Any, slot: Slot) -> int:
    shape = shape_of(tree, slot)
    return 0 if shape is None else math.prod(shape)


def _upright(tree: dict[str, Any], mirrors: list[Slot], frames: int) -> tuple[list[Slot], list[Slot]]:
    """Slots of the z-up values in the AMASS-like npz: those of the world's root, then the others."""
    exact = {
        slot.field: to_numpy(look_up(tree, slot.paths[0])) for slot in mirrors if slot.field in WORLD_FIELDS.values()
    }
    rows = {field: None if array is None else array.reshape(frames, -1) for field, array in exact.items()}
    poses, trans, betas = (to_numpy(tree.get(key)) for key in ("poses", "trans", "betas"))
    roots, others = [], []
    if poses is not None:
        orient = TurnedRoot(_R_ZUP_YUP, poses.reshape(len(poses), -1)[:, :3], rows.get("world_orient"))
        roots.append(Slot("world_orient", (("poses",),), orient, slice(0, 3)))
        others.append(Slot("body_pose", (("poses",),), Rotations(), slice(3, 66)))
    if trans is not None:
        roots.append(Slot("world_transl", (("trans",),), TurnedTransl(_R_ZUP_YUP, rows.get("world_transl"))))
    if betas is not None:
        others.append(Slot("betas", (("betas",),), shared=betas.ndim == 1))
    return roots, others


def _is_copied(fields: Fields) -> bool:
    """Whether the camera's root equals the world's."""
    pairs = (("global_orient", "world_orient"), ("transl", "world_transl"))
    return all(world in fields and np.array_equal(fields[camera], fields[world]) for camera, world in pairs)


def _contacts(tree: Any, layout: GvhmrLayout, frames: int) -> Contacts:
    """Which feet stand still, from the network's static logits."""
    for names in ((_RAW, _STATIC), (_RAW, "model_output", _STATIC)):
        path = layout.path(*names)
        logits = look_up(tree, path)
        if logits is not None:
            return contacts_from_logits(logits, frames, ".".join(map(str, path)))
    return None, ()


def _camera(tree: dict[str, Any], key: str, path: Path, frames: int) -> Camera | None:
    """K and the image size, which follows from GVHMR's centred principal point."""
    K = intrinsics_of(tree.get(key), frames, f"{path}: {key}")
    return None if K is None else Camera.centred(K)


def _with_side_files(estimate: Estimate, tree: dict[str, Any], path: Path, *, alone: bool) -> Estimate:
    """Add keypoints and boxes, from the file or else from the demo's folder, and the folder's video."""
    points, squares = to_numpy(tree.get("kp2d")), to_numpy(tree.get("bbx_xys"))
    keypoints: dict[str, Callable[[], Keypoints]] = {}
    if points is not None:
        keypoints["kp2d"] = lambda: keypoints_from_array(points, where=f"{path}: kp2d", source="kp2d")
    boxes: dict[str, Callable[[], np.ndarray]] = {}
    if squares is not None:
        boxes["bbx_xys"] = lambda: corners_of_squares(squares, f"{path}: bbx_xys")
    return with_demo_files(estimate, path, len(estimate), _read_corners, keypoints=keypoints, boxes=boxes, alone=alone)


def _read_corners(path: Path) -> np.ndarray:
    """(L, 4) box corners from the demo's bbx.pt."""
    content = load_torch(path)
    corners = to_numpy(content.get("bbx_xyxy") if isinstance(content, dict) else None)
    if corners is None or corners.ndim != 2 or corners.shape[1] != 4:
        raise InputError(f"{path}: bbx_xyxy: missing, or not of shape (L, 4)")
    return corners
