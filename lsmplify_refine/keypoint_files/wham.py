"""WHAM's `tracking_results.pth` (joblib): ViTPose's COCO-17 keypoints of all people, by the ids of WHAM's result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.track import KeypointTrack, choose_layout, cleaned, left_out
from lsmplify_refine.safe_load import to_numpy

_NAMES = {"keypoints", "frame_id"}
_CONVENTION = "coco17"


def is_tracking(value: Any) -> bool:
    """Whether a pickle's content is WHAM's tracks."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(person, dict) and person.keys() >= _NAMES for person in value.values())
    )


def read(value: dict[Any, dict[str, Any]], path: Path, wanted: str | None) -> list[KeypointTrack]:
    """Read all people: (T, 17, 3) x, y in pixels and confidence, and the frame of each row.

    Raises:
        InputError: A value has the wrong shape.
    """
    return [_person(person, f"{path}: {name}", str(name), path.name, wanted) for name, person in value.items()]


def _person(person: dict[str, Any], where: str, name: str, source: str, wanted: str | None) -> KeypointTrack:
    points, frames = to_numpy(person["keypoints"]), to_numpy(person["frame_id"])
    if points is None or points.ndim != 3 or points.shape[2] != 3 or points.dtype.kind not in "fiu":
        shape = "no array of numbers" if points is None else f"shape {points.shape}"
        raise InputError(f"{where}.keypoints: {shape}; expected (T, 17, 3) x, y, confidence")
    if frames is None or frames.size != len(points) or frames.dtype.kind not in "iu":
        raise InputError(f"{where}.frame_id: expected {len(points)} whole numbers")
    layout = choose_layout(points.shape[1], wanted or _CONVENTION, None, f"{where}.keypoints")
    kept = len(layout.convention.points)
    return KeypointTrack(
        cleaned(layout.convention.name, points[:, :kept, :2], points[:, :kept, 2], source),
        frames.reshape(-1).astype(np.int64),
        numbered=True,
        person=name,
        identified=True,
        unmapped=left_out(layout),
    )
