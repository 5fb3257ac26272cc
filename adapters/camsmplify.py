"""CamSMPLify's npz, in which CameraHMR's and BEDLAM's labels are kept: a row for each person of each image.

The images are no video, so every row is a person of its own and nothing is linked over time. `gt_keypoints` begin with
OpenPose's 25 points, in pixels of the image.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble, intrinsics_of
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.slots import Slot, write_slots
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

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is an npz with these names."""
    container = peek(path)
    return container is not None and container.kind == "npz" and set(container.tree) >= _NAMES


def read(path: Path) -> list[Estimate]:
    """Read a person for each row.

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
    return [
        _person(container, row, frames[images[row]], K[row : row + 1], None if points is None else points[row], path)
        for row in range(len(pose))
    ]


def _points(tree: dict[str, Any], rows: int, path: Path) -> np.ndarray | None:
    """(N, 25, 3) OpenPose's points with confidence, or None if the file has none."""
    points = to_numpy(tree.get(_KEYPOINTS))
    if points is None:
        return None
    if points.ndim != 3 or len(points) != rows or points.shape[1] < _POINTS or points.shape[2] != 3:
        raise InputError(f"{path}: {_KEYPOINTS}: shape {points.shape}; expected ({rows}, {_POINTS} or more, 3)")
    return points[:, :_POINTS].astype(np.float32)


def _person(
    container: Container, row: int, frame: int, K: np.ndarray, points: np.ndarray | None, path: Path
) -> Estimate:
    rows = np.array([row])
    slots = [
        Slot("global_orient", (("pose",),), Rotations(single=True), slice(0, 3), rows),
        Slot("body_pose", (("pose",),), Rotations(), slice(3, 72), rows),
        Slot("betas", (("shape",),), rows=rows),
        Slot("transl", (("cam_t",),), rows=rows),
    ]
    estimate = assemble(
        container,
        slots,
        1,
        path=path,
        family="smpl",
        camera=Camera(K),
        frame_ids=np.array([frame]),
        track_id=str(row),
        notes=(_NOTE,),
    )
    if points is None:
        return estimate
    confidence = np.clip(np.nan_to_num(points[None, :, 2]), 0, 1)
    return estimate.replace(keypoints=Keypoints("body25", points[None, :, :2], confidence, _KEYPOINTS))
