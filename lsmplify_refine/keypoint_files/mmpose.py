"""MMPose's and RTMPose's predictions: the demos' `instance_info`, and the inferencer's lists of instances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.detections import Detection, frame_number, numbers, tracks_of
from lsmplify_refine.keypoint_files.names import find_convention
from lsmplify_refine.keypoint_files.track import KeypointTrack
from lsmplify_refine.values.conventions import CONVENTIONS


def is_mmpose(value: Any) -> bool:
    """Whether JSON content holds all frames of a video."""
    frames = value.get("instance_info") if isinstance(value, dict) else value
    if not isinstance(frames, list) or not frames or not isinstance(frames[0], dict):
        return False
    return {"frame_id", "instances"} <= frames[0].keys()


def is_instances(value: Any) -> bool:
    """Whether JSON content holds the people of one image."""
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], dict)
        and {"keypoints", "keypoint_scores"} <= value[0].keys()
    )


def read(value: Any, path: Path, wanted: str | None) -> list[KeypointTrack]:
    """Read the people of a video.

    Raises:
        InputError: An entry is malformed.
    """
    demo = isinstance(value, dict)
    found: list[Detection] = []
    for index, frame in enumerate(value["instance_info"] if demo else value):
        where = f"{path}: frame {index}"
        if not isinstance(frame, dict) or not isinstance(frame.get("instances"), list) or "frame_id" not in frame:
            raise InputError(f"{where}: frame_id or instances: missing")
        # the demos count frames from 1, the inferencer from 0
        number = frame_number(frame["frame_id"], where) - (1 if demo else 0)
        found += people(frame["instances"], number, where)
    wanted = wanted or (_named(value.get("meta_info")) if demo else None)
    return tracks_of(found, where=str(path), source=path.name, wanted=wanted)


def people(value: list[Any], frame: int, where: str) -> list[Detection]:
    """Read the people of one frame.

    Raises:
        InputError: A person is malformed.
    """
    found = []
    for index, person in enumerate(value):
        at = f"{where}: person {index}"
        if not isinstance(person, dict) or "keypoints" not in person:
            raise InputError(f"{at}: no keypoints")
        points = numbers(person["keypoints"], f"{at}: keypoints")
        points = points[0] if points.ndim == 3 and len(points) == 1 else points
        if points.ndim != 2 or points.shape[1] not in (2, 3):
            raise InputError(f"{at}: keypoints: shape {points.shape}; expected (K, 2 or 3)")
        scores = numbers(person.get("keypoint_scores", np.ones(len(points))), f"{at}: keypoint_scores").ravel()
        if len(scores) != len(points):
            raise InputError(f"{at}: keypoint_scores: {len(scores)}; expected {len(points)}")
        track = person.get("track_id")
        found.append(Detection(frame, points, scores, str(track) if isinstance(track, int | str) else None))
    return found


def _named(meta: Any) -> str | None:
    """The convention of the file's own list of point names, if it is a known one."""
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if isinstance(names, dict):
        names = list(names.values())
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    if len(names) == 133:
        return "coco133"
    try:
        match = find_convention(names, None, "")
    except InputError:
        return None
    in_order = match.columns == tuple(range(len(names))) and len(names) == len(CONVENTIONS[match.convention].points)
    return match.convention if in_order else None
