"""COCO results, COCO annotations and AlphaPose: lists of people with `image_id` and `keypoints`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.detections import Detection, detection, frame_number, tracks_of
from lsmplify_refine.keypoint_files.track import KeypointTrack

_LAYOUTS = ("coco17", "coco23", "coco133", "halpe26", "halpe68", "halpe136")


def is_coco(value: Any) -> bool:
    """Whether JSON content is COCO results, COCO annotations or AlphaPose's list."""
    people = value.get("annotations") if isinstance(value, dict) else value
    if not isinstance(people, list) or not people or not isinstance(people[0], dict):
        return False
    return {"image_id", "keypoints"} <= people[0].keys()


def read(value: Any, path: Path, wanted: str | None) -> list[KeypointTrack]:
    """Read the people; `image_id`, or the image's file name, gives the frame number.

    Raises:
        InputError: An entry is malformed.
    """
    images: dict[Any, Any] = {}
    if isinstance(value, dict):
        images = _images(value.get("images", []), path)
        value = value["annotations"]
    found = []
    for index, person in enumerate(value):
        where = f"{path}: entry {index}"
        if not isinstance(person, dict) or "keypoints" not in person:
            raise InputError(f"{where}: no keypoints")
        image = person.get("image_id")
        if not isinstance(image, int | str):
            raise InputError(f"{where}: image_id: {image!r}; expected a number or a file name")
        frame = frame_number(images.get(image, image), f"{where}: image_id")
        found.append(detection(frame, person["keypoints"], f"{where}: keypoints", width=3, person=_track_id(person)))
    return tracks_of(_visibility(found), where=str(path), source=path.name, wanted=wanted, among=_LAYOUTS)


def _images(entries: Any, path: Path) -> dict[Any, Any]:
    """File name by image id."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: images: not a list of images")
    return {e["id"]: e["file_name"] for e in entries if isinstance(e.get("id"), int | str) and "file_name" in e}


def _track_id(person: dict[str, Any]) -> str | None:
    """The track id: AlphaPose's `idx`, a number or nested lists of one. COCO's `id` numbers annotations, not people."""
    value = person.get("idx", person.get("track_id"))
    while isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return f"{value:g}" if isinstance(value, float) else str(value)


def _visibility(found: list[Detection]) -> list[Detection]:
    """Turn the visibility of annotations, 0 (not labelled), 1 (hidden) or 2 (visible), into a confidence."""
    values = np.unique(np.concatenate([each.confidence for each in found])) if found else np.zeros(0)
    if 2.0 not in values or not np.isin(values, (0.0, 1.0, 2.0)).all():
        return found
    return [replace(each, confidence=each.confidence / 2) for each in found]
