"""The comparison video of a job: decide whether to draw it, and draw it. A failure does not affect the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.errors import InputError, describe_error
from lsmplify_refine.job.inputs import OpenedVideo, in_space
from lsmplify_refine.job.job import Outputs
from lsmplify_refine.options import VideoLayout, VideoOptions
from lsmplify_refine.timing import timed
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.ranges import check_range
from lsmplify_refine.visual.video import VideoInfo

#: Layouts that show two bodies, and no third.
_OF_TWO: tuple[VideoLayout, ...] = ("wipe", "world")


def check_video_options(options: VideoOptions, video: VideoInfo | None) -> None:
    """Check what is asked of the comparison video.

    Args:
        options: What is asked.
        video: The job's video, if there is one.

    Raises:
        InputError: The options contradict each other, or the video has no such frame.
    """
    if options.as_read and options.video_layout in _OF_TWO:
        raise InputError(f"--as-read: --layout {options.video_layout} shows two bodies; leave one of them out")
    if options.only_worst is not None:
        check_range("only_worst", options.only_worst)
    beyond = [frame for frame in options.snapshot if video is not None and not 0 <= frame < video.frames]
    if beyond and video is not None:
        raise InputError(f"--snapshot {beyond[0]}: {video.path} has frames 0 to {video.frames - 1}; give one of them")


def video_to_draw_on(
    video: VideoInfo | None, people: Iterable[Estimate], layout: VideoLayout = "side-by-side"
) -> OpenedVideo:
    """The video for the comparison, or None and a note that says why there is none.

    Args:
        video: The job's video, if there is one.
        people: The people to refine, with their keypoints.
        layout: How they will be shown.
    """
    people = list(people)
    if video is None:
        return _not_drawn("no video lies beside the input; give one with --video")
    if layout == "world":
        if all(person.has_world for person in people):
            return OpenedVideo(video)
        return _not_drawn("--layout world needs a result in world coordinates, and this one has none; choose another")
    if any(person.frame == "world" and in_space(person) for person in people):
        return _not_drawn(
            "the result is in world coordinates, and 3D keypoints do not show where the camera is; --layout world "
            "shows it there"
        )
    return OpenedVideo(video)


def _not_drawn(why: str) -> OpenedVideo:
    return OpenedVideo(None, (Note("video-not-drawn", f"no comparison video: {why}"),))


def way_to_draw() -> tuple[Exception | None, tuple[Note, ...]]:
    """What shows before the work: the error that keeps meshes from being drawn, and a note if OpenGL does not draw."""
    try:
        from lsmplify_refine.visual.mesh import MeshRenderer  # only drawing needs it

        with MeshRenderer() as renderer:
            why = renderer.without_gl
    # drivers and their Python bindings may raise any error
    except Exception as error:
        return error, ()
    text = f"the comparison video is drawn on the CPU: {why}"
    return None, (Note("video-on-cpu", text),) if why else ()


@timed("drawing the video")
def draw(
    video: VideoInfo,
    outputs: Outputs,
    refinements: Sequence[Refinement],
    options: VideoOptions,
    progress: Callable[[int, int], None] | None = None,
) -> Exception | None:
    """Draw the comparison video and the snapshots, each whole or not at all.

    Args:
        video: The clip.
        outputs: The files to write: the video, if there is one, and the snapshots.
        refinements: Everybody.
        options: What is shown.
        progress: Called with (frames done, frames in all).

    Returns:
        The error that stopped it, of whatever type; None if all was written.
    """
    snapshots = dict(zip(dict.fromkeys(options.snapshot), outputs.snapshots))
    try:
        # only drawing needs them
        from lsmplify_refine.job.drawn import drawn_people
        from lsmplify_refine.visual.comparison import write_comparison

        people = drawn_people(refinements, in_world=options.video_layout == "world")
        write_comparison(
            video,
            outputs.comparison,
            people,
            layout=options.video_layout,
            as_read=options.as_read,
            only_worst=options.only_worst,
            snapshots=snapshots,
            progress=progress,
        )
    # decoders, encoders and drivers may raise any error, and none may cost the results
    except Exception as error:
        for path in (outputs.comparison, *outputs.snapshots):
            if path is not None:
                path.unlink(missing_ok=True)
        return error
    return None


def failure_note(error: Exception) -> Note:
    """The note on a comparison video that could not be drawn."""
    return Note("video-failed", f"no comparison video, only results and report: {describe_error(error)}", "warning")
