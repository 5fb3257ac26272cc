"""EMDB: `P*_data.pkl`, one sequence of the data set as its authors release it.

SMPL is in world coordinates, and the file holds the camera of each frame. The root is read in the camera's axes, and
written back in the world's. Frames with the person out of view or hidden (`good_frames_mask`) are skipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import holds_names, read_container
from lsmplify_refine.formats.leaves import gender_of, intrinsics_of, valid_frames
from lsmplify_refine.formats.seen_roots import SeenRoot, SeenTransl, camera_poses
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import look_up
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import SMPL24
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints

_NAMES = {"good_frames_mask", "smpl", "camera"}
_ROOT = ("smpl", "poses_root")
#: Frame rate of EMDB's videos.
_FPS = 30.0

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a dict with EMDB's keys."""
    return holds_names(path, _NAMES)


def read(path: Path) -> list[Estimate]:
    """Read the person in the good frames of a sequence.

    Raises:
        InputError: Keys are missing or have the wrong shape, or no frame is good.
    """
    container = read_container(path)
    tree = container.tree
    root = to_numpy(look_up(tree, _ROOT))
    if root is None or root.ndim != 2 or root.shape[1] != 3:
        raise InputError(f"{path}: smpl.poses_root: missing, or not (F, 3) numbers")
    good = np.flatnonzero(valid_frames(tree["good_frames_mask"], len(root), f"{path}: good_frames_mask"))
    if not len(good):
        raise InputError(f"{path}: good_frames_mask: no frame is good")
    rotation, translation = camera_poses(look_up(tree, ("camera", "extrinsics")), good, f"{path}: camera.extrinsics")
    slots = [
        Slot("global_orient", (_ROOT,), SeenRoot(rotation, root[good].astype(np.float64)), rows=good),
        Slot("body_pose", (("smpl", "poses_body"),), Rotations(), rows=good),
        Slot("transl", (("smpl", "trans"),), SeenTransl(rotation, translation, "smpl"), rows=good),
        Slot("betas", (("smpl", "betas"),), shared=True),
    ]
    K = intrinsics_of(look_up(tree, ("camera", "intrinsics")), len(good), f"{path}: camera.intrinsics")
    size = tuple(to_numpy(look_up(tree, ("camera", name))) for name in ("width", "height"))
    stated = None if size[0] is None or size[1] is None else (int(size[0]), int(size[1]))
    estimate = assemble(
        container,
        slots,
        len(good),
        path=path,
        family="smpl",
        gender=gender_of(tree.get("gender"), f"{path}: gender"),
        camera=None if K is None else Camera(K, stated),
        fps=_FPS,
        frame_ids=good,
    )
    return [estimate.replace(keypoints=_keypoints(tree.get("kp2d"), good, path))]


def _keypoints(leaf: Any, rows: np.ndarray, path: Path) -> Keypoints | None:
    """The projected SMPL joints of the good frames."""
    points = to_numpy(leaf)
    if points is None or points.shape[1:] != (len(SMPL24.points), 2) or len(points) <= rows.max():
        return None
    positions = points[rows].astype(np.float32)
    seen = np.isfinite(positions).all(-1).astype(np.float32)
    return Keypoints("smpl24", np.nan_to_num(positions), seen, f"{path.name}: kp2d")
