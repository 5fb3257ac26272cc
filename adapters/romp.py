"""ROMP and BEV: `<image>.npz` and `video_results.npz`, which hold a pickled dict, `results`.

The files do not hold the image size, so the camera is fitted to the file's joints and their pixels. BEV's eleventh
shape coefficient (its age blend) passes through.

`cam_trans` is the model's translation in ROMP's files. BEV puts the origin of joints and vertices into the middle of
the hips, and `cam_trans` is the position of that point. In both, the pelvis is at cam_trans + joints[:, 0].
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble, note_stale
from lsmplify_refine.formats.codings import Coding, Fields, Rotations
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.linking import ids_repeat, link_boxes, rows_by_person
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Field, Slot
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import intrinsics_from_pixels
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NAMES = {"smpl_thetas", "smpl_betas", "cam_trans"}
_DERIVED = ("verts", "joints", "pj2d_org", "cam")
#: Max distance of BEV's pelvis from the origin, metres; ROMP's is at J0, more than 0.18 m away.
_MAX_PELVIS_M = 0.15
#: Offset from the middle of BEV's hips to the pelvis, metres, for files without joints; it rotates with the root.
_PELVIS_FROM_HIPS = np.array([-0.0008, -0.0161, -0.0019])
#: BEV has ten shape coefficients and its age blend.
_BEV_BETAS = 11
_NOTE_LINKED = Note("people-linked", "the file has no track ids; people were linked by their boxes")
_NOTE_REPEATED = Note(
    "people-linked", "the file gives several people of a frame the same track id; people were linked by their boxes"
)
_NOTE_SEQUENCE = Note("fields-stale", "sequence_results: left unchanged; they do not hold the refined values")

write = write_slots

#: A detection: frame number, path of its values, row, name.
_Row = tuple[int, KeyPath, int, str]


@dataclass(frozen=True)
class _MidHip(Coding):
    """`cam_trans` of BEV, the middle of the hips; `pelvis` (T, 3) is the pelvis from there, in the root's axes."""

    pelvis: np.ndarray
    depends = ("global_orient",)

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """`transl` (T, 3) from the middle of the hips."""
        transl: np.ndarray = stored + _turned(fields, self.pelvis) - MEAN_REST_PELVIS["smpl"]
        return transl.astype(stored.dtype)

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """The middle of the hips (T, 3) from `transl`."""
        hips: np.ndarray = values - _turned(fields, self.pelvis) + MEAN_REST_PELVIS["smpl"]
        return hips


@dataclass(frozen=True)
class _Pelvis(Coding):
    """BEV's `joints[:, 0]`, which follows the root, so that `cam_trans` + `joints[:, 0]` stays the pelvis."""

    pelvis: np.ndarray

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """The pelvis (T, 3) from the middle of the hips, in the camera's axes."""
        return _turned(fields, self.pelvis)


def _turned(fields: Fields, offset: np.ndarray) -> np.ndarray:
    turned: np.ndarray = (rotvec_to_rotmat(fields["global_orient"].astype(np.float64)) @ offset[..., None])[..., 0]
    return turned


def recognises(path: Path) -> bool:
    """Whether this is an npz with ROMP's results."""
    container = peek(path)
    return container is not None and container.kind == "npz" and bool(_frames(container.tree))


