"""EasyMocap's JSON, one file per frame: `keypoints3d` and 2D `annots`, BODY_25 with or without hands and face."""

from __future__ import annotations

from typing import Any

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.detections import Detection, detection, numbers

LAYOUTS = ("body25", "body65", "body67", "body137", "coco17", "h36m17")


def is_easymocap(value: Any) -> bool:
    """Whether JSON content is one frame of EasyMocap's keypoints."""
    if isinstance(value, dict):
        return isinstance(value.get("annots"), list)
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "keypoints3d" in value[0]


def people(value: Any, frame: int, where: str) -> list[Detection]:
    """Read the people of a frame, with their ids.

    Raises:
        InputError: A person is malformed.
    """
    in_image = isinstance(value, dict)
    key, name = ("keypoints", "personID") if in_image else ("keypoints3d", "id")
    found = []
    for index, person in enumerate(value["annots"] if in_image else value):
        at = f"{where}: person {index}: {key}"
        if not isinstance(person, dict) or key not in person:
            raise InputError(f"{at}: missing")
        points = numbers(person[key], at)
        if points.ndim != 2 or points.shape[1] not in ((3,) if in_image else (3, 4)):
            raise InputError(f"{at}: shape {points.shape}; expected (K, {3 if in_image else 4})")
        person_id = str(person[name]) if isinstance(person.get(name), int | str) else None
        if in_image or points.shape[1] == 4:
            found.append(detection(frame, points, at, width=points.shape[1], person=person_id))
        else:
            found.append(Detection(frame, points, (points != 0).any(axis=1).astype(float), person_id))
    return found
