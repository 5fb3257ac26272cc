"""The second half of every run: do the work, write all results together, draw the video, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.job.draw import draw, failure_note, way_to_draw
from lsmplify_refine.job.job import JobOptions, Notify, Outcome, Outputs, Progress
from lsmplify_refine.job.keypoints import Step
from lsmplify_refine.job.outputs import staged
from lsmplify_refine.job.page import check_scene, draw_page
from lsmplify_refine.job.report import build_report, write_report
from lsmplify_refine.pages.base import write_page
from lsmplify_refine.stopping import check
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo


@dataclass(frozen=True)
class Plan:
    """What a run is about to do.

    Attributes:
        outputs: The files to write, the comparison video included.
        canvas: The video to draw on; None to draw none.
        notes: What is known before the work.
        device: The torch device.
    """

    outputs: Outputs
    canvas: VideoInfo | None
    notes: tuple[Note, ...]
    device: str


def carry_out(
    job: JobOptions,
    plan: Plan,
    work: Callable[[], Sequence[Refinement]],
    write: Callable[[Outputs], tuple[Note, ...]],
    *,
    progress: Progress | None,
    notify: Notify | None,
) -> Outcome:
    """Do the work and write its outputs, all of them or none.

    Args:
        job: The options.
        plan: What is about to be done.
        work: Does the work.
        write: Writes the results of the work to the hidden paths that it is given, and returns notes.
        progress: Called after each step of the drawing.
        notify: Called with notes that the user should read at once.

    Raises:
        InputError: The outputs cannot be written.
        Stopped: A signal arrived, see `stopping.watched`.
    """
    outputs, canvas = plan.outputs, plan.canvas
    check()
    check_scene(job)
    with staged(
        outputs,
        overwrite=job.overwrite,
        video=_has_video(job, canvas),
        page=job.write_page,
        snapshots=canvas is not None,
    ) as staging:
        video_error, drawing_notes = way_to_draw() if canvas else (None, ())
        _told(video_error, notify)  # now, not after the work
        refinements = tuple(work())
        check()
        notes = [*plan.notes, *drawing_notes, *write(staging)]
        if canvas and not video_error:
            error = draw(canvas, staging, refinements, job, step_of(progress, "rendering"))
            video_error = _told(error, notify)
        check()
        if video_error:
            notes.append(failure_note(video_error))
        if video_error or not canvas:
            outputs = outputs.without_pictures()
        if not job.write_video:
            outputs = outputs.without_comparison()
        if not job.write_page:
            outputs = outputs.without_page()
        outcome = Outcome(refinements, outputs, tuple(dict.fromkeys(notes)), video_error)
        outcome = _reported(job, plan, outcome, staging, notify)
        check()
    return outcome


def _has_video(job: JobOptions, canvas: VideoInfo | None) -> bool:
    """Whether a comparison video is written; snapshots of it need none."""
    return job.write_video and canvas is not None


def step_of(progress: Progress | None, stage: str) -> Step:
    """What a stage calls after each step: the run may be stopped there."""

    def step(done: int, total: int) -> None:
        check()
        if progress:
            progress(stage, done, total)

    return step


def _reported(job: JobOptions, plan: Plan, outcome: Outcome, staging: Outputs, notify: Notify | None) -> Outcome:
    """Write the report, and its page if one is wanted."""
    report = build_report(job, outcome, device=plan.device)
    write_report(report, staging.report)
    if outcome.outputs.page and staging.page:
        page = draw_page(report, job, outcome, staging, plan.canvas)
        if page.html is not None:
            write_page(page.html, staging.page)
        if page.notes:
            outputs = outcome.outputs if page.html is not None else outcome.outputs.without_page()
            notes = (*outcome.notes, *page.notes)
            outcome = replace(outcome, outputs=outputs, notes=notes, page_error=page.error)
            write_report(build_report(job, outcome, device=plan.device), staging.report)
        if notify:
            for note in page.notes:
                notify(note)
    gone = (path for path in plan.outputs.all if path not in outcome.outputs.all and path.exists())
    return replace(outcome, removed=tuple(gone) if job.overwrite else ())


def _told(error: Exception | None, notify: Notify | None) -> Exception | None:
    """Notify the user of an error, if there is one, and return it."""
    if error and notify:
        notify(failure_note(error))
    return error
