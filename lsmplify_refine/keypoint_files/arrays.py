"""Bare arrays (`.npy`, tensors, freemocap's files), and the plain `.npz` that names its convention."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.mediapipe import from_landmarks
from lsmplify_refine.keypoint_files.track import KeypointTrack, choose_layout, cleaned, left_out
from lsmplify_refine.safe_load import load_npz
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.layouts import Layout
from lsmplify_refine.values.notes import Note

#: Conventions of estimators' own arrays, by the number of points.
_BARE = {17: "coco17", 25: "body25"}
#: If 99 % of the last column are within these bounds, it is a confidence, not a coordinate.
_CONFIDENCE = (-0.1, 1.1)
#: Keys of the plain npz that hold points.
_PLAIN_KEYS = {"positions", "keypoints3d"}
#: Max size of a person in metres; a larger one is in pixels.
_MAX_SIZE_M = 5.0
#: Min size of a person in millimetres; a smaller one may be in any other unit, which the body will tell.
_MIN_SIZE_MM = 600.0


def keypoints_from_array(array: np.ndarray, *, where: str, source: str) -> Keypoints:
    """Keypoints from (T, 17 or 25, 3 or 4): x, y in pixels or x, y, z in metres, then confidence.

    Args:
        array: The values.
        where: File (and key), for error messages.
        source: For `Keypoints.source`.

    Raises:
        InputError: The array has another shape or does not hold numbers.
    """
    if array.ndim != 3 or array.shape[1] not in _BARE or array.shape[2] not in (3, 4) or not len(array):
        raise InputError(
            f"{where}: keypoints have shape {array.shape}; expected (T, 17, 3) COCO-17 or (T, 25, 3) BODY_25"
            " with x, y, confidence, or 4 with x, y, z in metres, confidence"
        )
    array = _numbers(array, where)
    return cleaned(_BARE[array.shape[1]], array[..., :-1], array[..., -1], source)


def track_of_array(
    array: np.ndarray, *, path: Path, wanted: str | None, image_size: tuple[int, int] | None
) -> KeypointTrack:
    """One person's keypoints from a bare array (T, K, 2 to 5); see docs/keypoints.md.

    Args:
        array: The values.
        path: The file.
        wanted: The user's choice of the convention.
        image_size: (width, height) in pixels, for normalised coordinates.

    Raises:
        InputError: The shape is wrong, or the convention or the columns are ambiguous.
    """
    if array.ndim != 3 or array.shape[2] not in (2, 3, 4, 5) or not len(array):
        raise InputError(
            f"{path}: shape {array.shape}; expected (T, K, 2 to 4): frames, points, x, y, then z or confidence or both"
        )
    array = _numbers(array, str(path))
    layout = choose_layout(array.shape[1], wanted, None, str(path))
    array = array[:, layout.columns]
    if layout.convention.body == "mediapipe33" and not _in_pixels(array) and not _is_millimetres(array):
        return from_landmarks(array, layout, path=path, image_size=image_size)
    return _track(layout, *_columns(array, path), path)


def track_of_npz(path: Path, *, wanted: str | None, image_size: tuple[int, int] | None = None) -> list[KeypointTrack]:
    """The people of a plain npz; see docs/keypoints.md for its keys. An array alone is read like a `.npy`.

    Raises:
        InputError: Keys are missing, contradict each other or have the wrong shape.
    """
    arrays = load_npz(path)
    alone = list(arrays.values())
    if len(alone) == 1 and alone[0].ndim == 3 and not _PLAIN_KEYS & arrays.keys():
        return [track_of_array(alone[0], path=path, wanted=wanted, image_size=image_size)]
    key, named = _key_and_convention(arrays, wanted, path)
    widths = (3, 4) if key == "keypoints3d" else (2, 3)
    values = _numbers(arrays[key], f"{path}: {key}")
    if values.ndim not in (3, 4) or values.shape[-1] not in widths or not values.size:
        raise InputError(
            f"{path}: {key}: shape {values.shape}; expected (T, K, {widths[0]} or {widths[1]}), "
            "or (P, T, K, ...) for P people"
        )
    layout = choose_layout(values.shape[-2], named, None, f"{path}: {key}")
    positions, confidence = _split(arrays, key, values, path)
    if values.ndim == 3:
        positions, confidence = positions[None], confidence[None]
    kept = list(layout.columns)
    ids = _frame_ids(arrays, positions.shape[1], path)
    names = _people(arrays, len(positions), path)
    return [
        KeypointTrack(
            cleaned(layout.convention.name, positions[i][:, kept], confidence[i][:, kept], path.name),
            np.arange(positions.shape[1]) if ids is None else ids,
            numbered=ids is not None,
            person=name,
            identified="people" in arrays,
            unmapped=left_out(layout),
        )
        for i, name in enumerate(names)
    ]


def _key_and_convention(arrays: Mapping[str, np.ndarray], wanted: str | None, path: Path) -> tuple[str, str | None]:
    """The key of the points, and the convention that the file or the user names."""
    both = _PLAIN_KEYS & arrays.keys()
    if len(both) == 2:
        raise InputError(f"{path}: has both positions and keypoints3d; keep the one to use")
    named = str(arrays["convention"]) if "convention" in arrays else None
    if wanted and named and wanted != named:
        raise InputError(f"{path}: convention is {named!r} in the file, but --keypoint-convention is {wanted!r}")
    missing = [] if named or wanted else ["convention"]
    missing += [] if both else ["positions (or keypoints3d)"]
    if missing:
        raise InputError(
            f"{path}: lacks {' and '.join(missing)}; a keypoint file has convention, positions or keypoints3d, "
            "and confidence"
        )
    return both.pop(), named or wanted


def _track(
    layout: Layout, positions: np.ndarray, confidence: np.ndarray, notes: tuple[Note, ...], path: Path
) -> KeypointTrack:
    keypoints = cleaned(layout.convention.name, positions, confidence, path.name)
    return KeypointTrack(keypoints, np.arange(len(positions)), unmapped=left_out(layout), notes=notes)


def _columns(array: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Positions, confidence and notes of a bare array; millimetres become metres."""
    width = array.shape[2]
    if width == 5:
        raise InputError(f"{path}: five numbers per point; only MediaPipe's landmarks have five")
    has_confidence = width == 4 or (width == 3 and _last_is_confidence(array))
    if width == 3 and has_confidence and not _in_pixels(array):
        raise InputError(
            f"{path}: three numbers per point may be x, y, confidence or x, y, z; "
            "give a .npz with positions or keypoints3d"
        )
    positions = array[..., :-1] if has_confidence else array
    confidence = array[..., -1] if has_confidence else np.ones(array.shape[:2])
    if positions.shape[-1] == 2:
        return positions, confidence, ()
    if _is_millimetres(positions):
        note = Note("unit-inferred", f"{path.name}: millimetres are assumed, from the size of the body")
        return positions / 1000, confidence, (note,)
    return positions, confidence, ()


