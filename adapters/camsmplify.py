"""CamSMPLify's npz, the format of CameraHMR's and BEDLAM's labels: a row for each person of each image.

The images are not a video. Each row is read as a separate person, and nothing is linked over time. The first 25 points
of `gt_keypoints` are OpenPose's, in pixels of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import peek, read_container
from lsmplify_refine.formats.leaves import intrinsics_of
from lsmplify_refine.formats.slot_writing import only_source, write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import BODY25
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note

_NAMES = {"imgname", "pose", "shape", "cam_t", "cam_int"}
_KEYPOINTS = "gt_keypoints"
_POINTS = len(BODY25.points)
_NOTE = Note("people-separate", "each row is a person of one image; nothing is linked over time")

_SLOTS = (
    Slot("global_orient", (("pose",),), Rotations(single=True), slice(0, 3)),
    Slot("body_pose", (("pose",),), Rotations(), slice(3, 72)),
    Slot("betas", (("shape",),)),
    Slot("transl", (("cam_t",),)),
)


@dataclass(frozen=True)
class _Row:
    """An estimate's passthrough: all people of the file as one track, and this person's row in it."""

    whole: Estimate
    row: int


def recognises(path: Path) -> bool:
    """Whether this is an npz with these names."""
    container = peek(path)
    return container is not None and container.kind == "npz" and set(container.tree) >= _NAMES


def read(path: Path) -> list[Estimate]:
    """Read one person per row.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    container = read_container(path)
    tree = container.tree if isinstance(container.tree, dict) else {}
    pose, names = to_numpy(tree.get("pose")), tree.get("imgname")
    if pose is None or pose.ndim < 2 or not len(pose) or pose.size != 72 * len(pose):
        raise InputError(f"{path}: pose: missing, or not (N, 72)")
    images = np.asarray(names).reshape(-1).tolist()
    if len(images) != len(pose):
        raise InputError(f"{path}: imgname: {len(images)} names for {len(pose)} rows")
    K = intrinsics_of(tree.get("cam_int"), len(pose), f"{path}: cam_int")
    if K is None:
        raise InputError(f"{path}: cam_int: missing, or not ({len(pose)}, 3, 3)")
    points = _points(tree, len(pose), path)
    frames = {name: index for index, name in enumerate(dict.fromkeys(images))}
    whole = assemble(container, _SLOTS, len(pose), path=path, family="smpl", camera=Camera(K), notes=(_NOTE,))
    return [
        _person(whole, row, frames[images[row]], None if points is None else points[row]) for row in range(len(pose))
    ]


def write(estimates: Sequence[Estimate], path: Path) -> None:
    """Write to the same npz; rows that were not refined keep their bytes.

    Raises:
        InputError: The people were not read from one file.
    """
    rows = [estimate.passthrough for estimate in estimates]
    whole = only_source([row.whole if isinstance(row, _Row) else None for row in rows], path)
    fields = {name: getattr(whole, name).copy() for name in ("global_orient", "body_pose", "betas", "transl")}
    for estimate, row in zip(estimates, rows, strict=True):
        for name, values in fields.items():
            values[row.row] = getattr(estimate, name)[0]
    write_slots([whole.replace(**fields)], path)


def _points(tree: dict[str, Any], rows: int, path: Path) -> np.ndarray | None:
    """(N, 25, 3) OpenPose's points with confidence, or None if the file has none."""
    points = to_numpy(tree.get(_KEYPOINTS))
    if points is None:
        return None
    if points.ndim != 3 or len(points) != rows or points.shape[1] < _POINTS or points.shape[2] != 3:
        raise InputError(f"{path}: {_KEYPOINTS}: shape {points.shape}; expected ({rows}, {_POINTS} or more, 3)")
    return points[:, :_POINTS].astype(np.float32)


def _person(whole: Estimate, row: int, frame: int, points: np.ndarray | None) -> Estimate:
    here = slice(row, row + 1)
    assert whole.camera is not None  # `read` gave it
    keypoints = None
    if points is not None:
        confidence = np.clip(np.nan_to_num(points[None, :, 2]), 0, 1)
        keypoints = Keypoints("body25", points[None, :, :2], confidence, _KEYPOINTS)
    return whole.replace(
        global_orient=whole.global_orient[here],
        body_pose=whole.body_pose[here],
        betas=whole.betas[here],
        transl=whole.transl[here],
        camera=Camera(whole.camera.K[here]),
        frame_ids=np.array([frame]),
        track_id=str(row),
        keypoints=keypoints,
        passthrough=_Row(whole, row),
    )
