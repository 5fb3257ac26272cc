"""MediaPipe's 33 pose landmarks, as arrays or in users' own JSON (MediaPipe itself writes no files)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.detections import Detection, frame_number, numbers, tracks_of
from lsmplify_refine.keypoint_files.track import KeypointTrack, cleaned, left_out
from lsmplify_refine.values.conventions import MEDIAPIPE33, Convention
from lsmplify_refine.values.layouts import Layout
from lsmplify_refine.values.notes import Note

_IMAGE_KEYS = ("pose_landmarks", "poseLandmarks", "landmarks")
_WORLD_KEYS = ("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks")
_SIZE_HELP = "give --video or --image-size WxH (or image_size: [width, height] in a JSON)"
#: Max distance of the middle of the hips from the origin in world landmarks, metres.
_AT_ORIGIN_M = 0.02
_BOTH = Note("image-landmarks-used", "the keypoint file has image and world landmarks; image landmarks are used")
_WORLD = Note(
    "landmarks-not-placed",
    "MediaPipe's world landmarks do not say where the person is; they are aligned to the estimate",
)


def is_mediapipe(value: Any) -> bool:
    """Whether JSON content is a list of frames (or has one under `frames`) with MediaPipe's landmarks."""
    frames = value.get("frames") if isinstance(value, dict) else value
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        return False
    return any(key in frame for frame in frames for key in (*_IMAGE_KEYS, *_WORLD_KEYS))


def read(value: Any, path: Path, image_size: tuple[int, int] | None) -> list[KeypointTrack]:
    """Read people from such JSON: its image landmarks, or else its world landmarks.

    Raises:
        InputError: Landmarks are malformed, or image landmarks come without an image size.
    """
    head = value if isinstance(value, dict) else {}
    frames = head.get("frames", value)
    in_image = any(frame.get(key) for frame in frames for key in _IMAGE_KEYS)
    keys = _IMAGE_KEYS if in_image else _WORLD_KEYS
    size = _size(head, path) or image_size
    if in_image and size is None:
        raise InputError(f"{path}: normalised image coordinates; {_SIZE_HELP}")
    found: list[Detection] = []
    for index, frame in enumerate(frames):
        where = f"{path}: frame {index}"
        number = frame_number(frame.get("frame", frame.get("frame_id", index)), where)
        key = next((key for key in keys if frame.get(key)), None)
        for person in [] if key is None else _people(frame[key], where):
            points = person[:, :2] * np.array(size) if in_image and size else person[:, :3]
            found.append(Detection(number, points, person[:, 3]))
    both = in_image and any(frame.get(key) for frame in frames for key in _WORLD_KEYS)
    notes = (_BOTH,) if both else ()
    return tracks_of(
        found, where=str(path), source=path.name, wanted="mediapipe33", notes=(*notes, *([] if in_image else [_WORLD]))
    )


def from_landmarks(
    array: np.ndarray, layout: Layout, *, path: Path, image_size: tuple[int, int] | None
) -> KeypointTrack:
    """One person from (T, 33 or 75, 2 to 5): x, y, z, visibility, presence.

    Coordinates are normalised by the image size, in pixels, or in metres from the middle of the hips.

    Args:
        array: The landmarks.
        layout: MediaPipe's pose, alone or with hands.
        path: The file.
        image_size: (width, height) in pixels.

    Raises:
        InputError: The coordinates are normalised and there is no image size.
    """
    confidence = _visibility(array, layout.convention)
    hips = [MEDIAPIPE33.points.index(f"{side}_hip") for side in ("left", "right")]
    middle = array[:, hips, :2].mean(axis=1)
    in_world = array.shape[2] > 2 and np.nanmedian(np.linalg.norm(middle, axis=-1)) < _AT_ORIGIN_M
    inside = np.nanmean((array[..., :2] > -0.5) & (array[..., :2] < 1.5))
    notes: tuple[Note, ...] = (_WORLD,) if in_world else ()
    if not in_world and inside > 0.9:
        if image_size is None:
            raise InputError(f"{path}: normalised image coordinates; {_SIZE_HELP}")
        positions = array[..., :2] * np.array(image_size)
    else:
        positions = array[..., :3]
    keypoints = cleaned(layout.convention.name, positions, confidence, path.name)
    return KeypointTrack(keypoints, np.arange(len(array)), unmapped=left_out(layout), notes=notes)


def _visibility(array: np.ndarray, convention: Convention) -> np.ndarray:
    """(T, K) visibility, 1 where there is none: MediaPipe's hands have none, which its own message holds as 0."""
    if array.shape[2] < 4:
        return np.ones(array.shape[:2], dtype=np.float32)
    visibility: np.ndarray = array[..., 3].copy()
    for side in ("left", "right") if convention.has_hands else ():
        hand = list(convention.hand_points(side))
        if not np.nan_to_num(visibility[:, hand]).any():
            visibility[:, hand] = np.any(array[:, hand, :2] != 0, axis=-1)
    return visibility


def _size(head: dict[str, Any], path: Path) -> tuple[int, int] | None:
    stated = head.get("image_size") or [head.get(key, head.get(f"image_{key}")) for key in ("width", "height")]
    size = numbers(stated, f"{path}: image_size")
    if size.shape != (2,):
        raise InputError(f"{path}: image_size: shape {size.shape}; expected [width, height]")
    if not (np.isfinite(size) & (size >= 1)).all():
        return None
    return int(size[0]), int(size[1])


def _people(value: Any, where: str) -> list[np.ndarray]:
    """(33, 4) x, y, z, visibility of each person, from a list of people or one person's landmarks."""
    if isinstance(value, dict) and "landmark" in value:  # protobuf's JSON
        value = value["landmark"]
    if not isinstance(value, list):
        raise InputError(f"{where}: landmarks are {type(value).__name__}; expected a list of 33")
    first = value[0]
    nested = isinstance(first, list) and bool(first) and isinstance(first[0], list | dict)
    return [_person(person, where) for person in (value if nested else [value])]


def _person(value: Any, where: str) -> np.ndarray:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = [
            [point.get("x"), point.get("y"), point.get("z", 0.0), point.get("visibility", 1.0)]
            for point in value
            if isinstance(point, dict)
        ]
        points = numbers(rows, where)
    else:
        points = numbers(value, where)
    if points.ndim != 2 or points.shape[0] != 33 or points.shape[1] < 3:
        raise InputError(f"{where}: landmarks of shape {points.shape}; expected 33 of x, y, z and visibility")
    if points.shape[1] == 3:
        points = np.hstack([points, np.ones((33, 1))])
    return points[:, :4]
