"""TRAM: `hps/hps_track_<k>.npy` (a pickled dict of tensors), one file per person; `camera.npy` holds the camera.

The world is the camera's: `world_cam_R` and `world_cam_T` of `camera.npy` move camera coordinates to a gravity-aligned
world (p_world = R p_camera + T, y up). Refining leaves `camera.npy` unchanged; exports get the refined world.

The input is the file of one track, or the folder `hps` or its parent for all tracks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, holds_names, read_container, read_folder
from lsmplify_refine.formats.leaves import frame_ids_of, pinhole_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, move_body
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from lsmplify_refine.values.notes import Note

_NAMES = {"pred_rotmat", "pred_shape", "pred_trans", "frame"}
_TRACK = re.compile(r"hps_track_(\d+)\.npy")
_NOTE_CAM = Note("fields-stale", "pred_cam: left unchanged; it does not follow the refined translation")

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a track of TRAM, or a folder of tracks."""
    if path.is_dir():
        return bool(_tracks(path))
    return holds_names(path, _NAMES)


def read(path: Path) -> list[Estimate]:
    """Read one person per track.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    if not path.is_dir():
        container = read_container(path)
        match = re.match(r"hps_track_(\d+)", path.name)
        return [_person(container, (), path, match[1] if match else "0", path.parent)]
    tracks = _tracks(path)
    if not tracks:
        raise InputError(f"{path}: no hps_track_0.npy, ... in this folder")
    others = [name for name in ("camera.npy", "hps/camera.npy") if (path / name).is_file()]
    container = read_folder(path, list(tracks.values()), others)
    hps = (path / next(iter(tracks.values()))).parent
    return [_person(container, (name,), path, number, hps) for number, name in tracks.items()]


def _tracks(folder: Path) -> dict[str, str]:
    """Relative file name by track number, sorted as numbers: 2 comes before 10."""
    for below in (folder / "hps", folder):
        found = {match[1]: child for child in below.glob("*.npy") if (match := _TRACK.fullmatch(child.name))}
        if found:
            return {number: str(found[number].relative_to(folder)) for number in sorted(found, key=int)}
    return {}


def _person(container: Container, at: KeyPath, path: Path, track_id: str, hps: Path) -> Estimate:
    track = look_up(container.tree, at)
    ids = to_numpy(track.get("frame"))
    if ids is None:
        raise InputError(f"{path}: frame: missing, or not an array of numbers")
    slots = [
        Slot("global_orient", ((*at, "pred_rotmat"),), Rotations("matrix", single=True), slice(0, 9)),
        Slot("body_pose", ((*at, "pred_rotmat"),), Rotations("matrix"), slice(9, 216)),
        Slot("betas", ((*at, "pred_shape"),)),
        Slot("transl", ((*at, "pred_trans"),)),
    ]
    if "pred_pose" in track:
        slots += [
            Slot("global_orient", ((*at, "pred_pose"),), Rotations("6d-columns", single=True), slice(0, 6)),
            Slot("body_pose", ((*at, "pred_pose"),), Rotations("6d-columns"), slice(6, 144)),
        ]
    file, camera = _camera_file(hps)
    estimate = assemble(
        container,
        slots,
        ids.size,
        path=path,
        family="smpl",
        camera=_camera(camera, file, ids.size),
        frame_ids=frame_ids_of(ids, ids.size, f"{path}: frame"),
        track_id=track_id,
        notes=(_NOTE_CAM,) if "pred_cam" in track else (),
    )
    return estimate.replace(world=_world(estimate, camera, file))


def _camera_file(hps: Path) -> tuple[Path, dict[str, Any]]:
    """`camera.npy` in the folder of the tracks or its parent, and its content; empty if there is none."""
    files = [folder / "camera.npy" for folder in (hps, hps.parent)]
    file = next((file for file in files if file.is_file()), None)
    return (files[0], {}) if file is None else (file, read_container(file).tree)


def _camera(tree: dict[str, Any], file: Path, frames: int) -> Camera | None:
    """The intrinsics in `camera.npy`."""
    if not tree:
        return None
    return Camera.centred(pinhole_of(tree, frames, f"{file}: "))


def _world(estimate: Estimate, tree: dict[str, Any], file: Path) -> WorldRoot | None:
    """The root in the gravity-aligned world of `camera.npy`; None if that holds only the camera's motion.

    No body model is available here, so the pelvis is that of the mean shape. If the camera does not turn, the error of
    a few millimetres only shifts the whole path.
    """
    rotation, translation = to_numpy(tree.get("world_cam_R")), to_numpy(tree.get("world_cam_T"))
    if rotation is None or translation is None:
        return None
    rows, frames = estimate.frame_ids, len(rotation)
    if rotation.shape != (frames, 3, 3) or translation.shape != (frames, 3) or frames <= rows.max():
        shapes = f"shapes {rotation.shape} and {translation.shape}"
        raise InputError(f"{file}: world_cam_R, world_cam_T: {shapes}; expected a camera for frame {rows.max()} too")
    turn, move = rotation[rows].astype(np.float64), translation[rows].astype(np.float64)
    if not (np.isfinite(turn).all() and np.isfinite(move).all()):
        raise InputError(f"{file}: world_cam_R, world_cam_T: NaN or infinite values; repair or cut them")
    rest_pelvis = np.array(MEAN_REST_PELVIS["smpl"])
    root = move_body(estimate.global_orient, estimate.transl, rest_pelvis, rotation=turn, translation=move)
    orient, transl = (part.astype(estimate.transl.dtype) for part in root)
    return WorldRoot(orient, transl, up="y")
