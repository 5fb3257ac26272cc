"""Read what the viewer shows: a result, the input that it was refined from, and the report beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.load_save import load
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.view.build import Tracks, clips_of, spaces_of
from lsmplify_refine.view.clip import Clip, Space
from lsmplify_refine.view.keypoints import with_keypoints
from lsmplify_refine.view.report import Report
from lsmplify_refine.visual.video import probe


def read_clips(
    result: Path,
    *,
    before: Path | None = None,
    video: Path | None = None,
    space: Space | None = None,
    body: BodyModel | None = None,
    format: str | None = None,
    keypoints: Path | None = None,
    keypoint_convention: str | None = None,
) -> tuple[Clip, ...]:
    """Read a scene in all coordinates that it has.

    Args:
        result: Any file or folder that `load` reads, refined or not.
        before: The input that it was refined from; by default what the report beside `result` names.
        video: Its video; by default the one beside the files, or the report's.
        space: Coordinates; by default all that the result has, the world's first.
        body: The body model to show; by default the open body.
        format: Of `result`, as in `load`; by default as the report says, else recognised by content.
        keypoints: A file with the 2D keypoints of the only person; by default those of the result or its input.
        keypoint_convention: Convention of these keypoints, if their file does not state it.

    Raises:
        InputError: A file cannot be read, or does not hold these coordinates.
    """
    report = Report.beside(result)
    # a result in its input's format needs the options that the input needed
    after = load(result, format=format or report.format_of_result())
    spaces = spaces_of(after)
    if space == "camera" and "camera" not in spaces:
        raise InputError(f"{result}: is in world coordinates and holds no camera; leave out --space camera")
    source = before or (None if report.is_of_fit else report.path("input", result))
    # the report's format is the input's, also for files that are not recognised by content
    earlier = load(source, format=None if before else report.text("format")) if source is not None else []
    notes: list[str] = []
    if earlier and not {person.track_id for person in after} & {person.track_id for person in earlier}:
        notes.append(f"{source}: holds nobody with a name of the result; the input is not shown")
    if video is None:
        video = _video_beside([*after, *earlier], report, result, notes)
    if keypoints is not None or _reported_keypoints(report, result) is not None:
        convention = keypoint_convention or report.text("keypoint_convention")
        after = _add_keypoints(after, keypoints, convention, report, result, notes)
    by_name = {person.track_id: person for person in earlier}
    tracks = Tracks(result.name, after, by_name, report, body, video, tuple(notes))
    return clips_of(tracks, spaces if space is None else (space,))


def _video_beside(people: Sequence[Estimate], report: Report, result: Path, notes: list[str]) -> Path | None:
    """The video beside the files, else the one that the report names; one that cannot be read is not needed."""
    path = next((person.video for person in people if person.video is not None), None) or report.path("video", result)
    try:
        if path is not None:
            probe(path)
    except InputError as error:
        notes.append(f"{error}; the video is not shown")
        return None
    return path


def _reported_keypoints(report: Report, result: Path) -> Path | None:
    """The keypoint file that a report names; that of `fit` is its input."""
    return report.path("input" if report.is_of_fit else "keypoints", result)


def _add_keypoints(
    after: list[Estimate], asked: Path | None, convention: str | None, report: Report, result: Path, notes: list[str]
) -> list[Estimate]:
    """The people with the keypoints that were asked for, or else that the report names."""
    path = asked or _reported_keypoints(report, result)
    # of several cameras, or at a rate of their own, they are not in this picture's pixels and frames
    if path is None or (asked is None and (report.settings.get("calibration") or report.settings.get("keypoint_fps"))):
        return after
    try:
        found = with_keypoints(after[0], path, convention) if len(after) == 1 else None
    except InputError as error:
        if asked is not None:
            raise
        notes.append(f"{error}; the keypoints are not shown")
        return after
    if found is None:
        notes.append(f"{path}: the keypoints are not shown: they must be in 2D, and result and file of one person")
        return after
    return [found]
