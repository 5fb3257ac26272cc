"""The comparison video of a job: decide whether to draw it, and draw it. A failure does not affect the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.errors import describe_error
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.job.inputs import OpenedVideo, in_space
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo

if TYPE_CHECKING:
    from lsmplify_refine.visual.comparison import DrawnPerson


def video_to_draw_on(video: VideoInfo | None, people: Iterable[Estimate]) -> OpenedVideo:
    """The video for the comparison, or None and a note that says why there is none.

    Args:
        video: The job's video, if there is one.
        people: The people to refine, with their keypoints.
    """
    if video is None:
        text = "no comparison video: no video lies beside the input; give one with --video"
        return OpenedVideo(None, (Note("video-not-drawn", text),))
    if any(person.frame == "world" and in_space(person) for person in people):
        text = (
            "no comparison video: the result is in world coordinates, and 3D keypoints do not show where the camera is"
        )
        return OpenedVideo(None, (Note("video-not-drawn", text),))
    return OpenedVideo(video)


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


def draw(
    video: VideoInfo, output: Path, refinements: Sequence[Refinement], progress: Callable[[int, int], None] | None
) -> Exception | None:
    """Draw the comparison video, whole or not at all.

    Returns:
        The error that stopped it, of whatever type; None if the video was written.
    """
    try:
        from lsmplify_refine.visual.comparison import write_comparison  # only drawing needs it

        write_comparison(video, output, [_drawn(refinement) for refinement in refinements], progress=progress)
    # decoders, encoders and drivers may raise any error, and none may cost the results
    except Exception as error:
        output.unlink(missing_ok=True)
        return error
    return None


def failure_note(error: Exception) -> Note:
    """The note on a comparison video that could not be drawn."""
    return Note("video-failed", f"no comparison video, only results and report: {describe_error(error)}", "warning")


def _drawn(refinement: Refinement) -> DrawnPerson:
    """A refinement as the comparison video takes it; 3D keypoints are projected into the image."""
    from lsmplify_refine.visual.comparison import DrawnPerson

    camera, keypoints = refinement.camera, refinement.keypoints
    assert camera is not None  # see video_to_draw_on
    if keypoints.is_3d:
        keypoints = replace(keypoints, positions=project_to_image(keypoints.positions, camera.K))
    decisions = zip(refinement.status, refinement.reasons, strict=True)
    return DrawnPerson(
        frame_ids=refinement.estimate.frame_ids,
        faces=refinement.before.body.faces,
        before=refinement.before.vertices,
        after=refinement.after.vertices,
        K=camera.K,
        keypoints=keypoints,
        captions=["" if status == "accepted" else f"{status}: {reason}" for status, reason in decisions],
    )
