"""What a batch would do, clip by clip, without doing it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lsmplify_refine.batch.fingerprint import given_paths
from lsmplify_refine.batch.record import load_record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.errors import InputError, describe_error
from lsmplify_refine.formats.load_save import load
from lsmplify_refine.values.estimate import Estimate


@dataclass(frozen=True)
class Line:
    """The plan for one clip.

    Attributes:
        name: The clip's name.
        kind: Whether it is done, would be done, or cannot be done as it is.
        what: In words.
    """

    name: str
    kind: Literal["to do", "done", "cannot"]
    what: str


def plan(rows: Iterable[Row], settings: Settings) -> Iterator[Line]:
    """The plan for each clip; its result is read, its keypoints and its video are not.

    Args:
        rows: The clips.
        settings: Of the batch.
    """
    for row in rows:
        if not settings.force and settings.is_done(row, load_record(settings.output, row.name), video=False):
            yield Line(row.name, "done", "done already")
        else:
            yield _line(row, settings)


def _line(row: Row, settings: Settings) -> Line:
    try:
        job = settings.job(row)
        missing = [path for path in given_paths(job) if not path.exists()]
        if missing:
            return Line(row.name, "cannot", f"{missing[0]}: no such file or folder")
        people = load(job.input, format=job.format)
    except InputError as error:
        return Line(row.name, "cannot", describe_error(error))
    keypoints = _keypoints(job.keypoints, people, detector=job.detector, video=job.video)
    count = f"{len(people)} people" if len(people) > 1 else "1 person"
    frames = sum(map(len, people))
    if keypoints is None:
        return Line(row.name, "cannot", f"{row.input}: {count}, {frames} frames, no keypoints and no video")
    return Line(row.name, "to do", f"{people[0].format}, {count}, {frames} frames, keypoints {keypoints}")


def _keypoints(given: Path | None, people: list[Estimate], *, detector: str | None, video: Path | None) -> str | None:
    """Where the keypoints come from, in words; None if there are none."""
    if given is not None:
        return f"from {given.name}"
    video = video or people[0].video
    if detector is None and all(person.keypoints is not None for person in people):
        return "of its own"
    return None if video is None else f"detected in {video.name}"
