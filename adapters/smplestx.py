"""Files of SMPLest-X forks. SMPLest-X itself saves no parameters; use `lsmplify_refine.recorder` with it.

The adapter reads JSON that keeps the box's camera (`smplx_params` beside `camera_params`), as a file or a folder. Files
of other forks do not place the person in the image; the error says so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble, note_stale
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, peek, read_container, read_folder
from lsmplify_refine.formats.extremities import part_slot, usable_slots
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Field, Slot
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.geometry.projection import intrinsics
from lsmplify_refine.safe_load import inspect_file, load_npy, to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate

_INSTEAD = "record the run again with lsmplify_refine.recorder (docs/formats.md)"
_REFUSED: dict[str, str] = {
    "lhm": "its focal and princpt do not belong to its trans, so the person cannot be placed in the image",
    "exavatar": "it has no translation, so the person cannot be placed in the image",
    "leyangwen": "its trans is zero throughout, so the person cannot be placed in the image",
    "mps": "a bare array of 315 numbers per frame, interpolated in 6D, all people in one sequence, without boxes",
}

#: Hands are relative to the mean hand.
_HANDS_AND_FACE: dict[Field, str] = {
    "left_hand_pose": "smplx_lhand_pose",
    "right_hand_pose": "smplx_rhand_pose",
    "jaw_pose": "smplx_jaw_pose",
    "expression": "smplx_expr",
}
_DERIVED = ("smplx_joint_proj", "smplx_joint_cam", "smplx_mesh_cam")

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a file of a known fork, supported or not."""
    if path.is_dir():
        return bool(_files(path))
    return _fork(path) is not None


def read(path: Path) -> list[Estimate]:
    """Read the person of a file, or of a folder of `<image>/params.json`.

    Raises:
        InputError: The fork's files do not place the person in the image, or keys are missing.
    """
    if path.is_dir():
        names = _files(path)
        if not names:
            raise InputError(f"{path}: no <image>/params.json in this folder")
        container = read_folder(path, names)
        return [_person(container, [(name,) for name in names], path)]
    fork = _fork(path)
    if fork in _REFUSED:
        raise InputError(f"{path}: a SMPLest-X fork's file ({fork}): {_REFUSED[fork]}; {_INSTEAD}")
    if fork is None:
        raise InputError(f"{path}: not a SMPLest-X fork's file: expected smplx_params and camera_params")
    return [_person(read_container(path), [()], path)]


def _files(folder: Path) -> list[str]:
    found = sorted(child for child in folder.glob("*/params.json") if _fork(child) == "complete")
    return [str(child.relative_to(folder)) for child in found]


def _fork(path: Path) -> str | None:
    container = peek(path)
    if container is None:
        return "mps" if inspect_file(path).container == "npy" and _is_wide(path, 315) else None
    if not isinstance(container.tree, dict):
        return None
    keys = {key for key in container.tree if isinstance(key, str)}
    if {"smplx_params", "camera_params"} <= keys:
        return "complete"
    if {"root_pose", "body_pose", "lhand_pose"} <= keys and container.kind == "json":
        return "lhm" if {"trans", "focal", "pad_ratio"} <= keys else None if "trans" in keys else "exavatar"
    poses = to_numpy(container.tree.get("poses"))
    return "leyangwen" if poses is not None and poses.ndim == 2 and poses.shape[1] == 159 else None


def _is_wide(path: Path, width: int) -> bool:
    array = load_npy(path)
    return array.ndim == 2 and array.shape[1] == width


def _person(container: Container, places: list[KeyPath], path: Path) -> Estimate:
    def at(key: str) -> tuple[KeyPath, ...]:
        """The path of a parameter, for each row."""
        return tuple((*place, "smplx_params", key) for place in places)

    def camera(key: str, count: int) -> np.ndarray:
        """(T, count) camera values, one row per file."""
        found = [to_numpy(look_up(container.tree, (*place, "camera_params", key))) for place in places]
        if any(value is None or value.size != count for value in found):
            raise InputError(f"{path}: camera_params.{key}: missing, or not {count} numbers")
        return np.stack([value.reshape(count) for value in found if value is not None])

    boxes = camera("bbox", 4)
    boxes[:, 2:] += boxes[:, :2]
    slots = [
        Slot("global_orient", at("smplx_root_pose"), Rotations(single=True)),
        Slot("body_pose", at("smplx_body_pose"), Rotations()),
        Slot("betas", at("smplx_shape")),
        Slot("transl", at("cam_trans")),
    ]
    parts = [part_slot(field, at(key)) for field, key in _HANDS_AND_FACE.items()]
    hands, notes = usable_slots(container.tree, parts, len(places), str(path))
    derived = [key for key in _DERIVED if look_up(container.tree, (*places[0], "smplx_params", key)) is not None]
    return assemble(
        container,
        [*slots, *hands],
        len(places),
        path=path,
        family="smplx",
        camera=Camera(intrinsics(camera("focal", 2), camera("princpt", 2))),
        boxes=boxes,
        flat_hand_mean=False,
        notes=(*notes, *note_stale(derived)),
    )
