"""VIBE's `vibe_output.pkl` and PARE's `pare_output.pkl` (joblib, or a plain pickle): several people by id.

`pose` is axis-angle in VIBE's files and matrices in PARE's. Instead of a translation there is the crop camera
`pred_cam`. A virtual camera per box (5000 px in the 224 px crop) converts it; refining updates `pred_cam` and
`orig_cam`.
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
from lsmplify_refine.formats.leaves import frame_ids_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import KeyPath, people_with
from lsmplify_refine.geometry.crop_cameras import crop_to_full, full_to_crop, spin_intrinsics
from lsmplify_refine.geometry.rotations import RotationKind
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NAMES = {"pred_cam", "orig_cam", "pose", "betas", "bboxes", "frame_ids"}
_DERIVED = ("verts", "joints3d", "joints2d", "joints2d_img_coord", "smpl_joints2d")
_NOTE_CAMERA = Note(
    "camera-virtual",
    "the file has a crop camera but no translation; each box gets a virtual camera (5000 px in the 224 px crop)",
)

write = write_slots


@dataclass(frozen=True)
class _CropCamera(Coding):
    """`pred_cam`: s, tx, ty in the crop."""

    centre: np.ndarray
    side: np.ndarray
    K: np.ndarray

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """`transl` (T, 3) under the virtual cameras; raises InputError if a scale is not positive."""
        if stored.shape[1] != 3 or (stored[:, 0] <= 0).any():
            raise InputError("expected s, tx, ty with a positive scale in every row")
        return crop_to_full(stored, self.centre, self.side, self.K).astype(stored.dtype)

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """s, tx, ty (T, 3) from `transl`."""
        return full_to_crop(values, self.centre, self.side, self.K)


@dataclass(frozen=True)
class _ImageCamera(_CropCamera):
    """`orig_cam`: sx, sy, tx, ty in the full image. The stored scales give the image size."""

    size: np.ndarray  # (T, 2) width, height

    def width(self, field: str) -> int | None:
        """Four numbers per row."""
        return 4

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """The translation that `pred_cam` gives."""
        return fields["transl"]

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """sx, sy, tx, ty (T, 4) from `transl`."""
        camera = super().encode(values, fields)
        scale = (camera[:, 0] * self.side)[:, None] / self.size
        half = self.size / 2
        return np.column_stack([scale, (self.centre - half) / half / scale + camera[:, 1:]])


def recognises(path: Path) -> bool:
    """Whether this is a dict of people with VIBE's keys."""
    container = peek(path)
    return container is not None and bool(people_with(_NAMES, container.tree))


def read(path: Path) -> list[Estimate]:
    """Read all people of the file.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    container = read_container(path)
    people = people_with(_NAMES, container.tree)
    if not people:
        raise InputError(f"{path}: not a VIBE or PARE result: expected track ids with {', '.join(sorted(_NAMES))}")
    return [_person(container, (name,), person, path) for name, person in people.items()]


def _person(container: Container, at: KeyPath, person: dict[str, Any], path: Path) -> Estimate:
    boxes, cam, orig, pose = (to_numpy(person[name]) for name in ("bboxes", "pred_cam", "orig_cam", "pose"))
    ids = to_numpy(person["frame_ids"])
    if ids is None:
        raise InputError(f"{path}: {at[0]}.frame_ids: not an array of numbers")
    for name, array, width in (("bboxes", boxes, 4), ("pred_cam", cam, 3), ("orig_cam", orig, 4)):
        if array is None or array.ndim != 2 or array.shape[1] != width or len(array) != ids.size:
            raise InputError(f"{path}: {at[0]}.{name}: expected shape (T, {width}) with a row for each frame id")
    assert boxes is not None and cam is not None and orig is not None
    centre, side = boxes[:, :2].astype(np.float64), boxes[:, 3].astype(np.float64)
    size = (cam[:, :1] * side[:, None]) / orig[:, :2]
    K = spin_intrinsics(centre, side)
    rotations: RotationKind = "matrix" if pose is not None and pose.shape[1:] == (24, 3, 3) else "axis-angle"
    width = 9 if rotations == "matrix" else 3
    pose_at = ((*at, "pose"),)
    slots = [
        Slot("global_orient", pose_at, Rotations(rotations, single=True), slice(0, width)),
        Slot("body_pose", pose_at, Rotations(rotations), slice(width, 24 * width)),
        Slot("betas", ((*at, "betas"),)),
        Slot("transl", ((*at, "pred_cam"),), _CropCamera(centre, side, K)),
        Slot("transl", ((*at, "orig_cam"),), _ImageCamera(centre, side, K, size)),
    ]
    derived = [name for name in _DERIVED if person.get(name) is not None]
    return assemble(
        container,
        slots,
        len(boxes),
        path=path,
        family="smpl",
        camera=Camera(K, _image_size(size)),
        boxes=np.column_stack([centre - side[:, None] / 2, centre + side[:, None] / 2]),
        frame_ids=frame_ids_of(ids, len(boxes), f"{path}: {at[0]}.frame_ids"),
        track_id=str(at[0]),
        notes=(_NOTE_CAMERA, *note_stale(derived)),
    )


def _image_size(size: np.ndarray) -> tuple[int, int] | None:
    """Width and height, or None if the rows disagree."""
    width, height = np.median(size, axis=0)
    agree = np.abs(size - (width, height)).max() < 0.01 * max(width, height)
    return (round(float(width)), round(float(height))) if agree else None
