"""HybrIK: `res.pk` of its video demo (`--save-pk`), one person with a row for each frame where the person is found.

`pred_thetas` are matrices. `pred_cam_root` is the position of the pelvis for a focal length of 1000 px in the 256 px
crop, about the middle of the image. `transl` and `transl_camsys` are derived from it and follow it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble, note_stale
from lsmplify_refine.formats.codings import Coding, Fields, Rotations
from lsmplify_refine.formats.containers import holds_names, read_container
from lsmplify_refine.formats.head_roots import PelvisTransl
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot, read_fields
from lsmplify_refine.geometry.projection import intrinsics
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate

_NAMES = {"pred_thetas", "pred_betas", "pred_cam_root", "bbox", "height", "width"}
#: Focal length in the crop, and the crop's side, pixels.
_FOCAL_PX, _CROP_PX = 1000.0, 256.0
_DERIVED = ("pred_uvd", "pred_xyz_17", "pred_xyz_29", "pred_xyz_24_struct", "pred_camera", "pred_phi")

write = write_slots


@dataclass(frozen=True)
class _Follows(Coding):
    """A copy of the translation that differs from it by a factor and an offset in each row.

    Attributes:
        stored: (T, 3) as read.
        read: (T, 3) the translation as read.
        factor: (T, 1) how far the copy moves per metre.
    """

    stored: np.ndarray
    read: np.ndarray
    factor: np.ndarray

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        moved: np.ndarray = self.stored + self.factor * (values - self.read)
        return moved


def recognises(path: Path) -> bool:
    """Whether this is a dict of HybrIK's rows."""
    return holds_names(path, _NAMES)


def read(path: Path) -> list[Estimate]:
    """Read the file's person.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    container = read_container(path)
    tree = container.tree if isinstance(container.tree, dict) else {}
    roots = to_numpy(tree.get("pred_cam_root"))
    if roots is None or not roots.ndim or not len(roots) or roots.size != 3 * len(roots):
        raise InputError(f"{path}: pred_cam_root: missing, or not (T, 3)")
    frames = len(roots)
    boxes, sizes = _rows(tree, "bbox", frames, 4, path), np.hstack([_rows(tree, key, frames, 1, path) for key in _SIZE])
    side = boxes[:, 2:3] - boxes[:, :1]
    if not (side > 0).all() or not (sizes > 0).all():
        raise InputError(f"{path}: bbox, width, height: expected boxes x1, y1, x2, y2 and sizes above 0")
    slots = [
        Slot("global_orient", (("pred_thetas",),), Rotations("matrix", single=True), slice(0, 9)),
        Slot("body_pose", (("pred_thetas",),), Rotations("matrix"), slice(9, 216)),
        Slot("betas", (("pred_betas",),)),
        Slot("transl", (("pred_cam_root",),), PelvisTransl("smpl")),
    ]
    transl = read_fields(tree, slots, frames, str(path))["transl"]
    for key, factor in (("transl", np.ones_like(side)), ("transl_camsys", _CROP_PX / side)):
        if key in tree:
            slots.append(Slot("transl", ((key,),), _Follows(_rows(tree, key, frames, 3, path), transl, factor)))
    whole = {(round(width), round(height)) for width, height in sizes}
    derived = [key for key in _DERIVED if key in tree]
    estimate = assemble(
        container,
        slots,
        frames,
        path=path,
        family="smpl",
        camera=Camera(
            intrinsics(_FOCAL_PX / _CROP_PX * side[:, 0], sizes / 2), whole.pop() if len(whole) == 1 else None
        ),
        boxes=boxes,
        frame_ids=_frames(tree, frames, path),
        notes=note_stale(derived),
    )
    return [estimate]


_SIZE = ("width", "height")


def _rows(tree: dict[str, Any], key: str, frames: int, count: int, path: Path) -> np.ndarray:
    """(T, count) finite numbers."""
    numbers = to_numpy(tree.get(key))
    if numbers is None or numbers.size != frames * count or not np.isfinite(numbers).all():
        raise InputError(f"{path}: {key}: missing, or not {count} finite numbers for each of {frames} rows")
    return numbers.reshape(frames, count).astype(np.float64)


def _frames(tree: dict[str, Any], frames: int, path: Path) -> np.ndarray:
    """Frame of each row, from its image's name, which ffmpeg numbers from 1; 0, 1, ... without names."""
    names = tree.get("img_path")
    texts = [str(name) for name in np.asarray(names).reshape(-1)] if names is not None else []
    numbers = [re.findall(r"\d+", PurePath(text).stem)[-1:] for text in texts]
    if len(texts) != frames or not all(numbers):
        return np.arange(frames)
    found = np.array([int(number[0][-9:]) for number in numbers]) - 1
    if found[0] < 0 or (np.diff(found) <= 0).any():
        raise InputError(f"{path}: img_path: the image numbers must ascend from 1")
    return found
