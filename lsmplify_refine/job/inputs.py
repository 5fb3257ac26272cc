"""Inputs of the engine: estimates with keypoints, camera and frame rate, checked against the video."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.projection import default_intrinsics
from lsmplify_refine.job.before_camera import check_before_camera
from lsmplify_refine.job.lens import Lens
from lsmplify_refine.job.rates import stated_rate
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.options import DEFAULT_FPS
from lsmplify_refine.safe_load import trust_notes
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.ranges import check_range
from lsmplify_refine.visual.video import VideoInfo, probe

#: Pixels that a video may differ from the intrinsics' image: w = 2 cx is often a rounded cx.
_SIZE_TOLERANCE_PX = 2
#: Of a frame rate as a fraction: 30000 / 1001.
_MAX_DENOMINATOR = 1001
#: Share by which the file's frame rate may differ from the video's without a note.
_FPS_TOLERANCE = 0.01


class OpenedVideo(NamedTuple):
    """The video of a job, None if there is none, and notes on it."""

    info: VideoInfo | None
    notes: tuple[Note, ...] = ()


def open_video(estimates: list[Estimate], video: Path | None, *, shown: bool, needed: bool = True) -> OpenedVideo:
    """Open the given video, or else the one beside the results, and check it against the parameters.

    Args:
        estimates: Everybody in the file.
        video: What the user gave.
        shown: Whether a comparison video is wanted. If not, an unfit video that only lies beside the results is
            ignored.
        needed: Whether a video that is given or shown must be fit; if not, an unfit one is ignored.

    Raises:
        InputError: The video cannot be read, or has another length than the parameters or another size than
            the intrinsics.
    """
    path = video or next((estimate.video for estimate in estimates if estimate.video), None)
    if path is None:
        return OpenedVideo(None)
    try:
        info = _timed(probe(path), estimates)
        _check_length(estimates, info)
        for estimate in estimates:
            _check_size(estimate, info)
    except InputError as error:
        if needed and (shown or video is not None):
            raise
        which = "the video beside the input" if video is None else "the video"
        note = Note("video-ignored", f"{which} is ignored: {error}", "warning")
        return OpenedVideo(None, (note,))
    return OpenedVideo(info)


def _timed(info: VideoInfo, estimates: list[Estimate]) -> VideoInfo:
    """A folder of images has the rate of the results, if they state one."""
    rate = next((estimate.fps for estimate in estimates if estimate.fps is not None), None)
    if info.timed or rate is None:
        return info
    fps = Fraction(rate).limit_denominator(_MAX_DENOMINATOR)
    return replace(info, fps=fps, duration_s=float(info.frames / fps))


def complete(
    estimate: Estimate,
    *,
    video: VideoInfo | None,
    track: KeypointTrack | None = None,
    focal_px: float | None = None,
) -> Estimate:
    """Fill in keypoints, camera and frame rate. The notes say what had to be assumed.

    Args:
        estimate: One person, as read.
        video: The video, if there is one.
        track: Keypoints that replace the estimate's own.
        focal_px: Focal length in pixels that replaces the file's.

    Raises:
        InputError: Something that the engine needs is missing or contradicts something else.
    """
    given = estimate.keypoints if track is None else track.keypoints
    if given is None:
        raise no_keypoints(estimate, "or --video FILE, in which they are then detected")
    if track is not None and stated_rate(estimate, video) is None and track.fps is not None:
        text = f"the file states no frame rate; it is taken for that of the keypoints, {track.fps:g} fps"
        estimate = estimate.replace(fps=track.fps, notes=(*estimate.notes, Note("fps-from-keypoints", text)))
    placed = place(estimate, video=video, focal_px=focal_px, needed=not given.is_3d)
    keypoints = given if track is None else track.at(placed.frame_ids, placed.fps)
    check_keypoints(keypoints, len(placed))
    whole = placed.replace(keypoints=keypoints, notes=(*placed.notes, *trust_notes()))
    check_before_camera(whole)
    return whole


def place(
    estimate: Estimate, *, video: VideoInfo | None, focal_px: float | None = None, needed: bool = True
) -> Estimate:
    """Fill in camera and frame rate.

    Args:
        estimate: One person, as read.
        video: The video, if there is one.
        focal_px: Focal length in pixels that replaces the file's.
        needed: Whether the camera is needed; if not, it may stay None.

    Raises:
        InputError: The camera is needed, and there is neither a camera nor a video; or the focal length is impossible.
    """
    estimate = Lens(focal_px).put_on(estimate)
    camera, camera_notes = _camera(estimate, video, focal_px, needed=needed)
    fps, fps_notes = _frame_rate(estimate, video)
    return estimate.replace(camera=camera, fps=fps, notes=(*estimate.notes, *camera_notes, *fps_notes))


def with_size(estimate: Estimate, size: tuple[int, int] | None, focal_px: float | None) -> Estimate:
    """The estimate with the user's image size, for a camera that lacks it or that it gives."""
    if size is None:
        return estimate
    if estimate.camera is not None:
        known = estimate.camera.image_size
        if known is not None and max(abs(known[0] - size[0]), abs(known[1] - size[1])) > _SIZE_TOLERANCE_PX:
            raise InputError(
                f"--image-size {size[0]}x{size[1]}: the intrinsics in {estimate.source} are for {known[0]}x{known[1]}; "
                "leave it out"
            )
        return estimate.replace(camera=Camera(estimate.camera.K, known or size))
    camera, note = assumed_camera(size, len(estimate), focal_px, estimate.focal_sides)
    return estimate.replace(camera=camera, notes=(*estimate.notes, note))