def _last_is_confidence(array: np.ndarray) -> bool:
    last = array[..., -1][np.isfinite(array[..., -1])]
    low, high = _CONFIDENCE
    return bool(len(last)) and bool(np.mean((last >= low) & (last <= high)) >= 0.99)


def _in_pixels(array: np.ndarray) -> bool:
    return array.shape[2] in (2, 3) and _spread(array[..., :2]) > _MAX_SIZE_M and (
        array.shape[2] == 2 or _last_is_confidence(array)
    )  # fmt: skip


def _is_millimetres(array: np.ndarray) -> bool:
    return array.shape[2] >= 3 and not _in_pixels(array) and _spread(array[..., :3]) > _MIN_SIZE_MM


def _spread(points: np.ndarray) -> float:
    """Diagonal of the bounding box of the points, median over the frames."""
    seen = np.isfinite(points).all(axis=-1) & (points != 0).any(axis=-1)
    spreads = [
        float(np.linalg.norm(np.ptp(frame[rows].astype(np.float64), axis=0)))
        for frame, rows in zip(points, seen)
        if rows.sum() > 1
    ]
    return float(np.median(spreads)) if spreads else 0.0


def _split(arrays: dict[str, np.ndarray], key: str, values: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Positions and confidence; the confidence is the fourth number, or has its own key, or is 1."""
    if values.shape[-1] == 4:
        if "confidence" in arrays:
            raise InputError(f"{path}: both {key} and the key confidence hold a confidence; keep one")
        return values[..., :3], values[..., 3]
    confidence = _numbers(arrays.get("confidence", np.ones(values.shape[:-1])), f"{path}: confidence")
    if confidence.shape != values.shape[:-1]:
        raise InputError(f"{path}: confidence: shape {confidence.shape}; expected {values.shape[:-1]}")
    return values, confidence


def _frame_ids(arrays: dict[str, np.ndarray], frames: int, path: Path) -> np.ndarray | None:
    if "frame_ids" not in arrays:
        return None
    ids = arrays["frame_ids"]
    if ids.shape != (frames,) or ids.dtype.kind not in "iu":
        raise InputError(f"{path}: frame_ids: {ids.dtype} of shape {ids.shape}; expected ({frames},) whole numbers")
    if (np.diff(ids.astype(np.int64)) <= 0).any():
        raise InputError(f"{path}: frame_ids: the frame numbers do not ascend; sort the frames, each once")
    return ids.astype(np.int64)


def _people(arrays: dict[str, np.ndarray], count: int, path: Path) -> list[str]:
    if "people" not in arrays:
        return [str(index) for index in range(count)]
    names = [str(name) for name in np.atleast_1d(arrays["people"]).tolist()]
    if len(names) != count or len(set(names)) != count:
        raise InputError(f"{path}: people: {len(names)} ids; expected {count} different ones")
    return names


def _numbers(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype.kind not in "fiu":
        raise InputError(f"{where}: values of type {array.dtype}; expected numbers")
    return array.astype(np.float32)
