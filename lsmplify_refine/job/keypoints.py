"""Where a job's keypoints come from: a file, or the video where the input has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.detect import detect_keypoints, open_detector
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.inputs import no_keypoints, read_keypoints
from lsmplify_refine.job.people import match_people
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo

if TYPE_CHECKING:
    from lsmplify_refine.job.job import Job

#: The detector for results without keypoints.
DEFAULT_DETECTOR = "mediapipe"

#: Called with the steps done and the steps in all.
Step = Callable[[int, int], None]


def find_keypoints(
    job: Job, people: list[Estimate], chosen: list[int], video: VideoInfo | None, body: BodyModel, step: Step | None
) -> tuple[dict[int, KeypointTrack], list[Note]]:
    """Keypoints for the chosen people, as far as they have none of their own or others are asked for.

    Args:
        job: With the options that say where they come from.
        people: Everybody in the input.
        chosen: Indices of those to refine.
        video: The video, if there is one.
        body: For matching people.
        step: Called with (frames done, frames in all) while detecting.

    Returns:
        Tracks by index of the person, and notes.

    Raises:
        InputError: They cannot be read or detected, or it cannot be told whose they are.
    """
    if job.keypoints is not None:
        size = (video.width, video.height) if video else None
        tracks = read_keypoints(
            job.keypoints, convention=job.keypoint_convention, calibration=job.calibration, image_size=size
        )
        if len(tracks) == len(chosen) == 1:
            return {chosen[0]: tracks[0]}, []  # the user says so
        lacking = chosen
    else:
        lacking = [index for index in chosen if job.detector is not None or people[index].keypoints is None]
        tracks = _detected(job, [people[index] for index in lacking], video, step) if lacking else []
    if not tracks:
        unused = Note("detector-model-unused", "--detector-model is not used: nothing had to be detected", "warning")
        return {}, [unused] if job.detector_model else []
    return match_people(people, lacking, tracks, body, video=video, focal_px=job.focal_px)


def _detected(job: Job, people: list[Estimate], video: VideoInfo | None, step: Step | None) -> list[KeypointTrack]:
    """Everybody whom the detector sees in the frames of these people; nobody where there is no video to look at.

    Where --detector was not given, a detector that cannot be started is no error of the user's.
    """
    if video is None:
        if job.detector is not None:
            raise InputError(f"--detector {job.detector}: no video lies beside the input; give one with --video")
        return []
    try:
        detector = open_detector(job.detector or DEFAULT_DETECTOR, job.detector_model)
    except InputError as error:
        if job.detector is not None or job.detector_model is not None:
            raise
        raise no_keypoints(people[0], f"or have them detected: {error}") from error
    frames = np.unique(np.concatenate([person.frame_ids for person in people]))
    return detect_keypoints(video, detector, frames=frames, progress=step)
