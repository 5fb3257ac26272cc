"""Where a job's keypoints come from: a file, or the video if the input has none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.detect import detect_keypoints, open_detector
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.inputs import no_keypoints
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.people import FoundKeypoints, is_an_id, match_people
from lsmplify_refine.job.rates import stated_rate, tracks_in_time
from lsmplify_refine.keypoint_files import KeypointTrack, load_tracks
from lsmplify_refine.keypoint_files.choose import NEAREST, choose_tracks
from lsmplify_refine.keypoint_files.multi_view import triangulate_people
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo

#: The detector for results without keypoints.
DEFAULT_DETECTOR = "mediapipe"

#: Called with the steps done and the total number of steps.
Step = Callable[[int, int], None]


def find_keypoints(
    job: Job, people: list[Estimate], chosen: list[int], video: VideoInfo | None, body: BodyModel, step: Step | None
) -> FoundKeypoints:
    """Find keypoints for the chosen people who have none of their own, or for all of them if others are asked for.

    Args:
        job: Its options say where keypoints come from.
        people: Everybody in the input.
        chosen: Indices of those to refine.
        video: The video, if there is one.
        body: For matching people.
        step: Called with (frames done, frames in all) during detection.

    Raises:
        InputError: The keypoints cannot be read, detected or assigned to people.
    """
    if job.keypoints is not None:
        size = (video.width, video.height) if video else job.image_size
        tracks = read_keypoints(
            job.keypoints, convention=job.keypoint_convention, calibration=job.calibration, image_size=size
        )
        if (tracks[0].keypoints.is_3d and job.person == NEAREST) or not is_an_id(job.person, people):
            tracks = choose_tracks(tracks, job.person, nearest_first=job.calibration is not None)
        rate = stated_rate(people[chosen[0]], video)
        tracks = tracks_in_time(tracks, people, rate, job.keypoint_fps, video.frames if video else None)
        if len(tracks) == len(chosen) == 1:
            return FoundKeypoints({chosen[0]: tracks[0]})  # one track for one person: the user's choice
        lacking = chosen
    else:
        lacking = [index for index in chosen if job.detector is not None or people[index].keypoints is None]
        tracks = _detected(job, [people[index] for index in lacking], video, step) if lacking else []
    if not tracks:
        unused = Note("detector-model-unused", "--detector-model is not used: nothing had to be detected", "warning")
        return FoundKeypoints(notes=(unused,) if job.detector_model else ())
    return match_people(people, lacking, tracks, body, video=video, focal_px=job.focal_px)


def read_keypoints(
    path: Path, *, convention: str | None, calibration: Path | None, image_size: tuple[int, int] | None
) -> list[KeypointTrack]:
    """Everybody in a keypoint file or folder; with a calibration, everybody whom two of its cameras see.

    Raises:
        InputError: As for `load_tracks` and `triangulate_people`.
    """
    if calibration is not None:
        return triangulate_people(path, calibration, convention=convention)
    return load_tracks(path, convention=convention, image_size=image_size)


def _detected(job: Job, people: list[Estimate], video: VideoInfo | None, step: Step | None) -> list[KeypointTrack]:
    """Everybody detected in the frames of these people; nobody if there is no video.

    If no detector was asked for and the default one cannot be started, the error first says how to give keypoints.
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
