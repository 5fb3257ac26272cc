"""The page of a job: its report as HTML, to look at. A failure does not affect the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from lsmplify_refine.errors import InputError, describe_error
from lsmplify_refine.job.job import Job, JobOptions, Outcome, Outputs
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo


@dataclass(frozen=True)
class DrawnPage:
    """A page, as far as it could be drawn.

    Attributes:
        html: The page, or None.
        notes: What could not be drawn, and why.
        error: Why there is no page.
    """

    html: str | None
    notes: tuple[Note, ...] = ()
    error: Exception | None = None


def check_scene(job: JobOptions) -> None:
    """Check that the scene can be drawn, if one is wanted.

    Raises:
        InputError: viser is missing.
    """
    if job.scene and job.write_page and find_spec("viser") is None:
        raise InputError("--scene: needs viser; pip install 'lsmplify-refine[view]', or leave it out")


def draw_page(
    report: Mapping[str, Any], job: JobOptions, outcome: Outcome, staging: Outputs, canvas: VideoInfo | None
) -> DrawnPage:
    """Draw the page.

    Args:
        report: The JSON report.
        job: The options.
        outcome: What the job did; the comparison video is not among its outputs if it was not drawn.
        staging: The outputs where they are now.
        canvas: The video.
    """
    scene, notes = _scene(job, outcome, staging, canvas) if job.scene else (None, ())
    outputs = outcome.outputs
    try:
        from lsmplify_refine.pages.clip import Beside, clip_page  # matplotlib takes a second to import
        from lsmplify_refine.pages.film import Film

        beside = Beside(
            results=outputs.results.name,
            report=outputs.report.name,
            more=[path.name for path in (*outputs.more, *outputs.snapshots)],
            comparison=outputs.comparison.name if outputs.comparison else None,
            film=Film.of(staging.comparison) if outputs.comparison and staging.comparison else None,
            scene=scene,
        )
        return DrawnPage(clip_page(report, beside), notes)
    # libraries that draw may raise any error, and none may cost the results
    except Exception as error:
        text = f"no HTML report, only the JSON one: {describe_error(error)}"
        return DrawnPage(None, (Note("page-failed", text, "warning"),), error)


def _scene(
    job: JobOptions, outcome: Outcome, staging: Outputs, canvas: VideoInfo | None
) -> tuple[str | None, tuple[Note, ...]]:
    """The motion in 3D as a page of its own; None and a note if it cannot be drawn."""
    try:
        from lsmplify_refine.view.page import scene_html
        from lsmplify_refine.view.read import read_clips

        body = outcome.refinements[0].after.body
        clips = read_clips(
            staging.results,
            before=job.input if isinstance(job, Job) else None,
            video=None if canvas is None else canvas.path,
            body=None if body.is_open else body,
        )
        return scene_html(clips), ()
    # as above
    except Exception as error:
        return None, (Note("scene-failed", f"no 3D scene in the HTML report: {describe_error(error)}", "warning"),)
