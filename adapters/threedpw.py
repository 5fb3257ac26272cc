"""3DPW: `sequenceFiles/*/<sequence>.pkl`, one sequence of the data set as its authors release it, with all people.

SMPL is in world coordinates, and the file holds the camera of each frame. The root is read in the camera's axes, and
written back in the world's. A person's frames without an aligned camera (`campose_valid`) are skipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, holds_names, read_container
from lsmplify_refine.formats.leaves import gender_of, intrinsics_of, valid_frames
from lsmplify_refine.formats.seen_roots import SeenRoot, SeenTransl, camera_poses
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import look_up
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import COCO18
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note

_NAMES = {"poses", "trans", "betas", "cam_poses", "campose_valid"}
#: Frame rate of 3DPW's videos, and of `poses` and `trans`.
_FPS = 30.0
_STALE = ("jointPositions", "poses_60Hz", "trans_60Hz")

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a dict with 3DPW's lists of people and its cameras."""
    return holds_names(path, _NAMES)


def read(path: Path) -> list[Estimate]:
    """Read all people in the frames with a valid camera.

    Raises:
        InputError: Keys are missing or have the wrong shape, or no person has a valid frame.
    """
    container = read_container(path)
    poses = container.tree.get("poses")
    if not isinstance(poses, (list, tuple)):
        raise InputError(f"{path}: poses: expected a list with the poses of each person")
    people = [_person(container, index, path) for index in range(len(poses))]
    found = [person for person in people if person is not None]
    if not found:
        raise InputError(f"{path}: campose_valid: the camera is not valid in any frame")
    return found


def _person(container: Container, index: int, path: Path) -> Estimate | None:
    """One person; None if the camera is never valid."""
    tree = container.tree
    pose, trans = (_array(tree, path, name, index, width) for name, width in (("poses", 72), ("trans", 3)))
    if len(trans) != len(pose):
        raise InputError(f"{path}: person {index}: {len(pose)} poses, but {len(trans)} translations")
    valid = valid_frames(look_up(tree, ("campose_valid", index)), len(pose), f"{path}: campose_valid.{index}")
    rows = np.flatnonzero(valid & np.isfinite(pose).all(1) & np.isfinite(trans).all(1))
    if not len(rows):
        return None
    rotation, translation = camera_poses(tree.get("cam_poses"), rows, f"{path}: cam_poses")
    at = (("poses", index),)
    slots = [
        Slot("global_orient", at, SeenRoot(rotation, pose[rows, :3].astype(np.float64)), slice(0, 3), rows),
        Slot("body_pose", at, Rotations(), slice(3, 72), rows),
        Slot("transl", (("trans", index),), SeenTransl(rotation, translation, "smpl"), rows=rows),
        Slot("betas", (("betas", index),), shared=True),
    ]
    K = intrinsics_of(tree.get("cam_intrinsics"), len(rows), f"{path}: cam_intrinsics")
    stale = [name for name in _STALE if name in tree]
    text = f"{', '.join(stale)}: left unchanged; they do not follow the refined pose"
    estimate = assemble(
        container,
        slots,
        len(rows),
        path=path,
        family="smpl",
        gender=gender_of(look_up(tree, ("genders", index)), f"{path}: genders.{index}"),
        camera=None if K is None else Camera(K),
        fps=_FPS,
        frame_ids=rows,
        track_id=str(index),
        notes=(Note("fields-stale", text),) if stale else (),
    )
    return estimate.replace(keypoints=_keypoints(look_up(tree, ("poses2d", index)), rows, path))


def _array(tree: dict[str, Any], path: Path, name: str, index: int, width: int) -> np.ndarray:
    array = to_numpy(look_up(tree, (name, index)))
    if array is None or array.ndim != 2 or array.shape[1] != width or array.dtype.kind not in "fiu":
        raise InputError(f"{path}: {name}.{index}: missing, or not (F, {width}) numbers")
    return array


def _keypoints(leaf: Any, rows: np.ndarray, path: Path) -> Keypoints | None:
    """The 2D keypoints of these frames, (F, 3, 18) in the file; zeros where fewer than six were found."""
    points = to_numpy(leaf)
    if points is None or points.shape[1:] != (3, len(COCO18.points)) or len(points) <= rows.max():
        return None
    chosen = np.nan_to_num(np.swapaxes(points[rows], 1, 2).astype(np.float32))
    confidence = np.clip(chosen[..., 2], 0.0, 1.0)
    if not confidence.any():
        return None
    return Keypoints("coco18", chosen[..., :2], confidence, f"{path.name}: poses2d").without_placeholders()
