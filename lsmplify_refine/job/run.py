"""What the command does, for Python too: read, check, refine, write results, report and comparison video."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.export import export
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.job.inputs import choose_people, complete, open_video
from lsmplify_refine.job.job import Job, Outcome, Progress
from lsmplify_refine.job.keypoints import find_keypoints
from lsmplify_refine.job.outputs import name_outputs, staged
from lsmplify_refine.job.people import sides_note
from lsmplify_refine.job.report import build_report, write_report
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.options import DEFAULT_FPS, SMOOTH_SECONDS, Align, Device, Mode
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.gl import choose_gl_platform
from lsmplify_refine.visual.video import VideoInfo

if TYPE_CHECKING:
    from lsmplify_refine.visual.comparison import DrawnPerson


def run(job: Job, *, progress: Progress | None = None) -> Outcome:
    """Do the whole job; all files are written, or none.

    Raises:
        InputError: Something in the input, the options or the surroundings does not allow it.
    """
    device = choose_device(job.device)
    if job.keypoints is not None and job.detector is not None:
        raise InputError(f"--keypoints {job.keypoints} and --detector {job.detector}: give one of them")
    people = load_save.load(job.input, format=job.format)
    chosen = choose_people(people, job.person)
    _check_output_format(job, people, chosen)
    video, video_notes = open_video(people, job.video, shown=job.write_video)
    body = open_body(job, people[chosen[0]])
    step = partial(progress, "detecting") if progress else None
    given, matched = find_keypoints(job, people, chosen, video, body, step)
    # of several people some may have no keypoints: they go through as they are
    chosen = [index for index in chosen if not given or index in given or people[index].keypoints is not None]
    wanted = _completed(job, people, chosen, video, given)
    tracks = given.values()
    mappings = [track.mapping(body.point_origins(track.keypoints.convention)).note() for track in tracks]
    sides = [note for person in wanted for note in sides_note(person, body)]
    shown, shown_notes = _video_to_show(job, video, wanted)
    origins = [note for track in tracks for note in track.notes]
    notes = list(dict.fromkeys([*video_notes, *shown_notes, *origins, *matched, *mappings, *sides]))
    if shown is not None:
        choose_gl_platform()  # better told now than after the work
    outputs = name_outputs(people[0].source or job.input, job.output, video=shown is not None, format=job.output_format)
    with staged(outputs, overwrite=job.overwrite) as staging:
        refinements = _refine(job, body, device, wanted, progress)
        if job.output_format is not None:
            notes += export(refinements[0].refined, staging.results, job.output_format, body=body)
        else:
            refined = dict(zip(chosen, (refinement.refined for refinement in refinements), strict=True))
            load_save.save([refined.get(index, person) for index, person in enumerate(people)], staging.results)
        if shown is not None and staging.comparison is not None:
            _write_video(shown, staging.comparison, refinements, progress)
        outcome = Outcome(tuple(refinements), outputs, tuple(notes))
        write_report(build_report(job, outcome, device=device), staging.report)
    return outcome


def refine(
    estimate: Estimate,
    *,
    body: BodyModel | None = None,
    device: str = "cpu",
    smooth_seconds: float = SMOOTH_SECONDS,
    align: Align = "auto",
    weights: Path | str = "shipped",
    mode: Mode = "plug-in",
    passes: int = 1,
) -> Refinement:
    """Refine one person's track; for several tracks on one body, keep a `Refiner`.

    A camera or frame rate that the estimate lacks comes from the video beside it; the notes of the result's
    `estimate` say what was assumed.

    Args:
        estimate: As `load` gives it, with keypoints.
        body: The body model; the open one if not given.
        device: "cpu", "cuda" or "mps".
        smooth_seconds: Standard deviation of the low-pass on the correction; 0 fits each frame on its own.
        align: How 3D keypoints come into the estimate's frame (see `engine.align.align`).
        weights: The regressor's: "shipped", "none", or a file (see `Refiner`).
        mode: "plug-in" or "sequential" (see `Refiner`).
        passes: How often the regressor is applied.

    Raises:
        InputError: It has no keypoints, or for 2D ones neither a camera nor a video.
    """
    video, notes = open_video([estimate], None, shown=False)
    whole = complete(estimate.replace(notes=(*estimate.notes, *notes)), video=video)
    refiner = Refiner(
        body, device=device, smooth_seconds=smooth_seconds, align=align, weights=weights, mode=mode, passes=passes
    )
    return refiner.refine(whole)


def choose_device(device: Device) -> str:
    """The torch device: what was asked for, or for "auto" CUDA where there is one, else the CPU.

    Raises:
        InputError: The device asked for is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if not there[device]:
        raise InputError(f"--device {device}: torch {torch.__version__} finds none here; use --device cpu")
    return device


