"""Frame rates of a result and its keypoints: numbers that contradict each other are a question, not a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.options import DEFAULT_FPS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.visual.video import VideoInfo

#: Usual frame rates of videos; the numbers of frames of one take at two of them have these ratios.
_USUAL_FPS = (24, 25, 30, 50, 60, 120, 240)
#: Smaller differences of the counts come from lost frames.
_MIN_DIFFERENCE = 0.15
_RATIOS = sorted({a / b for a in _USUAL_FPS for b in _USUAL_FPS if abs(a / b - 1) > _MIN_DIFFERENCE})
#: Max relative difference from such a ratio, and in frames.
_SAME_RATIO, _SAME_FRAMES = 0.01, 1.5
#: Max relative difference of rates that count as equal (29.97 and 30).
_SAME_RATE = 0.01
#: Shorter results have ratios of any kind by chance, frames.
_MIN_FRAMES = 20


def with_rate(people: Sequence[Estimate], fps: float | None) -> list[Estimate]:
    """The people at the user's frame rate, if there is one."""
    return list(people) if fps is None else [person.replace(fps=fps) for person in people]


def video_with_rate(video: VideoInfo | None, fps: float | None) -> VideoInfo | None:
    """The video at the user's frame rate, if there is one."""
    if video is None or fps is None:
        return video
    return replace(video, fps=Fraction(fps).limit_denominator(10_000), timed=True)


def stated_rate(estimate: Estimate, video: VideoInfo | None) -> float | None:
    """The frame rate that the video or the file states; None if neither does."""
    return float(video.fps) if video is not None and video.timed else estimate.fps


def tracks_in_time(
    tracks: Sequence[KeypointTrack],
    people: Sequence[Estimate],
    rate: float | None,
    keypoint_fps: float | None,
    video_frames: int | None = None,
) -> list[KeypointTrack]:
    """The tracks in the frames of the people.

    Args:
        tracks: Everybody in the keypoint file.
        people: Everybody in the result.
        rate: The result's frame rate; None if neither the file, nor a video, nor the user states one.
        keypoint_fps: The keypoints' frame rate as the user says; None for the file's.
        video_frames: Number of frames of the video, if there is one; people of the result may leave before its end.

    Raises:
        InputError: The rates are not known, and the numbers of frames do not fit each other.
    """
    if keypoint_fps is not None:
        here = DEFAULT_FPS if rate is None else rate
        told = [replace(track, fps=keypoint_fps) for track in tracks]
        if abs(keypoint_fps - here) <= _SAME_RATE * here:
            return told
        frames = np.unique(np.concatenate([person.frame_ids for person in people]))
        return _in_frames(told, frames, here)
    _check_stated(tracks, people, rate)
    _check_counts(tracks, people, video_frames)
    return list(tracks)


def _in_frames(tracks: Sequence[KeypointTrack], frames: np.ndarray, fps: float) -> list[KeypointTrack]:
    """The tracks interpolated to these frames of another rate; who is not seen in any of them is left out."""
    found, problem = [], InputError("")
    for track in tracks:
        try:
            keypoints = track.at_times(frames, fps)
        except InputError as error:  # seen at another time
            problem = error
            continue
        found.append(replace(track, keypoints=keypoints, frame_ids=frames, numbered=True, fps=fps))
    if not found:
        raise problem
    return found


def _check_stated(tracks: Sequence[KeypointTrack], people: Sequence[Estimate], rate: float | None) -> None:
    stated = tracks[0].fps
    if rate is not None or stated is None or all(len(track) == len(people[0]) for track in tracks):
        return
    source = tracks[0].keypoints.source
    raise InputError(
        f"{source}: {stated:g} fps and {len(tracks[0])} frames, but {people[0].source} has {len(people[0])} frames and "
        f"states no rate; give the result's rate: --fps {stated:g} if both show the same frames"
    )


def _check_counts(tracks: Sequence[KeypointTrack], people: Sequence[Estimate], video_frames: int | None) -> None:
    """Check that numbered keypoints without a rate are not of a take at another rate."""
    if tracks[0].fps is not None or not tracks[0].numbered:
        return
    whole = all(np.array_equal(person.frame_ids, np.arange(len(person))) for person in people)
    if video_frames is None and not whole:
        return  # the result numbers the frames of a longer video
    rows = video_frames or max(len(person) for person in people)
    first, last = min(int(track.frame_ids[0]) for track in tracks), max(int(track.frame_ids[-1]) for track in tracks)
    counts = {last + 1 - min(first, 1), last - first + 1}  # frames count from 0 or 1, or from elsewhere
    ratio = next((each for each in _RATIOS for count in counts if _is_ratio(count, rows, each)), None)
    if rows < _MIN_FRAMES or ratio is None:
        return
    raise InputError(
        f"{tracks[0].keypoints.source}: {last - first + 1} frames, but {people[0].source} has {rows}: a ratio of "
        f"{ratio:.3g}, as at another frame rate; give the keypoints' rate, as in --keypoint-fps 60 (the result's own "
        "rate if both show the same frames)"
    )


def _is_ratio(count: int, rows: int, ratio: float) -> bool:
    return abs(count - ratio * rows) <= max(_SAME_FRAMES, _SAME_RATIO * count)
