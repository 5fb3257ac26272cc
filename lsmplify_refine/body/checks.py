"""Check the arrays of a body model file when it is read, so that nothing fails once people are being refined."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.options import Family

KEYS = ("v_template", "f", "weights", "shapedirs", "posedirs", "J_regressor", "kintree_table")
#: Family by the number of joints in a full model file.
FAMILY_BY_JOINTS: dict[int, Family] = {24: "smpl", 52: "smplh", 55: "smplx"}
#: Number of vertices of each family's mesh; smplx's landmarks are vertex indices.
_VERTICES: dict[Family, int] = {"smpl": 6890, "smplh": 6890, "smplx": 10475}
#: Largest magnitude of any number but an index: a body is 2 m tall, a weight at most 1.
_MAX_VALUE = 1e3
#: In metres; a body is higher than the smallest of these and lower than the largest.
_MIN_HEIGHT, _MAX_HEIGHT = 0.1, 10.0


def checked_arrays(path: Path, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a SMPL, SMPL-H or SMPL-X file, dense, by key, in the shapes that smplx expects.

    Raises:
        InputError: A key is missing, or does not hold what a body model has there.
    """
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise InputError(f"{path}: not a SMPL-family body model: missing {', '.join(missing)}")
    found = {key: _numbers(path, key, arrays[key]) for key in KEYS}
    joints = found["weights"].shape[-1] if found["weights"].ndim == 2 else 0
    if joints not in FAMILY_BY_JOINTS:
        raise InputError(f"{path}: the body model has {joints} joints; expected 24 (SMPL), 52 (SMPL-H) or 55 (SMPL-X)")
    vertices = _VERTICES[FAMILY_BY_JOINTS[joints]]
    shapes: dict[str, tuple[int | None, ...]] = {
        "v_template": (vertices, 3),
        "f": (None, 3),
        "weights": (vertices, joints),
        "shapedirs": (vertices, 3, None),
        "posedirs": (vertices, 3, 9 * (joints - 1)),
        "J_regressor": (joints, vertices),
        "kintree_table": (2, joints),
    }
    for key, shape in shapes.items():
        given = found[key].shape
        if len(given) != len(shape) or any(n == 0 or m not in (None, n) for n, m in zip(given, shape)):
            expected = ", ".join("any" if n is None else str(n) for n in shape)
            raise InputError(f"{path}: {key}: shape {given}; expected ({expected}); download the model again")
    _check_indices(path, found["f"], found["kintree_table"])
    height = float(np.ptp(found["v_template"], axis=0).max())
    if not _MIN_HEIGHT < height < _MAX_HEIGHT:
        raise InputError(f"{path}: v_template: a body of {height:.3g}; expected one in metres")
    return found


def _numbers(path: Path, key: str, value: Any) -> np.ndarray:
    """A key's numbers, finite and not too large."""
    array = np.asarray(value.todense() if hasattr(value, "todense") else value)
    if array.dtype.kind not in "fiu":
        raise InputError(f"{path}: {key}: holds {array.dtype}, not numbers; download the model again")
    if not np.isfinite(array).all():
        raise InputError(f"{path}: {key}: NaN or infinite; download the model again")
    if key not in ("f", "kintree_table") and np.abs(array).max(initial=0.0) > _MAX_VALUE:
        raise InputError(f"{path}: {key}: a number of {np.abs(array).max():.3g}; no body model has one")
    return array


def _check_indices(path: Path, faces: np.ndarray, tree: np.ndarray) -> None:
    vertices = _VERTICES[FAMILY_BY_JOINTS[tree.shape[1]]]
    if not np.array_equal(faces, np.round(faces)) or faces.min() < 0 or faces.max() >= vertices:
        raise InputError(f"{path}: f: not vertices from 0 to {vertices - 1}; download the model again")
    # the root has no parent: -1, or 4294967295 in most files
    parents = tree[0, 1:]
    if (
        not np.array_equal(parents, np.round(parents))
        or (parents < 0).any()
        or (parents >= np.arange(1, tree.shape[1])).any()
    ):
        raise InputError(f"{path}: kintree_table: a joint's parent does not come before it; download the model again")
