"""`detect_keypoints`: run a detector on a video; the result is the same kind of tracks as from a keypoint file."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from lsmplify_refine.detect.protocol import Detector
from lsmplify_refine.detect.registry import open_detector
from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.keypoint_files.detections import Detection, tracks_of
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo, probe, read_frames


def detect_keypoints(
    video: str | Path | VideoInfo,
    detector: str | Detector = "mediapipe",
    *,
    model: Path | None = None,
    frames: Collection[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[KeypointTrack]:
    """Detect everybody's 2D keypoints in a video.

    People are linked from frame to frame by distance, which may mix them up when they cross. If there is an estimate,
    `job.people.match_people` assigns the detections frame by frame.

    Args:
        video: The video file, or the result of `probe` for it.
        detector: A name in `detectors`, or an instance of your own detector.
        model: The named detector's model file; None for the default.
        frames: Frames to search; None for all.
        progress: Called with (frames done, frames in total).

    Returns:
        One track per person with the video's frame numbers, the one with the highest total confidence first.

    Raises:
        InputError: The video or the detector cannot be used, or no person is found.
    """
    opened = open_detector(detector, model) if isinstance(detector, str) else detector
    info = video if isinstance(video, VideoInfo) else probe(video)
    wanted = set(range(info.frames)) if frames is None else {int(frame) for frame in frames}
    found: list[Detection] = []
    for index, image in enumerate(read_frames(info.path)):
        if index in wanted:
            people = _checked(opened, opened.detect(image, _seconds(info, index)))
            found += [Detection(index, person[:, :2], person[:, 2]) for person in people]
        if progress:
            progress(index + 1, info.frames)
    named = f"{opened.name} ({opened.model})" if opened.model else opened.name
    if not found:
        raise InputError(f"{info.path}: {named} found nobody in {len(wanted)} frames; give --keypoints FILE")
    tracks = tracks_of(found, where=str(info.path), source=f"{named} on {info.path.name}", wanted=opened.convention)
    seen = len({each.frame for each in found})
    text = f"keypoints detected in {info.path.name} by {named}: somebody in {seen} of {len(wanted)} frames"
    tracks = [replace(track, notes=(Note("keypoints-detected", text),)) for track in tracks]
    return sorted(tracks, key=lambda track: -float(track.keypoints.confidence.sum()))


def _seconds(info: VideoInfo, index: int) -> float:
    """The frame's presentation time, from 0."""
    return float(index / info.fps if info.pts is None else (int(info.pts[index]) - int(info.pts[0])) * info.time_base)


def _checked(detector: Detector, people: np.ndarray) -> np.ndarray:
    """The people that a detector returns, checked against its protocol."""
    if detector.convention not in CONVENTIONS:
        known = ", ".join(CONVENTIONS)
        raise InputError(f"detector {detector.name}: convention {detector.convention!r} is not known; known: {known}")
    people, count = np.asarray(people, dtype=np.float64), len(CONVENTIONS[detector.convention].points)
    if people.ndim != 3 or people.shape[1:] != (count, 3):
        raise InputError(
            f"detector {detector.name}: returned keypoints of shape {people.shape}; expected (people, {count}, 3)"
        )
    return people