def in_space(estimate: Estimate) -> bool:
    """Whether the estimate has 3D keypoints."""
    return estimate.keypoints is not None and estimate.keypoints.is_3d


def no_keypoints(estimate: Estimate, instead: str) -> InputError:
    """The error for an estimate without keypoints; `instead` says how else to get some."""
    return InputError(
        f"{estimate.source}: no keypoints in it or beside it; give --keypoints FILE (OpenPose, COCO, AlphaPose, "
        f"MMPose, EasyMocap or MediaPipe JSON, .trc, .c3d, .npy, .pt, .npz, .csv), {instead}"
    )


def check_keypoints(keypoints: Keypoints, frames: int) -> None:
    """Check keypoints against the number of frames.

    Raises:
        InputError: The numbers of frames differ.
    """
    where = keypoints.source or "keypoints"
    if len(keypoints.positions) != frames:
        raise InputError(
            f"{where}: has keypoints for {len(keypoints.positions)} frames, the parameters have {frames}; "
            "give keypoints of the same frames"
        )


def _check_length(estimates: list[Estimate], info: VideoInfo) -> None:
    needed = max(int(estimate.frame_ids.max()) for estimate in estimates) + 1
    # if the file numbers its frames, people may leave before the video ends
    numbered = any(not np.array_equal(e.frame_ids, np.arange(len(e))) for e in estimates)
    if info.frames < needed or (info.frames > needed and not numbered):
        relation = "shorter" if info.frames < needed else "longer"
        raise InputError(
            f"{info.path}: {relation} than the parameters: the video has {info.frames} frames, "
            f"{estimates[0].source} has {needed}; give the video that the estimate was made from"
        )


def _check_size(estimate: Estimate, info: VideoInfo) -> None:
    stated = estimate.camera.image_size if estimate.camera else None
    if stated and max(abs(info.width - stated[0]), abs(info.height - stated[1])) > _SIZE_TOLERANCE_PX:
        raise InputError(
            f"{info.path}: the video is {info.width}x{info.height}, the intrinsics in {estimate.source} are "
            f"for {stated[0]}x{stated[1]}; give the video that the estimate was made from"
        )


def _camera(
    estimate: Estimate, video: VideoInfo | None, focal_px: float | None, *, needed: bool
) -> tuple[Camera | None, list[Note]]:
    """The camera with the image size filled in, and notes; None if there is none and none is needed."""
    if focal_px is not None:
        check_range("focal_px", focal_px)
    camera = estimate.camera
    size = (video.width, video.height) if video else camera.image_size if camera else None
    if camera is None:
        if not needed and (size is None or estimate.frame == "world"):
            return None, []
        if size is None:
            raise InputError(
                f"{estimate.source}: no camera in it; give --video, whose image size is needed, or --image-size WxH"
            )
        assumed, note = assumed_camera(size, len(estimate), focal_px, estimate.focal_sides)
        return assumed, [note]
    return Camera(camera.K, size), []


def assumed_camera(
    size: tuple[int, int], frames: int, focal_px: float | None, sides: float | None = None
) -> tuple[Camera, Note]:
    """The camera of images without intrinsics, and a note on its focal length.

    Args:
        size: (width, height) in pixels.
        frames: Number of frames.
        focal_px: The user's focal length.
        sides: The estimator's own rule, over the longer side of the image; None for the image diagonal.
    """
    K = default_intrinsics(*size, frames, focal_px or (sides and sides * max(size)))
    rule = f"{sides:.3g} times the longer side, the estimator's own" if sides else "the image diagonal"
    origin = "from --focal-px" if focal_px else f"{rule}; --focal-px sets another"
    text = f"the file has no intrinsics; focal length {K[0, 0, 0]:.0f} px ({origin})"
    return Camera(K, size), Note("focal-length-assumed", text, "info" if focal_px or sides else "warning")


def _frame_rate(estimate: Estimate, video: VideoInfo | None) -> tuple[float, list[Note]]:
    """The video's rate, since a row is a video frame; GVHMR's files state 30 fps for any video."""
    if video is not None and video.timed:
        rate = float(video.fps)
        if estimate.fps is None or abs(estimate.fps - rate) <= _FPS_TOLERANCE * rate:
            return rate, []
        text = f"the file says {estimate.fps:g} fps, the video {rate:.4g}; the video's rate is used"
        return rate, [Note("fps-from-video", text)]
    if estimate.fps is not None:
        return estimate.fps, []
    text = f"neither the file nor a video file gives a frame rate; {DEFAULT_FPS:g} fps assumed"
    return DEFAULT_FPS, [Note("fps-assumed", text, "warning")]
