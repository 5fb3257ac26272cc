"""Keypoints as JSON, in the layouts that the tools write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.values.conventions import MEDIAPIPE33

#: The file or folder, the points written, their convention, the first frame, the number of unused kinds of points.
Written = tuple[Path, np.ndarray, str, int, int]

FRAMES = 5


def moving(count: int, person: int = 0, width: int = 2) -> np.ndarray:
    """(FRAMES, count, width + 1) a person who walks slowly, the confidence last; 400 apart from the next."""
    generator = np.random.default_rng(person)
    shape = generator.uniform(10, 110, (count, width))
    steps = np.arange(FRAMES)[:, None, None] * 3.0
    confidence = generator.uniform(0.3, 0.9, (FRAMES, count, 1))
    return np.concatenate([shape + 400 * person + steps, confidence], axis=2)


def written(path: Path, value: Any) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(value))
    return path


_OPENPOSE_PARTS = {"pose": slice(0, 25), "hand_left": slice(25, 46), "hand_right": slice(46, 67)}


def openpose_folder(
    folder: Path, people: list[np.ndarray], ids: list[int] | None = None, key: str = "2d", *, hands: bool = False
) -> Path:
    """Write a file per frame; with `hands`, points 25 to 66 are the hands, under keys of their own."""
    for frame in range(FRAMES):
        # OpenPose lists people in any order
        order = range(len(people)) if frame % 2 else reversed(range(len(people)))
        entries = [
            {
                "person_id": [-1] if ids is None else [ids[i]],
                **{
                    f"{part}_keypoints_{key}": people[i][frame, rows].ravel().tolist()
                    for part, rows in (_OPENPOSE_PARTS if hands else {"pose": slice(None)}).items()
                },
            }
            for i in order
        ]
        written(folder / f"clip_{frame + 7:012d}_keypoints.json", {"version": 1.3, "people": entries})
    return folder


def numbered_folder(folder: Path, points: np.ndarray, name: str) -> Path:
    """OpenPose's form under another tool's names."""
    for frame, values in enumerate(points):
        content = {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": values.ravel().tolist()}]}
        written(folder / name.format(frame), content)
    return folder


#: The names of a home-made dump of MediaPipe's points; some left out, one that MediaPipe does not have.
DUMP_NAMES = {
    "Nose": "nose", "Left Eye Inner": "left_eye_inner", "Left Eye": "left_eye", "Mouth Left": "left_mouth",
    "Left Shoulder": "left_shoulder", "Right Shoulder": "right_shoulder", "Left Hip": "left_hip",
    "Right Hip": "right_hip", "Left Foot Index": "left_big_toe", "Left Toe": "",
}  # fmt: skip


def dumped(points: np.ndarray, how: str) -> Any:
    """MediaPipe's points (FRAMES, 33, 4), as programs dump them: by name, by index or in order."""
    axes = ("x", "y", "z", "visibility")
    frames = [[dict(zip(axes, point)) for point in frame.tolist()] for frame in points]
    names = {name: MEDIAPIPE33.points.index(point or "nose") for name, point in DUMP_NAMES.items()}
    shapes: dict[str, Callable[[list[Any]], Any]] = {
        "one frame": lambda frame: frame,
        "lists": lambda frame: frame,
        "frames by number": lambda frame: frame,
        "names": lambda frame: {name: frame[index] for name, index in names.items()},
        "indices": lambda frame: {str(index): point for index, point in enumerate(frame)},
        "index in the point": lambda frame: [{"id": index, **point} for index, point in reversed([*enumerate(frame)])],
    }
    made = [shapes[how](frame) for frame in frames]
    if how == "one frame":
        return made[0]
    return {str(number): frame for number, frame in enumerate(made)} if how == "frames by number" else made


def coco_list(points: np.ndarray, **extra: Any) -> list[dict[str, Any]]:
    return [
        {"image_id": frame, "category_id": 1, "keypoints": points[frame].ravel().tolist(), "score": 0.9, **extra}
        for frame in range(len(points))
    ]


def instances(points: np.ndarray) -> list[dict[str, Any]]:
    return [{"keypoints": points[:, :-1].tolist(), "keypoint_scores": points[:, -1].tolist(), "bbox": [[0, 0, 9, 9]]}]


def mmpose_frames(points: np.ndarray, first: int) -> list[dict[str, Any]]:
    return [{"frame_id": first + i, "instances": instances(frame)} for i, frame in enumerate(points)]


def alphapose(points: np.ndarray) -> list[dict[str, Any]]:
    people = coco_list(points, idx=[[4.0]], box=[0, 0, 9, 9])
    return [{**person, "image_id": f"{person['image_id'] + 20}.jpg"} for person in people]


