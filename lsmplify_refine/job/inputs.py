"""What goes into the engine: estimates with keypoints, camera and frame rate, checked against the video."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.projection import default_intrinsics
from lsmplify_refine.keypoint_files import KeypointTrack, load_tracks
from lsmplify_refine.keypoint_files.multi_view import triangulate_files
from lsmplify_refine.options import DEFAULT_FPS
from lsmplify_refine.safe_load import trust_notes
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo, probe

#: Pixels that a video may differ from the intrinsics' image: w = 2 cx is often a rounded cx.
SIZE_TOLERANCE_PX = 2


def choose_people(estimates: list[Estimate], person: str) -> list[int]:
    """Indices of the people to refine: everybody for "all", else the one whose `track_id` is `person`.

    Raises:
        InputError: Nobody has that id.
    """
    if person == "all":
        return list(range(len(estimates)))
    chosen = [index for index, estimate in enumerate(estimates) if estimate.track_id == person]
    if not chosen:
        known = ", ".join(estimate.track_id for estimate in estimates)
        raise InputError(f"--person {person}: nobody in {estimates[0].source} has that id; known: {known}, all")
    return chosen


def open_video(estimates: list[Estimate], video: Path | None, *, shown: bool) -> tuple[VideoInfo | None, list[Note]]:
    """The video given, or else the one that lies beside the results, checked against the parameters.

    Args:
        estimates: Everybody in the file.
        video: What the user gave.
        shown: Whether a comparison video is wanted. Where it is not, a video that merely lies beside the
            results may be unreadable, or another one.

    Returns:
        The video, or None where there is none, and notes.

    Raises:
        InputError: The video cannot be read, or has another length than the parameters or another size than
            the intrinsics.
    """
    path = video or next((estimate.video for estimate in estimates if estimate.video), None)
    if path is None:
        return None, []
    must_fit = shown or video is not None
    try:
        info = probe(path)
        _check_length(estimates, info)
        for estimate in estimates:
            _check_size(estimate, info)
    except InputError as error:
        if must_fit:
            raise
        return None, [Note("video-ignored", f"the video beside the input was left aside: {error}", "warning")]
    return info, []


def read_keypoints(
    path: Path, *, convention: str | None, calibration: Path | None, image_size: tuple[int, int] | None
) -> list[KeypointTrack]:
    """Everybody in a keypoint file or folder; with a calibration, the one person whom its cameras see.

    Raises:
        InputError: As for `load_tracks` and `triangulate_files`.
    """
    if calibration is not None:
        return [triangulate_files(path, calibration, convention=convention)]
    return load_tracks(path, convention=convention, image_size=image_size)


def complete(
    estimate: Estimate,
    *,
    video: VideoInfo | None,
    keypoints: Keypoints | None = None,
    focal_px: float | None = None,
) -> Estimate:
    """Fill in keypoints, camera and frame rate, and say in the notes what had to be assumed.

    Args:
        estimate: One person, as read.
        video: The video, if there is one.
        keypoints: Keypoints that replace the estimate's own.
        focal_px: Focal length in pixels that replaces the file's.

    Raises:
        InputError: Something that the engine needs is missing, or contradicts something else.
    """
    keypoints = keypoints or estimate.keypoints
    if keypoints is None:
        raise no_keypoints(estimate, "or --video FILE, in which they are then detected")
    check_keypoints(keypoints, len(estimate))
    camera, camera_notes = _camera(estimate, video, focal_px, needed=not keypoints.is_3d)
    fps, fps_notes = _frame_rate(estimate, video)
    return estimate.replace(
        keypoints=keypoints,
        camera=camera,
        fps=fps,
        notes=(*estimate.notes, *camera_notes, *fps_notes, *trust_notes()),
    )


def place(estimate: Estimate, *, video: VideoInfo | None, focal_px: float | None = None) -> Estimate:
    """Fill in what it takes to tell where in the image the estimate is: camera and frame rate.

    Raises:
        InputError: There is neither a camera nor a video.
    """
    camera, _ = _camera(estimate, video, focal_px, needed=True)
    return estimate.replace(camera=camera, fps=_frame_rate(estimate, video)[0])


def no_keypoints(estimate: Estimate, instead: str) -> InputError:
    """The error of an estimate without keypoints; `instead` says how else to come by them."""
    return InputError(
        f"{estimate.source}: no keypoints in it or beside it; give --keypoints FILE (OpenPose, COCO, AlphaPose, "
        f"MMPose, EasyMocap or MediaPipe JSON, .trc, .c3d, .npy, .pt, .npz, .csv), {instead}"
    )


def check_keypoints(keypoints: Keypoints, frames: int) -> None:
    """Check keypoints against the number of frames, and that what counts is finite.

    Raises:
        InputError: The numbers of frames differ, or a point with confidence above 0 is NaN or infinite.
    """
    where = keypoints.source or "keypoints"
    if len(keypoints.positions) != frames:
        raise InputError(
            f"{where}: has keypoints for {len(keypoints.positions)} frames, the parameters have {frames}; "
            "give keypoints of the same frames"
        )
    finite = np.isfinite(keypoints.positions).all(axis=-1) & np.isfinite(keypoints.confidence)
    bad = ~finite & ~(keypoints.confidence <= 0)
    if bad.any():
        row, point = (int(index) for index in np.argwhere(bad)[0])
        name = CONVENTIONS[keypoints.convention].points[point]
        raise InputError(
            f"{where}: {int(bad.sum())} keypoints are NaN or infinite (first: {name} in frame {row}); "
            "set the confidence of missing points to 0"
        )


def _check_length(estimates: list[Estimate], info: VideoInfo) -> None:
    needed = max(int(estimate.frame_ids.max()) for estimate in estimates) + 1
    # where the file numbers its frames, people may well leave before the video ends
    numbered = any(not np.array_equal(e.frame_ids, np.arange(len(e))) for e in estimates)
    if info.frames < needed or (info.frames > needed and not numbered):
        relation = "shorter" if info.frames < needed else "longer"
        raise InputError(
            f"{info.path}: {relation} than the parameters: the video has {info.frames} frames, "
            f"{estimates[0].source} has {needed}; give the very video that was estimated from"
        )


def _check_size(estimate: Estimate, info: VideoInfo) -> None:
    stated = estimate.camera.image_size if estimate.camera else None
    if stated and max(abs(info.width - stated[0]), abs(info.height - stated[1])) > SIZE_TOLERANCE_PX:
        raise InputError(
            f"{info.path}: the video is {info.width}x{info.height}, the intrinsics in {estimate.source} are "
            f"for {stated[0]}x{stated[1]}; give the very video that was estimated from"
        )


def _camera(
    estimate: Estimate, video: VideoInfo | None, focal_px: float | None, *, needed: bool
) -> tuple[Camera | None, list[Note]]:
    """The camera to use, with the size of the image filled in, and notes; None where there is none nor needed."""
    camera = estimate.camera
    size = (video.width, video.height) if video else camera.image_size if camera else None
    if camera is None:
        if not needed and (size is None or estimate.frame == "world"):
            return None, []
        if size is None:
            raise InputError(f"{estimate.source}: no camera in it; give --video, whose size is needed")
        K = default_intrinsics(*size, len(estimate), focal_px)
        origin = "from --focal-px" if focal_px else "the image diagonal; --focal-px sets another"
        text = f"the file has no intrinsics; focal length {K[0, 0, 0]:.0f} px ({origin})"
        return Camera(K, size), [Note("focal-length-assumed", text, "info" if focal_px else "warning")]
    if focal_px is None:
        return Camera(camera.K, size), []
    K = camera.K.copy()
    K[:, 0, 0] = K[:, 1, 1] = focal_px
    stored = float(np.median(camera.K[:, 0, 0]))
    text = f"--focal-px {focal_px:g} replaces the file's focal length of {stored:.0f} px"
    return Camera(K, size), [Note("focal-length-replaced", text)]


def _frame_rate(estimate: Estimate, video: VideoInfo | None) -> tuple[float, list[Note]]:
    """The video's rate, since a row is a video frame; files of GVHMR say 30 whatever the video's rate is."""
    if video is not None:
        rate = float(video.fps)
        differs = estimate.fps is not None and abs(estimate.fps - rate) > 0.01 * rate
        if not differs:
            return rate, []
        text = f"the file says {estimate.fps:g} fps, the video {rate:.4g}; the video counts"
        return rate, [Note("fps-from-video", text)]
    if estimate.fps is not None:
        return estimate.fps, []
    text = f"neither the file nor a video gives a frame rate; {DEFAULT_FPS:g} fps assumed"
    return DEFAULT_FPS, [Note("fps-assumed", text, "warning")]
