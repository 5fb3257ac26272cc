"""Run a job, for the command and for Python: read, choose people, find keypoints, check, refine, write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.export import SEVERAL_PEOPLE
from lsmplify_refine.job.draw import check_video_options, video_to_draw_on
from lsmplify_refine.job.exports import plan_exports, write_exports
from lsmplify_refine.job.finish import Plan, carry_out, step_of
from lsmplify_refine.job.inputs import OpenedVideo, complete, in_space, open_video, place, with_size
from lsmplify_refine.job.job import Job, Notify, Outcome, Outputs, Progress
from lsmplify_refine.job.keypoints import find_keypoints
from lsmplify_refine.job.lens import Lens, fitted_lens
from lsmplify_refine.job.outputs import name_outputs
from lsmplify_refine.job.people import FoundKeypoints, choose_people
from lsmplify_refine.job.rates import video_with_rate, with_rate
from lsmplify_refine.job.tools import Tools
from lsmplify_refine.options import Align, Device, Mode
from lsmplify_refine.stopping import check
from lsmplify_refine.timing import timed
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo


@timed("in all")
def run(
    job: Job,
    *,
    progress: Progress | None = None,
    notify: Notify | None = None,
    tools: Tools | None = None,
    needs_video: bool = True,
) -> Outcome:
    """Do the whole job. All outputs are written, or none is.

    If the comparison video alone cannot be drawn, the outcome has a `video_error`, and a note says why.

    Args:
        job: What to do.
        progress: Called after each step of the slow stages.
        notify: Called with notes that the user should read at once.
        tools: Opened bodies and refiners, if many jobs share them.
        needs_video: Whether a video that cannot be used is an error; if not, it is left out, and a note says why.

    Raises:
        InputError: The input, the options or this machine do not allow it.
        Stopped: A signal arrived, see `stopping.watched`.
    """
    check()
    device = choose_device(job.device)
    if job.keypoints is not None and job.detector is not None:
        raise InputError(f"--keypoints {job.keypoints} and --detector {job.detector}: give one of them")
    with timed("reading"):
        read = with_rate(load_save.load(job.input, format=job.format), job.fps)
    check()
    chosen = choose_people(read, job.person, in_keypoints=job.keypoints is not None)
    _check_output_format(job, read, chosen)
    video = open_video(read, job.video, shown=job.draws, needed=needs_video)
    video = OpenedVideo(video_with_rate(video.info, job.fps), video.notes)
    check_video_options(job, video.info)
    size = _image_size(job, video.info)
    tools = tools or Tools()
    lens = Lens(job.focal_px, size)
    body = tools.body(job, read[chosen[0]])

    def under(lens: Lens) -> list[Estimate]:
        """Everybody under a lens, posed."""
        seen = [with_size(lens.put_on(person), None if video.info else size, job.focal_px) for person in read]
        return _posed(job, seen, video.info, lambda: tools.refiner(body, device, job.as_keywords()))

    people = under(lens)
    with timed("finding keypoints"):
        found = find_keypoints(job, people, chosen, video.info, body, step_of(progress, "detecting"))
    fitted = fitted_lens(lens, read, found.tracks, chosen, body)
    if fitted != lens:
        lens, people = fitted, under(fitted)
    wanted = _complete_all(job, people, chosen, video.info, found)
    canvas = video_to_draw_on(video.info, wanted.values(), job.video_layout) if job.draws else OpenedVideo(None)
    outputs = name_outputs(people[0].source or job.input, job.output, snapshots=job.snapshot)
    exports = plan_exports(outputs.results.stem, job.formats, {index: people[index].track_id for index in wanted})
    notes = (*video.notes, *canvas.notes, *_keypoint_notes(found, body))
    plan = Plan(outputs.of([file.name for file in exports]), canvas.info, notes, device)
    refinements: dict[int, Refinement] = {}

    @timed("refining")
    def work() -> list[Refinement]:
        refiner = tools.refiner(body, device, job.as_keywords())
        refiner.progress = step_of(progress, "refining")
        refinements.update({index: refiner.refine(person) for index, person in wanted.items()})
        return list(refinements.values())

    @timed("writing results")
    def write(staging: Outputs) -> tuple[Note, ...]:
        if exports:
            return write_exports(exports, staging.results.parent, refinements, body)
        refined = {index: refinement.refined for index, refinement in refinements.items()}
        written = [refined.get(index, person) for index, person in enumerate(people)]
        load_save.save([lens.take_off(*pair) for pair in zip(written, read, strict=True)], staging.results)
        return ()

    return carry_out(job, plan, work, write, progress=progress, notify=notify)


def refine(
    estimate: Estimate,
    *,
    body: BodyModel | None = None,
    device: str = "cpu",
    smooth_seconds: float | None = None,
    align: Align = "auto",
    weights: Path | str = "shipped",
    mode: Mode = "plug-in",
    passes: int = 1,
) -> Refinement:
    """Refine one person's track; for several tracks on one body, keep a `Refiner`.

    A missing camera or frame rate comes from the video beside the estimate's file. The notes of the result's
    `estimate` say what was assumed.

    Args:
        estimate: As `load` gives it, with keypoints.
        body: The body model; the open one if not given.
        device: "cpu", "cuda" or "mps".
        smooth_seconds: See `RefineOptions`, as for all that follow.
        align: How 3D keypoints are brought into the estimate's frame.
        weights: Weights of the regressor.
        mode: Where a frame starts.
        passes: How often the regressor is applied.

    Raises:
        InputError: It has no keypoints, or 2D ones and neither a camera nor a video.
    """
    video = open_video([estimate], None, shown=False)
    whole = complete(estimate.replace(notes=(*estimate.notes, *video.notes)), video=video.info)
    refiner = Refiner(
        body, device=device, smooth_seconds=smooth_seconds, align=align, weights=weights, mode=mode, passes=passes
    )
    return refiner.refine(whole)


def choose_device(device: Device) -> str:
    """The torch device: the one asked for, or for "auto" CUDA if there is one, else the CPU.

    Raises:
        InputError: The device asked for is missing.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if not there[device]:
        raise InputError(f"--device {device}: torch {torch.__version__} finds none here; use --device cpu")
    return device


