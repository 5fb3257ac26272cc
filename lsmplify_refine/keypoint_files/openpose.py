"""OpenPose's JSON, one file per frame, 2D or 3D: OpenPose's own points, or those that Pose2Sim and others write so."""

from __future__ import annotations

from typing import Any

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.detections import Detection, detection
from lsmplify_refine.values.conventions import BODY25, HAND_POINTS

LAYOUTS = (
    "body25", "coco18", "coco17", "h36m17", "coco23", "coco133", "halpe26", "halpe68", "halpe136", "mediapipe33",
    "body67",
)  # fmt: skip


def is_openpose(value: Any) -> bool:
    """Whether JSON content is one frame of OpenPose."""
    return isinstance(value, dict) and isinstance(value.get("people"), list)


def people(value: dict[str, Any], frame: int, where: str) -> list[Detection]:
    """Read the people of a frame, with 3D points if there are any.

    Raises:
        InputError: A person is malformed.
    """
    found = []
    for index, person in enumerate(value["people"]):
        if not isinstance(person, dict):
            raise InputError(f"{where}: people: entry {index} is not a person")
        in_space = bool(person.get("pose_keypoints_3d"))
        # versions before 1.2 call it "pose_keypoints"
        key = next((key for key in _keys(in_space) if person.get(key)), None)
        if key is None:
            continue
        width = 4 if in_space else 3
        found.append(
            detection(
                frame,
                person[key] if not (hands := _hands(person, key, width)) else [*person[key], *hands],
                f"{where}: people {index}: {key}",
                width=width,
                person=_person_id(person.get("person_id")),
            )
        )
    return found


def _keys(in_space: bool) -> tuple[str, ...]:
    return ("pose_keypoints_3d",) if in_space else ("pose_keypoints_2d", "pose_keypoints")


def _hands(person: dict[str, Any], body_key: str, width: int) -> list[Any]:
    """The numbers of the left and the right hand if BODY_25 comes with a hand; those of an absent one are 0."""
    body = person[body_key]
    keys = [body_key.replace("pose", f"hand_{side}", 1) for side in ("left", "right")]
    hands = [person.get(key) or [] for key in keys]
    if not any(hands) or not all(isinstance(numbers, list) for numbers in (body, *hands)):
        return []
    if len(body) != width * len(BODY25.points):
        return []
    missing = [0.0] * (width * len(HAND_POINTS))
    return [number for hand in hands for number in (hand or missing)]


def _person_id(value: Any) -> str | None:
    """The person's id; OpenPose writes [-1] if it does not track people."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return None if value in (None, -1, []) or not isinstance(value, int | str) else str(value)
