"""Keypoints from files, 2D and 3D: GVHMR's vitpose.pt, plain npy arrays, and a plain npz that names its convention."""

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
            - either with four numbers a point: x, y and z in metres of any right-handed frame, confidence;
            - a `.npz` with `convention` (a string), `positions` (T, K, 2) pixels or (T, K, 3) metres, and
              optionally `confidence` (T, K);
            - a `.npz` with `convention` and `keypoints3d`, (T, K, 3) metres and optionally `confidence` (T, K), or
              (T, K, 4) with the confidence last.

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
        f"{path}: not a keypoint file; give a tensor (.pt) or array (.npy) of shape (T, 17 or 25, 3 or 4), "
        "or a .npz with convention, positions or keypoints3d, and confidence"
    )


def keypoints_from_array(array: np.ndarray, *, where: str, source: str) -> Keypoints:
    """Keypoints from (T, 17 or 25, 3 or 4): x and y in pixels, or x, y and z in metres, and confidence.

    Raises:
        InputError: It has another shape or is no array of numbers; `where` names the file (and key).
    """
    if array.ndim != 3 or array.shape[1] not in _BARE or array.shape[2] not in (3, 4) or not len(array):
        raise InputError(
            f"{where}: keypoints have shape {array.shape}; expected (T, 17, 3) COCO-17 or (T, 25, 3) BODY_25"
            " with x, y, confidence, or 4 with x, y, z in metres, confidence"
        )
    array = _numbers(array, where)
    return _cleaned(_BARE[array.shape[1]], array[..., :-1], array[..., -1], source)


def _from_npz(path: Path) -> Keypoints:
    arrays = load_npz(path)
    both = {"positions", "keypoints3d"} & arrays.keys()
    if len(both) == 2:
        raise InputError(f"{path}: has both positions and keypoints3d; keep the one to refine onto")
    missing = [] if "convention" in arrays else ["convention"]
    missing += [] if both else ["positions (or keypoints3d)"]
    if missing:
        raise InputError(
            f"{path}: lacks {' and '.join(missing)}; a keypoint file has convention, positions or keypoints3d, "
            "and confidence"
        )
    convention = str(arrays["convention"])
    if convention not in CONVENTIONS:
        raise InputError(f"{path}: convention {convention!r} is not known; known: {', '.join(CONVENTIONS)}")
    key = both.pop()
    widths = (3, 4) if key == "keypoints3d" else (2, 3)
    values = _numbers(arrays[key], f"{path}: {key}")
    count = len(CONVENTIONS[convention].points)
    if values.ndim != 3 or values.shape[1] != count or values.shape[2] not in widths or not len(values):
        expected = f"(T, {count}, {widths[0]} or {widths[1]})"
        raise InputError(f"{path}: {key}: shape {values.shape}; expected {expected}")
    return _cleaned(convention, *_split(arrays, key, values, path), path.name)


def _split(arrays: dict[str, np.ndarray], key: str, values: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Positions and confidence, which is the last of four numbers, or has its own key, or is 1 throughout."""
    if values.shape[2] == 4:
        if "confidence" in arrays:
            raise InputError(f"{path}: {key} holds a confidence already, and there is a key confidence; keep one")
        return values[..., :3], values[..., 3]
    confidence = _numbers(arrays.get("confidence", np.ones(values.shape[:2])), f"{path}: confidence")
    if confidence.shape != values.shape[:2]:
        raise InputError(f"{path}: confidence: shape {confidence.shape}; expected {values.shape[:2]}")
    return values, confidence


def _numbers(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype.kind not in "fiu":
        raise InputError(f"{where}: values of type {array.dtype}; expected numbers")
    return array.astype(np.float32)


def _cleaned(convention: str, positions: np.ndarray, confidence: np.ndarray, source: str) -> Keypoints:
    """Confidence into [0, 1]: ViTPose goes to 1.02; NaN and negative values mean missing."""
    usable = np.isfinite(positions).all(axis=-1) & ~np.isnan(confidence)
    return Keypoints(convention, positions, np.where(usable, np.clip(confidence, 0.0, 1.0), 0.0), source)
