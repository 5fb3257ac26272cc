"""Read what the viewer shows: a result, the input that it was refined from, and the report beside it."""

from __future__ import annotations

from pathlib import Path

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.load_save import load
from lsmplify_refine.view.build import Tracks, clips_of, spaces_of
from lsmplify_refine.view.clip import Clip, Space
from lsmplify_refine.view.report import Report


def read_clips(
    result: Path,
    *,
    before: Path | None = None,
    video: Path | None = None,
    space: Space | None = None,
    body: BodyModel | None = None,
    format: str | None = None,
) -> tuple[Clip, ...]:
    """Read a scene in all coordinates that it has.

    Args:
        result: Any file or folder that `load` reads, refined or not.
        before: The input that it was refined from; by default what the report beside `result` names.
        video: Its video; by default the one beside the files, or the report's.
        space: Coordinates; by default all that the result has, the world's first.
        body: The body model to show; by default the open body.
        format: Of `result`, as in `load`.

    Raises:
        InputError: A file cannot be read, or does not hold these coordinates.
    """
    after = load(result, format=format)
    report = Report.beside(result)
    spaces = spaces_of(after)
    if space == "camera" and "camera" not in spaces:
        raise InputError(f"{result}: is in world coordinates and holds no camera; leave out --space camera")
    source = before or report.source(result)
    # the report's format is the input's, also for files that are not recognised by content
    earlier = load(source, format=None if before else report.text("format")) if source is not None else []
    tracks = Tracks(
        result.name,
        after,
        {person.track_id: person for person in earlier},
        report,
        body,
        video or after[0].video or (earlier[0].video if earlier else None) or _video(report, result),
    )
    return clips_of(tracks, spaces if space is None else (space,))


def _video(report: Report, result: Path) -> Path | None:
    """The video that a report names, beside the result or where it was."""
    named = report.text("video")
    if named is None:
        return None
    return next((path for path in (result.parent / Path(named).name, Path(named)) if path.exists()), None)
