"""Home-made JSON dumps of MediaPipe's landmarks, which has no file format: points by name, by index, or in order.

They become the frames that `mediapipe.read` takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.names import find_convention
from lsmplify_refine.values.conventions import MEDIAPIPE33

#: Keys that number or name a point in a list.
_POINT_KEYS = ("index", "idx", "id", "landmark_id", "name", "landmark", "label")
#: Max distance of the middle of the hips from the origin in world landmarks, metres.
_AT_ORIGIN_M = 0.02
_MISSING = {"x": 0.0, "y": 0.0, "z": 0.0, "visibility": 0.0}
_HIPS = tuple(MEDIAPIPE33.points.index(f"{side}_hip") for side in ("left", "right"))


def frames_of(value: Any) -> list[dict[str, Any]] | None:
    """The frames of a dump: a dict with `landmarks` or `world_landmarks` each; None if it is not a dump of landmarks.

    Args:
        value: The JSON content: one frame, a list of frames, or a dict of frames by number.
    """
    if isinstance(value, dict) and isinstance(value.get("frames"), list):
        value = value["frames"]
    single = _points(value)
    if single is not None:
        return _marked({0: single})
    named = dict(enumerate(value)) if isinstance(value, list) else value
    if not isinstance(named, dict) or not named:
        return None
    frames = {key: _points(frame) if frame else [] for key, frame in named.items()}
    if not any(frames.values()) or any(points is None for points in frames.values()):
        return None
    return _marked({key: points for key, points in frames.items() if points})


def _marked(frames: dict[Any, list[Any]]) -> list[dict[str, Any]]:
    """Frames with a key that says whether landmarks are in the image or in the world."""
    hips = np.array(
        [[[_number(points[hip]["x"]), _number(points[hip]["y"])] for hip in _HIPS] for points in frames.values()]
    )
    in_world = np.median(np.nan_to_num(np.linalg.norm(hips.mean(axis=1), axis=-1), nan=np.inf)) < _AT_ORIGIN_M
    key = "world_landmarks" if in_world else "landmarks"
    return [{"frame": number, key: points} for number, points in frames.items()]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else np.nan


def _points(value: Any) -> list[dict[str, Any]] | None:
    """The 33 points of a frame in MediaPipe's order, without confidence where missing; None if it holds others."""
    if isinstance(value, list) and value and all(map(_is_point, value)):
        key = next((key for key in _POINT_KEYS if all(key in point for point in value)), None)
        if key is None:
            return value if len(value) == len(MEDIAPIPE33.points) else None
        value = {str(point[key]): point for point in value}
    if not isinstance(value, dict) or not value or not all(map(_is_point, value.values())):
        return None
    places = _places([str(name) for name in value])
    if places is None:
        return None
    points = list(value.values())
    return [points[place] if place >= 0 else _MISSING for place in places]


def _is_point(value: Any) -> bool:
    return isinstance(value, dict) and {"x", "y"} <= value.keys()


def _places(names: list[str]) -> tuple[int, ...] | None:
    """For each of the 33 points the place of its name or index, -1 for none; None if they are not MediaPipe's."""
    count = len(MEDIAPIPE33.points)
    if all(name.isdecimal() and len(name) < 4 for name in names):
        indices = [int(name) for name in names]
        return tuple(indices.index(point) if point in indices else -1 for point in range(count))
    try:
        return find_convention(names, "mediapipe33", "").columns
    except InputError:
        return None
