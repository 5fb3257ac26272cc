"""MediaPipe's 33 pose landmarks, as arrays or in users' own JSON (MediaPipe itself writes no files)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.detections import Detection, frame_number, numbers, tracks_of
from lsmplify_refine.keypoint_files.track import KeypointTrack, cleaned, left_out
from lsmplify_refine.values.conventions import HAND_POINTS, MEDIAPIPE33, Convention
from lsmplify_refine.values.layouts import Layout
from lsmplify_refine.values.notes import Note

_IMAGE_KEYS = ("pose_landmarks", "poseLandmarks", "landmarks")
_WORLD_KEYS = ("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks")
#: Of the left and the right hand, as MediaPipe's holistic results call them.
_HAND_KEYS = tuple((f"{side}_hand_landmarks", f"{side}HandLandmarks") for side in ("left", "right"))
_HAND_WORLD_KEYS = tuple((f"{side}_hand_world_landmarks", f"{side}HandWorldLandmarks") for side in ("left", "right"))
_SIZE_HELP = "give --video or --image-size WxH (or image_size: [width, height] in a JSON)"
#: Max distance of the middle of the hips from the origin in world landmarks, metres.
_AT_ORIGIN_M = 0.02
_BOTH = Note("image-landmarks-used", "the keypoint file has image and world landmarks; image landmarks are used")
_WHOSE_HANDS = Note(
    "columns-unused",
    "frames with several people: MediaPipe does not say whose the hands are; they are not used",
    "warning",
)
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
    """Read people from MediaPipe's JSON: its image landmarks, or else its world landmarks.

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
    hand_keys = _HAND_KEYS if in_image else _HAND_WORLD_KEYS
    has_hands = any(frame.get(key) for frame in frames for keys_of_side in hand_keys for key in keys_of_side)
    found: list[Detection] = []
    crowded = False
    for index, frame in enumerate(frames):
        where = f"{path}: frame {index}"
        number = frame_number(frame.get("frame", frame.get("frame_id", index)), where)
        people = _people(_first(frame, keys), where)
        for person in people:
            # the landmarks do not say to which person a hand belongs
            hands = _hands(frame if len(people) == 1 else {}, hand_keys, person, where) if has_hands else person[:0]
            whole = np.concatenate([person, hands])
            points = whole[:, :2] * np.array(size) if in_image and size else whole[:, :3]
            found.append(Detection(number, points, whole[:, 3]))
        crowded |= has_hands and len(people) > 1
    both = in_image and any(frame.get(key) for frame in frames for key in _WORLD_KEYS)
    said = ((_BOTH, both), (_WORLD, not in_image), (_WHOSE_HANDS, crowded))
    notes = tuple(note for note, applies in said if applies)
    wanted = "mediapipe75" if has_hands else "mediapipe33"
    return tracks_of(found, where=str(path), source=path.name, wanted=wanted, notes=notes)


def _first(frame: dict[str, Any], keys: Sequence[str]) -> Any:
    """The value of the first key that has one, or None."""
    return next((frame[key] for key in keys if frame.get(key)), None)


def _hands(frame: dict[str, Any], keys: Sequence[Sequence[str]], pose: np.ndarray, where: str) -> np.ndarray:
    """(42, 4) x, y, z, confidence of the left and the right hand of a person with this pose; 0 where missing."""
    hands = []
    for side, names in zip(("left", "right"), keys):
        value = _first(frame, names)
        people = [] if value is None else _people(value, f"{where}: {side} hand", len(HAND_POINTS))
        hand = people[0] if people else np.zeros((len(HAND_POINTS), 4))
        if people:
            # a hand has no visibility; if it lies in space, then about its own middle
            hand[:, 3] = 1.0
            if keys is _HAND_WORLD_KEYS:
                hand[:, :3] += pose[MEDIAPIPE33.points.index(f"{side}_wrist"), :3] - hand[0, :3]
        hands.append(hand)
    return np.concatenate(hands)


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


def _people(value: Any, where: str, count: int = 33) -> list[np.ndarray]:
    """(count, 4) x, y, z, visibility of each person, from a list of people, one person's landmarks, or None."""
    if value is None:
        return []
    if isinstance(value, dict) and "landmark" in value:  # protobuf's JSON
        value = value["landmark"]
    if not isinstance(value, list):
        raise InputError(f"{where}: landmarks are {type(value).__name__}; expected a list of {count}")
    first = value[0] if value else None
    nested = isinstance(first, list) and bool(first) and isinstance(first[0], list | dict)
    return [_person(person, where, count) for person in (value if nested else [value])]


def _person(value: Any, where: str, count: int) -> np.ndarray:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = [
            [point.get("x"), point.get("y"), point.get("z", 0.0), point.get("visibility", 1.0)]
            for point in value
            if isinstance(point, dict)
        ]
        points = numbers(rows, where)
    else:
        points = numbers(value, where)
    if points.ndim != 2 or points.shape[0] != count or points.shape[1] < 3:
        raise InputError(f"{where}: landmarks of shape {points.shape}; expected {count} of x, y, z and visibility")
    if points.shape[1] == 3:
        points = np.hstack([points, np.ones((count, 1))])
    return points[:, :4]