def easymocap_folder(folder: Path, points: np.ndarray) -> Path:
    for frame, values in enumerate(points):
        written(folder / "keypoints3d" / f"{frame:06d}.json", [{"id": 3, "keypoints3d": values.tolist()}])
    return folder


def mediapipe(points: np.ndarray, *, world: bool) -> dict[str, Any]:
    """Landmarks in the image, or world landmarks, which are nested in one more list."""
    names = ("x", "y", "z", "visibility")
    landmarks = [[dict(zip(names, point)) for point in frame.tolist()] for frame in points]
    frames = [{"world_landmarks": [person]} if world else {"landmarks": person} for person in landmarks]
    return {"image_size": [1280, 720], "frames": frames}


def holistic(points: np.ndarray, *, world: bool) -> dict[str, Any]:
    """Landmarks of pose (33), left hand and right hand, as MediaPipe's holistic results; hands have no visibility."""
    parts = {"pose": slice(0, 33), "left_hand": slice(33, 54), "right_hand": slice(54, 75)}
    frames = []
    for frame in points:
        landmarks = {
            name: [dict(zip(("x", "y", "z"), point)) for point in frame[rows].tolist()] for name, rows in parts.items()
        }
        for point, visibility in zip(landmarks["pose"], frame[:33, 3].tolist()):
            point["visibility"] = visibility
        middle = "_world" if world else ""
        frames.append({f"{name}{middle}_landmarks": found for name, found in landmarks.items()})
    return {"image_size": [1280, 720], "frames": frames}


def placed_hands() -> np.ndarray:
    """(FRAMES, 75, 4) a pose whose wrists are the hands' first points; hands are sure."""
    points = moving(75, width=3)
    points[:, 33:, 3] = 1
    for wrist, hand in ((15, 33), (16, 54)):
        points[:, hand : hand + 21, :3] += points[:, [wrist], :3] - points[:, [hand], :3]
    return points


CASES: dict[str, Callable[[Path], Written]] = {
    "openpose body25": lambda p: (openpose_folder(p / "op", [moving(25)]), moving(25), "body25", 7, 0),
    "openpose with hands": lambda p: (
        openpose_folder(p / "op", [moving(67)], hands=True), moving(67), "body67", 7, 0,
    ),
    "openpose 3d with hands": lambda p: (
        openpose_folder(p / "op", [moving(67, width=3)], key="3d", hands=True), moving(67, width=3), "body67", 7, 0,
    ),
    "openpose coco18": lambda p: (openpose_folder(p / "op", [moving(18)]), moving(18), "coco18", 7, 0),
    "pose2sim": lambda p: (
        numbered_folder(p / "op", moving(26), "cam01.{:04d}.json"), moving(26), "halpe26", 0, 0,
    ),
    "unreal": lambda p: (
        numbered_folder(p / "op", moving(25), "Name.v2.{:04d}_keypoints.json"), moving(25), "body25", 0, 0,
    ),
    "openpose 3d": lambda p: (
        openpose_folder(p / "op", [moving(25, width=3)], key="3d"), moving(25, width=3), "body25", 7, 0,
    ),
    "coco results": lambda p: (written(p / "r.json", coco_list(moving(17))), moving(17), "coco17", 0, 0),
    "coco whole body": lambda p: (written(p / "r.json", coco_list(moving(133))), moving(133), "coco65", 0, 1),
    "alphapose": lambda p: (written(p / "r.json", alphapose(moving(26))), moving(26), "halpe26", 20, 0),
    "alphapose 136": lambda p: (written(p / "r.json", alphapose(moving(136))), moving(136), "halpe68", 20, 1),
    "mmpose demo": lambda p: (
        written(p / "r.json", {"meta_info": {}, "instance_info": mmpose_frames(moving(133), 1)}),
        moving(133), "coco65", 0, 1,
    ),
    "mmpose inferencer": lambda p: (
        written(p / "r.json", mmpose_frames(moving(26, width=3), 0)), moving(26, width=3), "halpe26", 0, 0,
    ),
    "easymocap": lambda p: (easymocap_folder(p / "em", moving(25, width=3)), moving(25, width=3), "body25", 0, 0),
    "easymocap with hands and face": lambda p: (
        easymocap_folder(p / "em", moving(137, width=3)), moving(137, width=3), "body67", 0, 1,
    ),
    "mediapipe world": lambda p: (
        written(p / "r.json", mediapipe(moving(33, width=3), world=True)), moving(33, width=3), "mediapipe33", 0, 0,
    ),
    "mediapipe holistic world": lambda p: (
        written(p / "r.json", holistic(placed_hands(), world=True)), placed_hands(), "mediapipe75", 0, 0,
    ),
}  # fmt: skip