def read(path: Path) -> list[Estimate]:
    """Read all people of the file.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    container = read_container(path)
    frames = _frames(container.tree)
    if container.kind != "npz" or not frames:
        raise InputError(f"{path}: not a ROMP or BEV result: expected results with {', '.join(sorted(_NAMES))}")
    rows: list[_Row] = []
    boxes = []
    linked = False
    for number, at in frames:
        frame = look_up(container.tree, at)
        thetas = to_numpy(frame["smpl_thetas"])
        if thetas is None or thetas.ndim != 2:
            raise InputError(f"{path}: {'.'.join(map(str, at))}.smpl_thetas: expected an array (N, 72)")
        count = len(thetas)
        ids = to_numpy(frame.get("track_ids"))
        linked |= ids is None or ids.size != count
        for row in range(count):
            rows.append((number, at, row, str(int(ids.reshape(-1)[row])) if ids is not None and not linked else ""))
            boxes.append(_box(frame, row))
    names = [row[3] for row in rows]
    repeated = not linked and ids_repeat([row[0] for row in rows], names)
    linked |= repeated
    if linked and len(frames) > 1:
        names = [str(track) for track in link_boxes([row[0] for row in rows], np.stack(boxes))]
    elif linked:
        names = [str(row[2]) for row in rows]
    people = rows_by_person(names, rows)
    camera = _fitted(container.tree, frames)
    notes = [_NOTE_REPEATED if repeated else _NOTE_LINKED] if linked and len(frames) > 1 else []
    if "sequence_results" in container.tree:
        notes.append(_NOTE_SEQUENCE)
    return [_person(container, name, own, path, camera, notes) for name, own in people.items()]


def _frames(tree: Any) -> list[tuple[int, KeyPath]]:
    """Number and path of each frame that has people, in order."""
    results = tree.get("results") if isinstance(tree, dict) else None
    if not isinstance(results, dict):
        return []
    if set(results) >= _NAMES:
        return [(0, ("results",))]
    named = [(name, frame) for name, frame in results.items() if isinstance(frame, dict) and set(frame) >= _NAMES]
    numbers = [Path(str(name)).stem for name, _ in named]
    numbered = all(number.isdigit() for number in numbers)
    return [
        (int(number) if numbered else place, ("results", name))
        for place, ((name, _), number) in enumerate(zip(named, numbers))
    ]


def _person(
    container: Container, name: str, rows: list[_Row], path: Path, K: np.ndarray | None, notes: list[Note]
) -> Estimate:
    places = np.array([row for _, _, row, _ in rows])

    def slot(field: Field, key: str, coding: Coding | None = None, columns: slice = slice(None)) -> Slot:
        """A slot of this person's rows."""
        return Slot(field, tuple((*at, key) for _, at, _, _ in rows), coding or Coding(), columns, rows=places)

    first = look_up(container.tree, rows[0][1])
    root, joints = Rotations(single=True), Rotations()
    frames = [look_up(container.tree, at) for _, at, _, _ in rows]
    pelvis = _pelvis_from_hips(frames, places)
    slots = [
        slot("global_orient", "smpl_thetas", root, slice(0, 3)),
        slot("body_pose", "smpl_thetas", joints, slice(3, 72)),
        slot("betas", "smpl_betas"),
        slot("transl", "cam_trans", None if pelvis is None else _MidHip(pelvis)),
    ]
    if pelvis is not None and "joints" in first:
        slots.append(slot("global_orient", "joints", _Pelvis(pelvis), slice(0, 3)))
    if "global_orient" in first:
        slots.append(slot("global_orient", "global_orient", root))
    if "body_pose" in first:
        slots.append(slot("body_pose", "body_pose", joints))
    kept = "joints" if pelvis is None else "joints (except the pelvis)"
    derived = [kept if key == "joints" else key for key in _DERIVED if key in first]
    boxes = np.stack([_box(frame, row) for frame, row in zip(frames, places)])
    return assemble(
        container,
        slots,
        len(rows),
        path=path,
        family="smpl",
        camera=None if K is None else Camera(np.repeat(K, len(rows), axis=0)),
        boxes=boxes if np.isfinite(boxes).all() and boxes.any() else None,
        frame_ids=np.array([number for number, _, _, _ in rows]),
        track_id=name,
        notes=(*notes, *note_stale(derived)),
    )


def _pelvis_from_hips(frames: list[dict[str, Any]], places: np.ndarray) -> np.ndarray | None:
    """(T, 3) pelvis from the middle of the hips in the root's axes; None in ROMP's files, which are not aligned."""
    joints = [to_numpy(frame.get("joints")) for frame in frames]
    roots = [to_numpy(frame["smpl_thetas"])[place, :3] for frame, place in zip(frames, places)]  # type: ignore[index]
    if any(each is None or each.ndim != 3 or each.shape[2] != 3 for each in joints):
        betas = to_numpy(frames[0]["smpl_betas"])
        aligned = betas is not None and betas.ndim == 2 and betas.shape[1] == _BEV_BETAS
        return np.tile(_PELVIS_FROM_HIPS, (len(frames), 1)) if aligned else None
    pelvis = np.stack([each[place, 0] for each, place in zip(joints, places) if each is not None]).astype(np.float64)
    if not np.median(np.linalg.norm(pelvis, axis=1)) < _MAX_PELVIS_M:
        return None
    turn = rotvec_to_rotmat(np.stack(roots).astype(np.float64))
    offset: np.ndarray = np.einsum("tji,tj->ti", turn, pelvis)
    return offset


def _box(frame: dict[str, Any], row: int) -> np.ndarray:
    """Corners of the box around the projected joints; zeros if the file has no joints."""
    points = to_numpy(frame.get("pj2d_org"))
    if points is None or points.ndim != 3 or len(points) <= row:
        return np.zeros(4)
    return np.concatenate([points[row].min(0), points[row].max(0)]).astype(np.float64)


def _fitted(tree: Any, frames: list[tuple[int, KeyPath]]) -> np.ndarray | None:
    """(1, 3, 3) intrinsics that project the file's joints onto their pixels."""
    placed, pixels = [], []
    for _, at in frames:
        frame = look_up(tree, at)
        joints, points, transl = (to_numpy(frame.get(key)) for key in ("joints", "pj2d_org", "cam_trans"))
        if joints is None or points is None or transl is None or joints.shape != (*points.shape[:2], 3):
            return None
        if points.ndim != 3 or points.shape[2] != 2 or transl.shape != (len(joints), 3):
            return None
        if not (np.isfinite(joints).all() and np.isfinite(points).all() and np.isfinite(transl).all()):
            return None
        placed.append((joints + transl[:, None]).reshape(-1, 3))
        pixels.append(points.reshape(-1, 2))
    return intrinsics_from_pixels(np.concatenate(placed), np.concatenate(pixels))
