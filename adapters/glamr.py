"""GLAMR: a pickle of `person_data`, people by number, in the coordinates of a moving camera and of a z-up world.

`root_trans_*` are positions of the pelvis, not the model's translation. GLAMR fills in frames in which it does not see
a person. They are rows like the others, without keypoints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.head_roots import PelvisTransl
from lsmplify_refine.formats.leaves import frame_ids_of, intrinsics_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import look_up, people_with
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import BODY25
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note

_PEOPLE = "person_data"
_NAMES = {"smpl_pose", "smpl_beta", "smpl_orient_cam", "root_trans_cam", "frames"}
_WORLD = ("smpl_orient_world", "root_trans_world")
#: GLAMR's 26 keypoints: BODY_25's and the spine, in another order.
_POINTS = (
    "mid_hip", "left_hip", "right_hip", "spine", "left_knee", "right_knee", "neck", "left_ankle", "right_ankle",
    "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel", "right_heel", "nose", "left_eye",
    "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist",
    "right_wrist",
)  # fmt: skip
_NOTE = Note(
    "fields-stale",
    "traj_*, person_transform_*, *_base, kp_2d_pred and others: left unchanged; they do not show the refined pose",
)

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a dict with GLAMR's people."""
    container = peek(path)
    return container is not None and bool(people_with(_NAMES, _people(container.tree)))


def read(path: Path) -> list[Estimate]:
    """Read all people of the file.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    container = read_container(path)
    people = people_with(_NAMES, _people(container.tree))
    if not people:
        raise InputError(f"{path}: not a GLAMR result: expected {_PEOPLE} with {', '.join(sorted(_NAMES))}")
    return [_person(container, name, path) for name in people]


def _people(tree: Any) -> Any:
    return tree.get(_PEOPLE) if isinstance(tree, dict) else None


def _person(container: Container, name: Any, path: Path) -> Estimate:
    at = (_PEOPLE, name)
    person = look_up(container.tree, at)
    where = f"{path}: {_PEOPLE}.{name}"
    pose = to_numpy(person["smpl_pose"])
    if pose is None or not pose.ndim or not len(pose):
        raise InputError(f"{where}.smpl_pose: missing, or not (T, 69)")
    frames = len(pose)
    slots = [
        Slot("global_orient", ((*at, "smpl_orient_cam"),), Rotations(single=True)),
        Slot("body_pose", ((*at, "smpl_pose"),), Rotations()),
        Slot("betas", ((*at, "smpl_beta"),)),
        Slot("transl", ((*at, "root_trans_cam"),), PelvisTransl("smpl")),
    ]
    if all(to_numpy(person.get(key)) is not None for key in _WORLD):
        slots += [
            Slot("world_orient", ((*at, _WORLD[0]),), Rotations(single=True)),
            Slot("world_transl", ((*at, _WORLD[1]),), PelvisTransl("smpl")),
        ]
    K = intrinsics_of(person.get("cam_K"), frames, f"{where}.cam_K")
    estimate = assemble(
        container,
        slots,
        frames,
        path=path,
        family="smpl",
        world_up="z",
        camera=None if K is None else Camera.centred(K),
        frame_ids=frame_ids_of(person["frames"], frames, f"{where}.frames"),
        track_id=str(name),
        notes=(_NOTE,),
    )
    return estimate.replace(keypoints=_keypoints(person, frames, where))


def _keypoints(person: dict[str, Any], frames: int, where: str) -> Keypoints | None:
    """GLAMR's 2D input keypoints, in BODY_25's order; None if the file lacks them."""
    points, scores = to_numpy(person.get("kp_2d")), to_numpy(person.get("kp_2d_score"))
    if points is None or scores is None:
        return None
    count = len(_POINTS)
    if points.shape != (frames, count, 2) or scores.shape != (frames, count):
        raise InputError(f"{where}.kp_2d, kp_2d_score: expected ({frames}, {count}, 2) and ({frames}, {count})")
    order = [_POINTS.index(point) for point in BODY25.points]
    confidence = np.clip(np.nan_to_num(scores[:, order]), 0.0, 1.0)
    return Keypoints("body25", points[:, order], confidence, "kp_2d")
