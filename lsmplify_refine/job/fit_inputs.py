"""Inputs of `fit`: which tracks, which of their frames, at which rate, through which camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from lsmplify_refine.errors import InputError
from lsmplify_refine.job.inputs import assumed_camera
from lsmplify_refine.job.job import FitJob
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.options import DEFAULT_FPS
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo

#: Tracks without ids that are shorter than this are left out beside longer ones: detectors see ghosts, seconds.
_SHORT_SECONDS = 0.5
#: Longer gaps without any keypoint are left out of the result, shorter ones are bridged, seconds.
_GAP_SECONDS = 1.0
#: Rates that differ by less are the same, as a share.
SAME_RATE = 0.01


@dataclass(frozen=True)
class FitPerson:
    """One person to fit.

    Attributes:
        track: As read.
        keypoints: The rows to fit.
        frame_ids: Frame number of each row.
        fps: Frames per second.
        camera: Of 2D keypoints; None for 3D ones.
    """

    track: KeypointTrack
    keypoints: Keypoints
    frame_ids: Int[np.ndarray, " frames"]
    fps: float
    camera: Camera | None


def frame_rate(job: FitJob, tracks: Sequence[KeypointTrack], video: VideoInfo | None) -> tuple[float, tuple[Note, ...]]:
    """The rate, and notes on it.

    That is the user's, else for 2D keypoints the video's, whose frames they are. For 3D keypoints it is the file's,
    else the video's. Without any it is 30 fps, with a warning.
    """
    if job.fps is not None:
        return job.fps, ()
    stated, rate = tracks[0].fps, None if video is None else float(video.fps)
    if stated is not None and (rate is None or tracks[0].keypoints.is_3d):
        return stated, ()
    if rate is None:
        text = f"the keypoint file states no frame rate; {DEFAULT_FPS:g} fps assumed; --fps sets another"
        return DEFAULT_FPS, (Note("fps-assumed", text, "warning"),)
    if stated is not None and abs(stated - rate) > SAME_RATE * rate:
        text = f"the keypoints have {stated:g} fps, the video {rate:.4g}; they are interpolated to its frames"
        return rate, (Note("keypoints-interpolated", text),)
    return rate, ()


def lasting(tracks: Sequence[KeypointTrack], fps: float) -> tuple[list[KeypointTrack], tuple[Note, ...]]:
    """The tracks but for short ones without ids, unless all are short; a note names those."""
    is_short = [not track.identified and _seen(track).sum() < _SHORT_SECONDS * fps for track in tracks]
    if all(is_short) or not any(is_short):
        return list(tracks), ()
    ids = [track.person for track, short in zip(tracks, is_short) if short]
    text = f"{len(ids)} people are seen for less than {_SHORT_SECONDS:g} s and left out (ids: {', '.join(ids[:12])}); "
    long = [track for track, short in zip(tracks, is_short) if not short]
    return long, (Note("keypoints-doubtful", f"{text}--person ID fits one of them", "warning"),)


def fit_people(
    tracks: Sequence[KeypointTrack],
    fps: float,
    focal_px: float | None,
    *,
    size: tuple[int, int] | None,
    video: VideoInfo | None,
) -> tuple[list[FitPerson], tuple[Note, ...]]:
    """The people to fit, and notes on their keypoints and cameras.

    Args:
        tracks: The people's tracks.
        fps: Frames per second.
        focal_px: The user's focal length.
        size: (width, height) of 2D keypoints' images.
        video: The video whose frames 2D keypoints are.

    Raises:
        InputError: 2D keypoints come without an image size, or do not fit the video.
    """
    people: list[FitPerson] = []
    notes: list[Note] = []
    for track in tracks:
        notes += [_for_fit(note) for note in track.notes if note.code != "keypoints-interpolated"]
        keypoints, ids = _rows(track, fps, video)
        camera = None
        if not keypoints.is_3d:
            if size is None:
                raise InputError(
                    f"{keypoints.source}: 2D keypoints need the size of the image; give --video, or --image-size WxH "
                    "and --focal-px"
                )
            camera, note = assumed_camera(size, len(ids), focal_px)
            notes.append(note)
        people.append(FitPerson(track, keypoints, ids, fps, camera))
    return people, tuple(dict.fromkeys(notes))


def _for_fit(note: Note) -> Note:
    if note.code == "landmarks-not-placed":
        return Note(note.code, "MediaPipe's world landmarks do not say where the person is: the hips stay in one place")
    return note


def _seen(track: KeypointTrack) -> Bool[np.ndarray, " frames"]:
    seen: np.ndarray = np.any(track.keypoints.confidence > 0, axis=1)
    return seen


def _rows(track: KeypointTrack, fps: float, video: VideoInfo | None) -> tuple[Keypoints, Int[np.ndarray, " rows"]]:
    """The rows from the first to the last frame with keypoints, without long gaps, and their frame numbers."""
    if not _seen(track).any():
        raise InputError(f"{track.keypoints.source}: no keypoint has any confidence; nothing to fit")
    ids = track.frame_ids[_seen(track)]
    keypoints, numbers = track.keypoints, track.frame_ids
    if video is not None:
        if not track.numbered and len(track) != video.frames:
            raise InputError(
                f"{track.keypoints.source}: has keypoints for {len(track)} frames, {video.path} has {video.frames}; "
                "give the keypoints of this video"
            )
        numbers = np.arange(video.frames)
        keypoints = track.at(numbers, fps)
        ids = numbers[np.any(keypoints.confidence > 0, axis=1)]
    wanted = _bridged(ids, fps)
    return replace(track, keypoints=keypoints, frame_ids=numbers).rows(wanted), wanted


def _bridged(seen: Int[np.ndarray, " seen"], fps: float) -> Int[np.ndarray, " frames"]:
    """Ascending frame numbers with those of short gaps."""
    long = np.flatnonzero(np.diff(seen) > _GAP_SECONDS * fps + 1) + 1
    return np.concatenate([np.arange(run[0], run[-1] + 1) for run in np.split(seen, long)])
