"""SLAHMR: `<clip>_<iteration>_world_results.npz`, SMPL-H tracks (B, T, ...) in the world of its first camera.

`cam_R` and `cam_t` go from that world to the camera of each frame; people are read in the camera's axes. The track ids,
and the frames in which each person is present, are in `track_info.json` beside the file. `latent_pose`, the code of the
pose, stays unchanged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.seen_roots import SeenRoot, SeenTransl
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.geometry.projection import intrinsics
from lsmplify_refine.safe_load import load_json, to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NAMES = {"trans", "root_orient", "pose_body", "betas", "cam_R", "cam_t"}
_TRACKS = "track_info.json"
#: In `vis_mask`: the person is not yet, or no longer, in the clip.
_ABSENT = -1
_NOTE_CODE = Note("fields-stale", "latent_pose: left unchanged; it is the code of the pose that was read")
_NOTE_ALL = Note(
    "side-file-ignored",
    f"{_TRACKS} is not beside the file: all people are taken to be present in all frames",
    "warning",
)

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is an npz of SLAHMR's tracks in the world."""
    container = peek(path)
    if container is None or container.kind != "npz" or not set(container.tree) >= _NAMES:
        return False
    trans = to_numpy(container.tree["trans"])
    return trans is not None and trans.ndim == 3 and trans.shape[-1] == 3


def read(path: Path) -> list[Estimate]:
    """Read all people of the file.

    Raises:
        InputError: Keys are missing or have the wrong shape, or `track_info.json` does not fit them.
    """
    container = read_container(path)
    tree = container.tree if isinstance(container.tree, dict) else {}
    trans = to_numpy(tree.get("trans"))
    if trans is None or trans.ndim != 3 or not trans.size:
        raise InputError(f"{path}: trans: missing, or not (B, T, 3)")
    people, frames = trans.shape[:2]
    rotation, translation = _camera_poses(tree, people, frames, path)
    names, present, first, notes = _tracks(path.parent / _TRACKS, people, frames)
    K = _intrinsics(tree, path)
    found = []
    for index in range(people):
        times = np.flatnonzero(present[index])
        if len(times):
            poses = rotation[index, times], translation[index, times]
            found.append(_person(container, index * frames + times, times + first, names[index], poses, K, path, notes))
    if not found:
        raise InputError(f"{path}: {_TRACKS}: no person is present in any frame")
    return found


def _camera_poses(tree: dict[str, Any], people: int, frames: int, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """`R_camera_world` (B, T, 3, 3) and `t_camera_world` (B, T, 3)."""
    rotation, translation = to_numpy(tree.get("cam_R")), to_numpy(tree.get("cam_t"))
    if rotation is None or translation is None:
        raise InputError(f"{path}: cam_R, cam_t: missing, or not arrays of numbers")
    try:
        rotation = np.broadcast_to(rotation.astype(np.float64), (people, frames, 3, 3))
        translation = np.broadcast_to(translation.astype(np.float64), (people, frames, 3))
    except ValueError:
        shapes = f"shapes {rotation.shape} and {translation.shape}"
        raise InputError(f"{path}: cam_R, cam_t: {shapes}; expected a pose for each of {frames} frames") from None
    apart = np.abs(rotation @ np.swapaxes(rotation, -1, -2) - np.eye(3))
    if not np.isfinite(translation).all() or not (apart < _NOT_A_ROTATION).all():
        raise InputError(f"{path}: cam_R, cam_t: not the poses of a camera")
    return rotation, translation


#: Max difference of R R^T from the identity.
_NOT_A_ROTATION = 1e-2


def _tracks(path: Path, people: int, frames: int) -> tuple[list[str], np.ndarray, int, tuple[Note, ...]]:
    """Ids (B), presence (B, T), the clip's first frame in the video, and notes."""
    if not path.is_file():
        return [str(index) for index in range(people)], np.ones((people, frames), dtype=bool), 0, (_NOTE_ALL,)
    content = load_json(path)
    tracks = content.get("tracks") if isinstance(content, dict) else None
    names, present = [""] * people, np.zeros((people, frames), dtype=bool)
    for name, track in tracks.items() if isinstance(tracks, dict) else ():
        index, mask = (to_numpy(track.get(key)) if isinstance(track, dict) else None for key in ("index", "vis_mask"))
        if index is None or index.size != 1 or mask is None or mask.size < frames or not 0 <= index < people:
            raise InputError(f"{path}: tracks.{name}: index or vis_mask does not fit {people} people, {frames} frames")
        names[int(index)], present[int(index)] = str(name), mask.reshape(-1)[:frames] != _ABSENT
    if not all(names):
        raise InputError(f"{path}: tracks of {sum(map(bool, names))} of {people} people; is it from the same run?")
    interval = to_numpy(content["meta"].get("data_interval")) if isinstance(content.get("meta"), dict) else None
    first = int(interval.reshape(-1)[0]) if interval is not None and interval.size == 2 else 0
    return names, present, max(first, 0), ()


def _intrinsics(tree: dict[str, Any], path: Path) -> np.ndarray | None:
    """(1, 3, 3) K of fx, fy, cx, cy; None without them."""
    numbers = to_numpy(tree.get("intrins"))
    if numbers is None:
        return None
    numbers = numbers.reshape(-1, 4)[0] if numbers.size % 4 == 0 and numbers.size else numbers
    if numbers.shape != (4,) or not np.isfinite(numbers).all() or not (numbers > 0).all():
        raise InputError(f"{path}: intrins: expected fx, fy, cx, cy")
    return intrinsics(numbers[None, :2], numbers[None, 2:])


def _person(
    container: Container,
    rows: np.ndarray,
    frame_ids: np.ndarray,
    track_id: str,
    poses: tuple[np.ndarray, np.ndarray],
    K: np.ndarray | None,
    path: Path,
    notes: tuple[Note, ...],
) -> Estimate:
    rotation, translation = poses
    orient = to_numpy(container.tree.get("root_orient"))
    if orient is None or orient.size % 3 or orient.size // 3 <= rows.max():
        raise InputError(f"{path}: root_orient: missing, or not (B, T, 3)")
    person = rows[:1] // (len(orient.reshape(-1, 3)) // len(orient))
    slots = [
        Slot(
            "global_orient",
            (("root_orient",),),
            SeenRoot(rotation, orient.reshape(-1, 3)[rows]),
            rows=rows,
            leading=2,
        ),
        Slot("body_pose", (("pose_body",),), Rotations(), rows=rows, leading=2),
        Slot("betas", (("betas",),), rows=np.repeat(person, len(rows)), leading=1),
        Slot("transl", (("trans",),), SeenTransl(rotation, translation, "smplh"), rows=rows, leading=2),
    ]
    return assemble(
        container,
        slots,
        len(rows),
        path=path,
        family="smplh",
        camera=None if K is None else Camera.centred(np.repeat(K, len(rows), axis=0)),
        frame_ids=frame_ids,
        track_id=track_id,
        notes=(*notes, *((_NOTE_CODE,) if "latent_pose" in container.tree else ())),
    )