def open_body(job: Job, estimate: Estimate) -> BodyModel:
    """The user's body model, or else the open one.

    Raises:
        InputError: The body model cannot be loaded, or a gender is asked of the open body.
    """
    if job.body_model is not None:
        return BodyModel.load(job.body_model, gender=job.gender or estimate.gender)
    if job.gender is not None:
        raise InputError(
            f"--gender {job.gender}: the open body has no genders; give your SMPL-family file as --body-model"
        )
    return BodyModel.open()


def _check_output_format(job: Job, people: list[Estimate], chosen: list[int]) -> None:
    if job.output_format is not None and len(chosen) > 1:
        ids = ", ".join(person.track_id for person in people)
        raise InputError(f"--output-format {job.output_format}: a file holds one person; choose one: --person {ids}")


def _completed(
    job: Job, people: list[Estimate], chosen: list[int], video: VideoInfo | None, tracks: dict[int, KeypointTrack]
) -> list[Estimate]:
    rates = {index: float(video.fps) if video else people[index].fps or DEFAULT_FPS for index in tracks}
    given = {index: track.at(people[index].frame_ids, rates[index]) for index, track in tracks.items()}
    wanted = [
        complete(people[index], video=video, keypoints=given.get(index), focal_px=job.focal_px) for index in chosen
    ]
    if job.align != "auto" and not all(_in_space(person) for person in wanted):
        raise InputError(f"--align {job.align}: the keypoints are 2D, and only 3D ones are aligned; leave it out")
    return wanted


def _in_space(estimate: Estimate) -> bool:
    return estimate.keypoints is not None and estimate.keypoints.is_3d


def _refine(
    job: Job, body: BodyModel, device: str, people: list[Estimate], progress: Progress | None
) -> list[Refinement]:
    step = partial(progress, "refining") if progress else None
    refiner = Refiner(
        body,
        device=device,
        smooth_seconds=job.smooth_seconds,
        align=job.align,
        weights=job.weights,
        mode=job.mode,
        passes=job.passes,
        progress=step,
    )
    return [refiner.refine(person) for person in people]


def _write_video(video: VideoInfo, output: Path, refinements: list[Refinement], progress: Progress | None) -> None:
    from lsmplify_refine.visual.comparison import write_comparison  # refining alone needs nothing that draws

    step = partial(progress, "rendering") if progress else None
    write_comparison(video, output, [_shown(refinement) for refinement in refinements], progress=step)


def _shown(refinement: Refinement) -> DrawnPerson:
    """A refinement as the comparison video wants it; 3D keypoints as the camera sees them."""
    from lsmplify_refine.visual.comparison import DrawnPerson

    camera, keypoints = refinement.camera, refinement.keypoints
    assert camera is not None  # see _video_to_show
    if keypoints.is_3d:
        keypoints = replace(keypoints, positions=project_to_image(keypoints.positions, camera.K))
    flagged = zip(refinement.status, refinement.reasons, strict=True)
    return DrawnPerson(
        frame_ids=refinement.estimate.frame_ids,
        faces=refinement.before.body.faces,
        before=refinement.before.vertices,
        after=refinement.after.vertices,
        K=camera.K,
        keypoints=keypoints,
        captions=["" if status == "accepted" else f"{status}: {reason}" for status, reason in flagged],
    )


def _video_to_show(job: Job, video: VideoInfo | None, wanted: list[Estimate]) -> tuple[VideoInfo | None, list[Note]]:
    """The video to draw on, and why there is none where one was wanted."""
    if not job.write_video:
        return None, []
    if video is None:
        text = "no comparison video: no video lies beside the input; give one with --video"
        return None, [Note("video-not-drawn", text)]
    if any(person.frame == "world" and _in_space(person) for person in wanted):
        text = (
            "no comparison video: the result is in world coordinates, which 3D keypoints do not place before the camera"
        )
        return None, [Note("video-not-drawn", text)]
    return video, []
