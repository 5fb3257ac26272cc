"""OpenPose's JSON, one file per frame, 2D or 3D: OpenPose's own points, or those that Pose2Sim and others write so."""

from __future__ import annotations

from typing import Any

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.detections import Detection, detection

LAYOUTS = (
    "body25", "coco18", "coco17", "h36m17", "coco23", "coco133", "halpe26", "halpe68", "halpe136", "mediapipe33",
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
        found.append(
            detection(
                frame,
                person[key],
                f"{where}: people {index}: {key}",
                width=4 if in_space else 3,
                person=_person_id(person.get("person_id")),
            )
        )
    return found


def _keys(in_space: bool) -> tuple[str, ...]:
    return ("pose_keypoints_3d",) if in_space else ("pose_keypoints_2d", "pose_keypoints")


def _person_id(value: Any) -> str | None:
    """The person's id; OpenPose writes [-1] if it does not track people."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return None if value in (None, -1, []) or not isinstance(value, int | str) else str(value)
