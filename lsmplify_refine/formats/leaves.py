"""Read single values of files: gender, text, numbers, intrinsics, masks and frame ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.projection import intrinsics
from lsmplify_refine.options import Gender
from lsmplify_refine.safe_load import to_numpy

#: Frame numbers are below this, a year of video.
_MAX_FRAMES = 1e9
_GENDERS: dict[str, Gender] = {"m": "male", "f": "female", "n": "neutral"}


def gender_of(leaf: Any, where: str) -> Gender:
    """The gender that a file states as text or bytes; neutral if it states none.

    Raises:
        InputError: The text is not a known gender.
    """
    text = text_of(leaf).lower()
    if text and text[0] not in _GENDERS:
        raise InputError(f"{where}: gender {text!r} is not known; known: neutral, female, male")
    return _GENDERS[text[0]] if text else "neutral"


def text_of(leaf: Any) -> str:
    """The text of a string, of bytes or of a one-element array; "" for anything else."""
    if isinstance(leaf, np.ndarray) and leaf.size == 1 and leaf.dtype.kind in "US":
        leaf = leaf.reshape(-1)[0]
    if isinstance(leaf, bytes):
        return leaf.decode("latin1")
    return str(leaf) if isinstance(leaf, str) else ""


def number_of(leaf: Any) -> float | None:
    """A positive finite number, bare or in a one-element array; None for anything else."""
    value = to_numpy(leaf)
    if value is None or value.size != 1 or not np.isfinite(value).all() or value.reshape(-1)[0] <= 0:
        return None
    return float(value.reshape(-1)[0])


def intrinsics_of(leaf: Any, frames: int, where: str) -> np.ndarray | None:
    """(T, 3, 3) intrinsics from a single matrix or one per frame; None if `leaf` is not an array of numbers.

    Raises:
        InputError: The shape is wrong, or values are not finite, or a focal length is not positive.
    """
    K = to_numpy(leaf)
    if K is None:
        return None
    if K.shape not in ((3, 3), (1, 3, 3), (frames, 3, 3)):
        raise InputError(f"{where}: shape {K.shape}; expected (3, 3) or ({frames}, 3, 3)")
    if not np.isfinite(K).all() or (K[..., (0, 1), (0, 1)] <= 0).any():
        raise InputError(f"{where}: the camera matrix is not finite, or a focal length is not positive")
    intrinsics: np.ndarray = np.broadcast_to(K, (frames, 3, 3)).copy()
    return intrinsics


def pinhole_of(tree: Mapping[str, Any], frames: int, where: str) -> np.ndarray:
    """(T, 3, 3) intrinsics from `img_focal` and `img_center`, pixels.

    Raises:
        InputError: They are missing, or not one number and two numbers.
    """
    focal, centre = to_numpy(tree.get("img_focal")), to_numpy(tree.get("img_center"))
    if focal is None or focal.size != 1 or centre is None or centre.size != 2:
        raise InputError(f"{where}img_focal, img_center: expected one number and two numbers")
    return np.repeat(intrinsics(float(focal.reshape(-1)[0]), centre.reshape(2)), frames, axis=0)


def valid_frames(leaf: Any, frames: int, where: str) -> np.ndarray:
    """(T,) booleans of a mask of T frames, in booleans or numbers; all true if `leaf` is None.

    Raises:
        InputError: The leaf is not a mask of T frames.
    """
    if leaf is None:
        return np.ones(frames, bool)
    mask = np.asarray(leaf) if isinstance(leaf, (np.ndarray, torch.Tensor, list, tuple)) else np.empty(0, object)
    if mask.dtype.kind not in "biuf" or mask.size != frames:
        raise InputError(f"{where}: expected a mask of {frames} frames")
    return mask.reshape(-1).astype(bool)


def frame_ids_of(leaf: Any, frames: int, where: str) -> np.ndarray:
    """(T,) video frame of each row of a track; 0, 1, ... if the file does not say.

    Raises:
        InputError: There are not T frame ids, or they are negative or not ascending.
    """
    value = to_numpy(leaf)
    if value is None:
        return np.arange(frames)
    if value.size != frames:
        raise InputError(f"{where}: {value.size} frame ids for {frames} rows")
    if not ((value >= 0) & (value < _MAX_FRAMES)).all():
        raise InputError(f"{where}: the frame ids must be whole numbers, 0 or greater")
    ids = value.reshape(-1).astype(np.int64)
    if (np.diff(ids) <= 0).any():
        raise InputError(f"{where}: the frame ids do not ascend; does a frame occur twice?")
    return ids