def _image_size(job: Job, video: VideoInfo | None) -> tuple[int, int] | None:
    """Width and height of the images, from the video or else from the user."""
    if video is None:
        return job.image_size
    if job.image_size not in (None, (video.width, video.height)):
        width, height = job.image_size or (0, 0)
        raise InputError(
            f"--image-size {width}x{height}: {video.path} is {video.width}x{video.height}; leave the option out"
        )
    return video.width, video.height


def _posed(
    job: Job, people: list[Estimate], video: VideoInfo | None, open_refiner: Callable[[], Refiner]
) -> list[Estimate]:
    """The people, posed if their file holds keypoints instead of parameters, and other keypoints are to be matched."""
    if all(person.posed for person in people) or (job.keypoints is None and job.detector is None):
        return people
    refiner = open_refiner()
    rates = [place(person, video=video, needed=False).fps for person in people]
    return [refiner.posed(person.replace(fps=fps)).replace(fps=person.fps) for person, fps in zip(people, rates)]


def _check_output_format(job: Job, people: list[Estimate], chosen: list[int]) -> None:
    single = [format for format in job.formats if format not in SEVERAL_PEOPLE]
    if single and len(chosen) > 1:
        ids = ", ".join(person.track_id for person in people)
        raise InputError(f"--output-format {single[0]}: a file holds one person; choose one: --person {ids}")


def _complete_all(
    job: Job, people: list[Estimate], chosen: list[int], video: VideoInfo | None, found: FoundKeypoints
) -> dict[int, Estimate]:
    """The people to refine by index, completed and checked."""
    # some of several people may have no keypoints: they stay as read
    wanted = {
        index: complete(people[index], video=video, track=found.tracks.get(index), focal_px=job.focal_px)
        for index in chosen
        if not found.tracks or index in found.tracks or people[index].keypoints is not None
    }
    if job.align != "auto" and not all(map(in_space, wanted.values())):
        raise InputError(f"--align {job.align}: the keypoints are 2D, and only 3D ones are aligned; leave it out")
    return wanted


def _keypoint_notes(found: FoundKeypoints, body: BodyModel) -> list[Note]:
    """Notes on the found keypoints: their origin, their people, and their mapping to the body."""
    tracks = found.tracks.values()
    origins = [note for track in tracks for note in track.notes]
    mappings = [track.mapping(body.point_origins(track.keypoints.convention)).note() for track in tracks]
    return [*origins, *found.notes, *mappings]
