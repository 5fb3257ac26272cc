"""Run `fit`, for the command and for Python: keypoints alone in, SMPL parameters out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.engine.room import Room, room_of
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.draw import check_video_options
from lsmplify_refine.job.exports import plan_exports, write_exports
from lsmplify_refine.job.finish import Plan, carry_out, step_of
from lsmplify_refine.job.fit_inputs import SAME_RATE, FitPerson, fit_people, frame_rate, lasting
from lsmplify_refine.job.inputs import OpenedVideo
from lsmplify_refine.job.job import FitJob, Notify, Outcome, Outputs, Progress
from lsmplify_refine.job.keypoints import read_keypoints
from lsmplify_refine.job.outputs import name_outputs
from lsmplify_refine.job.run import choose_device
from lsmplify_refine.job.tools import Tools
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.keypoint_files.choose import choose_tracks
from lsmplify_refine.options import OutputFormat
from lsmplify_refine.stopping import check
from lsmplify_refine.timing import timed
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo, probe

#: Notes of the engine that say no more than that keypoints alone were fitted.
_SAID_BY_THE_VERB = ("keypoints-aligned", "shape-fitted")
_OPEN_SHAPE = Note(
    "shape-fitted",
    "the shape was fitted on the open body: bvh and glb have it, parameters of SMPL and SMPL-X the mean shape; with "
    "--body-model they have betas",
)


@dataclass(frozen=True)
class _Scene:
    """What is fitted.

    Attributes:
        people: By running number.
        room: Of 3D keypoints; None for 2D ones.
        canvas: The video to draw on; None to draw none.
        notes: What was read and assumed.
    """

    people: dict[int, FitPerson]
    room: Room | None
    canvas: VideoInfo | None
    notes: tuple[Note, ...]


@timed("in all")
def fit(job: FitJob, *, progress: Progress | None = None, notify: Notify | None = None) -> Outcome:
    """Fit everybody in a keypoint file. All outputs are written, or none is.

    If the video alone cannot be drawn, the outcome has a `video_error`, and a note says why.

    Args:
        job: What to do.
        progress: Called after each step of the slow stages.
        notify: Called with notes that the user should read at once.

    Raises:
        InputError: The keypoints, the options or this machine do not allow it.
        Stopped: A signal arrived, see `stopping.watched`.
    """
    check()
    device = choose_device(job.device)
    video = None if job.video is None else probe(job.video)
    check_video_options(job, video)
    size = (video.width, video.height) if video else job.image_size
    with timed("reading"):
        tracks = read_keypoints(
            job.input, convention=job.keypoint_convention, calibration=job.calibration, image_size=size
        )
    check()
    tools = Tools()
    body = tools.body(job)
    formats = job.formats or _default_formats(body, tracks)
    in_space = tracks[0].keypoints.is_3d
    _check_options(job, formats, in_space=in_space)
    scene = _scene(job, tracks, video, size, body)
    outputs = name_outputs(job.input, job.output, "fit", job.snapshot)
    ids = {index: person.track.person for index, person in scene.people.items()}
    exports = plan_exports(outputs.results.stem, formats, ids)
    plan = Plan(outputs.of([file.name for file in exports]), scene.canvas, scene.notes, device)
    fitted: dict[int, Refinement] = {}

    @timed("fitting")
    def work() -> list[Refinement]:
        refiner = tools.refiner(body, device, job.as_keywords())
        refiner.progress = step_of(progress, "fitting")
        fitted.update({index: _fit_person(refiner, person, scene.room) for index, person in scene.people.items()})
        return list(fitted.values())

    @timed("writing results")
    def write(staging: Outputs) -> tuple[Note, ...]:
        return write_exports(exports, staging.results.parent, fitted, body)

    return carry_out(job, plan, work, write, progress=progress, notify=notify)


def _default_formats(body: BodyModel, tracks: Sequence[KeypointTrack]) -> tuple[OutputFormat, ...]:
    """Parameters of the body's family; SMPL has no fingers, so those of SMPL-X if there are hands."""
    has_hands = any(CONVENTIONS[track.keypoints.convention].has_hands for track in tracks)
    return ("smplx-npz",) if body.family == "smplx" or has_hands else ("smpl-npz",)


def _check_options(job: FitJob, formats: Sequence[OutputFormat], *, in_space: bool) -> None:
    given = {"--focal-px": job.focal_px, "--image-size": job.image_size} if in_space else {
        "--units": job.units, "--up": job.up,
    }  # fmt: skip
    for option, value in given.items():
        if value is not None:
            where = "in space" if in_space else "in an image"
            raise InputError(f"{option}: {job.input} has keypoints {where}, which this does not apply to; leave it out")
    if in_space and "gvhmr" in formats:
        raise InputError(
            f"--output-format gvhmr: needs a camera, and {job.input} has keypoints in space; choose another format"
        )


def _scene(
    job: FitJob,
    tracks: Sequence[KeypointTrack],
    video: VideoInfo | None,
    size: tuple[int, int] | None,
    body: BodyModel,
) -> _Scene:
    in_space = tracks[0].keypoints.is_3d
    fps, rate_notes = frame_rate(job, tracks, video)
    chosen = choose_tracks(tracks, job.person, nearest_first=job.calibration is not None)
    chosen, left_out = lasting(chosen, fps)
    people, notes = fit_people(chosen, fps, job.focal_px, size=size, video=None if in_space else video)
    keypoints = [person.keypoints for person in people]
    room = room_of(keypoints, body, units=job.units, up=job.up) if in_space else None
    mappings = [track.mapping(body.point_origins(track.keypoints.convention)).note() for track in chosen]
    canvas = _canvas(job, video, fps, in_space=in_space)
    about_room = room.notes if room else ()
    said = (*left_out, *notes, *about_room, *rate_notes, *canvas.notes, *mappings)
    return _Scene(dict(enumerate(people)), room, canvas.info, said)


def _canvas(job: FitJob, video: VideoInfo | None, fps: float, *, in_space: bool) -> OpenedVideo:
    """The video to draw on, or a note that says why there is none."""
    if video is None or not job.draws:
        return OpenedVideo(None)
    if not in_space:
        return OpenedVideo(video)
    rate = float(video.fps)
    if job.video_layout != "world":
        text = "keypoints in space do not show where the camera is; --layout world shows them in their room"
    elif abs(fps - rate) > SAME_RATE * rate:
        text = f"the keypoints have {fps:g} fps, the video {rate:.4g}; give a video of their frames, or --fps"
    else:
        return OpenedVideo(video)
    return OpenedVideo(None, (Note("video-not-drawn", f"no video: {text}"),))


def _fit_person(refiner: Refiner, person: FitPerson, room: Room | None) -> Refinement:
    keypoints, ids = person.keypoints, person.frame_ids
    if room is None:
        found = refiner.fit(keypoints, camera=person.camera, fps=person.fps, frame_ids=ids)
    else:
        found = refiner.fit_in(room, keypoints, fps=person.fps, frame_ids=ids)
    named = {"track_id": person.track.person, "notes": ()}
    notes = [note for note in found.notes if note.code not in _SAID_BY_THE_VERB]
    if refiner.body.is_open:
        notes.append(_OPEN_SHAPE)
    return replace(
        found,
        estimate=found.estimate.replace(**named),
        refined=found.refined.replace(**named),
        # nothing was there before the fit
        metrics={"fitted": found.metrics["refined"]},
        notes=tuple(notes),
    )
