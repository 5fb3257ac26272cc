"""Keypoints from files: GVHMR's vitpose.pt, plain npy arrays, and a plain npz that names its convention."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.estimate import Keypoints
from lsmplify_refine.keypoints import CONVENTIONS
from lsmplify_refine.safe_load import inspect_file, load_npy, load_npz

#: Conventions that a bare array may be in, told by its number of points.
_BARE = {17: "coco17", 25: "body25"}


def load_keypoints(path: str | Path) -> Keypoints:
    """Keypoints of one person.

    Args:
        path: One of
            - a torch file of a (T, 17 or 25, 3) tensor, such as GVHMR's `preprocess/vitpose.pt`;
            - a `.npy` of that shape: x and y in pixels of the full image, confidence; 17 points are COCO-17,
              25 points are OpenPose BODY_25;
            - a `.npz` with `convention` (a string), `positions` (T, K, 2) pixels or (T, K, 3) metres, and
              optionally `confidence` (T, K).

    Returns:
        The keypoints, confidence in [0, 1]; 0 where it was negative or NaN or the position not finite.

    Raises:
        InputError: The file cannot be read as one of these.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such keypoint file")
    content = inspect_file(path)
    if content.container == "npz":
        return _from_npz(path)
    if content.container == "npy":
        return keypoints_from_array(load_npy(path), where=str(path), source=path.name)
    if isinstance(content.value, torch.Tensor):
        return keypoints_from_array(content.value.numpy(), where=str(path), source=path.name)
    raise InputError(
        f"{path}: not a keypoint file; give a tensor (.pt) or array (.npy) of shape (T, 17 or 25, 3), "
        "or a .npz with convention, positions and confidence"
    )


def keypoints_from_array(array: np.ndarray, *, where: str, source: str) -> Keypoints:
    """Keypoints from (T, 17 or 25, 3): x and y in pixels and confidence.

    Raises:
        InputError: It has another shape or is no array of numbers; `where` names the file (and key).
    """
    if array.ndim != 3 or array.shape[1] not in _BARE or array.shape[2] != 3 or not len(array):
        raise InputError(
            f"{where}: keypoints have shape {array.shape}; expected (T, 17, 3) COCO-17 or (T, 25, 3) BODY_25"
            " with x, y, confidence"
        )
    array = _numbers(array, where)
    return _cleaned(_BARE[array.shape[1]], array[..., :2], array[..., 2], source)


def _from_npz(path: Path) -> Keypoints:
    arrays = load_npz(path)
    missing = [key for key in ("convention", "positions") if key not in arrays]
    if missing:
        raise InputError(
            f"{path}: lacks {' and '.join(missing)}; a keypoint file has convention, positions and confidence"
        )
    convention = str(arrays["convention"])
    if convention not in CONVENTIONS:
        raise InputError(f"{path}: convention {convention!r} is not known; known: {', '.join(CONVENTIONS)}")
    positions = _numbers(arrays["positions"], f"{path}: positions")
    confidence = _numbers(arrays.get("confidence", np.ones(positions.shape[:2])), f"{path}: confidence")
    count = len(CONVENTIONS[convention].points)
    if positions.ndim != 3 or positions.shape[1] != count or positions.shape[2] not in (2, 3) or not len(positions):
        raise InputError(f"{path}: positions: shape {positions.shape}; expected (T, {count}, 2 or 3)")
    if confidence.shape != positions.shape[:2]:
        raise InputError(f"{path}: confidence: shape {confidence.shape}; expected {positions.shape[:2]}")
    return _cleaned(convention, positions, confidence, path.name)


def _numbers(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype.kind not in "fiu":
        raise InputError(f"{where}: values of type {array.dtype}; expected numbers")
    return array.astype(np.float32)


def _cleaned(convention: str, positions: np.ndarray, confidence: np.ndarray, source: str) -> Keypoints:
    """Confidence into [0, 1]: ViTPose goes to 1.02; NaN and negative values mean missing."""
    usable = np.isfinite(positions).all(axis=-1) & ~np.isnan(confidence)
    return Keypoints(convention, positions, np.where(usable, np.clip(confidence, 0.0, 1.0), 0.0), source)
