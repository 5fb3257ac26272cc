"""JSON of OpenPose, COCO, AlphaPose, MMPose, EasyMocap and MediaPipe: a file, or a folder with one file per frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.keypoint_files import coco, easymocap, landmark_dumps, mediapipe, mmpose, openpose
from lsmplify_refine.keypoint_files.detections import Detection, frame_number, tracks_of
from lsmplify_refine.keypoint_files.track import KeypointTrack
from lsmplify_refine.safe_load import load_json

#: A format with one file per frame: a function that recognises it, one that reads its people, and its layouts.
_PerFrame = tuple[
    Callable[[Any], bool], Callable[[Any, int, str], list[Detection]], tuple[str, ...] | None
]  # fmt: skip
_PER_FRAME: tuple[_PerFrame, ...] = (
    (openpose.is_openpose, openpose.people, openpose.LAYOUTS),
    (easymocap.is_easymocap, easymocap.people, easymocap.LAYOUTS),
    (mmpose.is_instances, mmpose.people, None),
)
_KNOWN = (
    'OpenPose {"people": [{"pose_keypoints_2d": [x, y, c, ...]}]}, '
    'COCO or AlphaPose [{"image_id": ..., "keypoints": [x, y, c, ...]}], '
    'MMPose [{"frame_id": ..., "instances": [{"keypoints": ..., "keypoint_scores": ...}]}], '
    'EasyMocap [{"id": ..., "keypoints3d": [[x, y, z, c], ...]}], '
    'MediaPipe [{"landmarks": [{"x": ..., "y": ..., "z": ..., "visibility": ...}, ... 33]}] or points by name '
    '[{"Nose": {"x": ..., "y": ...}, ...}]'
)


def is_one_frame(path: Path) -> bool:
    """Whether a file is a single frame of a format with one file per frame."""
    value = load_json(path)
    return any(recognises(value) for recognises, _, _ in _PER_FRAME)


def read_file(path: Path, *, wanted: str | None, image_size: tuple[int, int] | None) -> list[KeypointTrack]:
    """Read the people of one JSON file.

    Raises:
        InputError: The format is not known, or the content is malformed.
    """
    value = load_json(path)
    if mediapipe.is_mediapipe(value):
        return mediapipe.read(value, path, image_size)
    if coco.is_coco(value):
        return coco.read(value, path, wanted)
    if mmpose.is_mmpose(value):
        return mmpose.read(value, path, wanted)
    for recognises, people, among in _PER_FRAME:
        if recognises(value):
            return tracks_of(people(value, 0, str(path)), where=str(path), source=path.name, wanted=wanted, among=among)
    dumped = landmark_dumps.frames_of(value)
    if dumped is not None:
        return mediapipe.read(dumped, path, image_size)
    raise InputError(
        f"{path}: not keypoints in a known format: it holds {_in_words(value)}; known layouts: {_KNOWN}; "
        "docs/keypoints.md shows more"
    )


def _in_words(value: Any) -> str:
    """What JSON content is, for a message."""
    if isinstance(value, dict):
        return f"a dict of {escaped(', '.join(map(str, list(value)[:5])), 80) or 'nothing'}"
    if isinstance(value, list) and value:
        return f"a list of {len(value)}, first {_in_words(value[0])}" if isinstance(value[0], dict) else "nested lists"
    return "an empty list" if isinstance(value, list) else "a single value"


def read_folder(folder: Path, files: list[Path], *, wanted: str | None) -> list[KeypointTrack]:
    """Read the people of a folder with one JSON file per frame; the file names give the frame numbers.

    Raises:
        InputError: The files have an unknown format or different ones, or two have the same frame number.
    """
    found: list[Detection] = []
    numbered: dict[int, Path] = {}
    kind: _PerFrame | None = None
    for path in files:
        value = load_json(path)
        frame = frame_number(path.name.removesuffix(".json"), str(path))
        if frame in numbered:
            raise InputError(
                f"{folder}: {numbered[frame].name} and {path.name} are both frame {frame}; "
                "give the folder of one video and one camera"
            )
        numbered[frame] = path
        if value in ([], {}):
            continue
        kind = kind or next((each for each in _PER_FRAME if each[0](value)), None)
        if kind is None or not kind[0](value):
            raise InputError(f"{path}: not keypoints in a format with one file per frame (OpenPose, EasyMocap, MMPose)")
        found += kind[1](value, frame, str(path))
    return tracks_of(
        found, where=str(folder), source=f"{folder.name}/", wanted=wanted, among=None if kind is None else kind[2]
    )
