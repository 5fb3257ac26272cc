"""SAM 3D Body's dict of one person in one frame: MHR's 70 keypoints, their pixels and the translation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.leaves import number_of, text_of
from lsmplify_refine.formats.nested_people import Place
from lsmplify_refine.formats.tree import look_up, with_changes
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.conventions import MHR70

_SPACE, _PIXELS, _SHIFT, _FOCAL = "pred_keypoints_3d", "pred_keypoints_2d", "pred_cam_t", "focal_length"
#: Keys that identify a person's dict.
PERSON_KEYS = frozenset({_SPACE, _SHIFT})
#: The key that names stale values in a written dict.
STALE_KEY = "lsmplify_refine_stale"
#: Rows of the hips among the keypoints.
HIPS = [MHR70.points.index(name) for name in ("left_hip", "right_hip")]

_IDS = ("track_id", "obj_id", "person_id", "id")
#: Values that do not fit refined keypoints: the mesh is left out, the rest is marked.
_MESH = ("pred_vertices",)
_STALE = (
    "pred_joint_coords", "pred_global_rots", "global_rot", "body_pose_params", "hand_pose_params", "pred_pose_raw",
    "mhr_model_params",
)  # fmt: skip
_POINTS = len(MHR70.points)
#: Max coordinate of a believable keypoint, metres.
_MAX_M = 1e4
#: Relative difference below which two focal lengths are the same.
_SAME_FOCAL = 1e-4


@dataclass(frozen=True)
class MhrPerson:
    """One person in one frame.

    Attributes:
        place: The frame, and where the person's dict is.
        points: (70, 3) in the camera's frame, metres.
        pixels: (70, 2) in the full image; None if the dict has none.
        box: (4,) x1, y1, x2, y2: the dict's, or else the box around the projected points.
        name: The dict's id of the person, or "".
    """

    place: Place
    points: np.ndarray
    pixels: np.ndarray | None
    box: np.ndarray
    name: str


def read_mhr_person(tree: Any, place: Place, path: Path) -> MhrPerson:
    """Read the dict at a place.

    Args:
        tree: The file's content.
        place: Where the person is.
        path: The file, for error messages.

    Raises:
        InputError: The keypoints have another shape, are not finite, or are impossibly far away.
    """
    leaf = look_up(tree, place.at)
    where = f"{path}: {'.'.join(map(str, (*place.at, _SPACE)))}"
    points = mhr_points(leaf)
    if points is None:
        raise InputError(f"{where}, {_SHIFT}: expected ({_POINTS}, 3) and (3,) numbers")
    if not (np.abs(np.nan_to_num(points, nan=np.inf)) < _MAX_M).all():
        raise InputError(f"{where}: NaN, infinite or impossible values; repair or cut them")
    found = to_numpy(leaf.get(_PIXELS))
    has_pixels = found is not None and found.size == 2 * _POINTS
    pixels = found.reshape(_POINTS, 2).astype(np.float64) if found is not None and has_pixels else None
    names = (_name(leaf.get(key)) for key in _IDS)
    name = next((name for name in names if name), "")
    return MhrPerson(place, points, pixels, _box(leaf, points, pixels), name)


def mhr_points(leaf: dict[str, Any]) -> np.ndarray | None:
    """(70, 3) keypoints of a person's dict in the camera's frame, metres; None if the numbers are missing."""
    relative, shift = to_numpy(leaf[_SPACE]), to_numpy(leaf[_SHIFT])
    if relative is None or shift is None or relative.size != 3 * _POINTS or shift.size != 3:
        return None
    placed: np.ndarray = relative.reshape(_POINTS, 3).astype(np.float64) + shift.reshape(3).astype(np.float64)
    return placed


def with_mhr_points(leaf: dict[str, Any], points: np.ndarray, K: np.ndarray | None) -> dict[str, Any]:
    """A person's dict with other keypoints, without the mesh, and with a list of the stale keys.

    The translation moves with the hips, so that the keypoints stay about the same origin.

    Args:
        leaf: As read.
        points: (70, 3) in the camera's frame, metres.
        K: (1, 3, 3) intrinsics that give the pixels; None to leave the pixels unchanged.
    """
    before, shift = mhr_points(leaf), to_numpy(leaf[_SHIFT])
    assert before is not None and shift is not None  # `read_mhr_person` has been here
    moved = shift.reshape(3) + (points[HIPS] - before[HIPS]).mean(axis=0)
    values = {_SHIFT: moved, _SPACE: points - moved}
    if K is not None:
        values[_PIXELS] = project_to_image(points[None], K)[0]
        focal = number_of(leaf.get(_FOCAL))
        if focal is not None and abs(K[0, 0, 0] / focal - 1) > _SAME_FOCAL:
            values[_FOCAL] = K[0, 0, :1]
    renewed = {key: value for key, value in leaf.items() if key not in _MESH}
    for key, value in values.items():
        renewed[key] = with_changes(leaf[key], value, np.ones(value.shape, dtype=bool))
    renewed[STALE_KEY] = [key for key in _STALE if key in leaf]
    return renewed


def _box(leaf: dict[str, Any], points: np.ndarray, pixels: np.ndarray | None) -> np.ndarray:
    box = to_numpy(leaf.get("bbox"))
    if box is not None and box.size == 4 and np.isfinite(box).all():
        return box.reshape(4).astype(np.float64)
    # without pixels, an image plane at one metre does
    flat = pixels if pixels is not None else points[:, :2] / np.maximum(points[:, 2:], 1e-3)
    corners: np.ndarray = np.nan_to_num(np.concatenate([flat.min(0), flat.max(0)]))
    return corners


def _name(leaf: Any) -> str:
    """An id, a whole number or a text; "" for anything else."""
    value = to_numpy(leaf)
    if value is not None and value.size == 1 and float(value.reshape(-1)[0]).is_integer():
        return str(int(value.reshape(-1)[0]))
    return text_of(leaf)
