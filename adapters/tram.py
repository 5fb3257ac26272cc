"""TRAM: `hps/hps_track_<k>.npy` (a pickled dict of tensors), one file per person; `camera.npy` holds the intrinsics.

The input is one track's file, or, for all tracks, the folder `hps` or its parent.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble, frame_ids_of
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, peek, read_container, read_folder
from lsmplify_refine.formats.slots import Slot, write_slots
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.geometry.projection import intrinsics
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NAMES = {"pred_rotmat", "pred_shape", "pred_trans", "frame"}
_TRACK = re.compile(r"hps_track_(\d+)\.npy")
_NOTE_CAM = Note("fields-stale", "pred_cam: left unchanged; it does not follow the refined translation")

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a track of TRAM, or a folder of tracks."""
    if path.is_dir():
        return bool(_tracks(path))
    container = peek(path)
    return container is not None and isinstance(container.tree, dict) and set(container.tree) >= _NAMES


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
    return assemble(
        container,
        slots,
        ids.size,
        path=path,
        family="smpl",
        camera=_camera(hps, ids.size),
        frame_ids=frame_ids_of(ids, ids.size, f"{path}: frame"),
        track_id=track_id,
        notes=(_NOTE_CAM,) if "pred_cam" in track else (),
    )


def _camera(hps: Path, frames: int) -> Camera | None:
    """The intrinsics in `camera.npy`, in the folder of the tracks or its parent."""
    file = next((folder / "camera.npy" for folder in (hps, hps.parent) if (folder / "camera.npy").is_file()), None)
    if file is None:
        return None
    tree: dict[str, Any] = read_container(file).tree
    focal, centre = to_numpy(tree.get("img_focal")), to_numpy(tree.get("img_center"))
    if focal is None or focal.size != 1 or centre is None or centre.size != 2:
        raise InputError(f"{file}: img_focal, img_center: expected one number and two numbers")
    centre = centre.reshape(2)
    K = np.repeat(intrinsics(float(focal.reshape(-1)[0]), centre), frames, axis=0)
    return Camera(K, (round(2 * float(centre[0])), round(2 * float(centre[1]))))
