"""AthletePose3D: 3D keypoints of motion capture, seen by the camera of a video.

Beside `<clip>.mp4` lie `<clip>.json` (`cam`, `fps`, `video_width`, `video_height`), and `<clip>_h36m.npy`, points
(T, 17, 3) in a world. `cam_param.json` holds the cameras: rows 2 and 3 of `extrinsic_matrix` are negated, `xyz` is the
camera's centre, in a part of the set in millimetres while the points are in metres. Some videos are turned by 90
degrees against their calibration. Source: utils/demo.py of calvinyeungck/AthletePose3D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lsmplify_refine.datasets.truth import Truth, check_options
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.leaves import number_of
from lsmplify_refine.keypoint_files.track import cleaned
from lsmplify_refine.safe_load import load_json, load_npy, to_numpy
from lsmplify_refine.values.camera import Camera

_MM_PER_M = 1000.0
#: Larger than any athlete in metres, smaller than any in millimetres.
_MAX_BODY_M = 10.0
#: No camera of a recording is as far away, metres; in millimetres every one is "further".
_MAX_DISTANCE_M = 300.0
#: `R_video_calibration` of a video turned by 90 degrees: pixel (u, v) becomes (v, width - u).
_QUARTER_TURN = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class View:
    """The camera of a video.

    Attributes:
        rotation: `R_camera_world`.
        centre: Of the camera, in the world, metres.
        K: Intrinsics of the video, pixels.
        size: (width, height) of the video.
    """

    rotation: Float[np.ndarray, "3 3"]
    centre: Float[np.ndarray, " 3"]
    K: Float[np.ndarray, "3 3"]
    size: tuple[int, int]


def read(path: Path, options: Mapping[str, str]) -> list[Truth]:
    """Read the athlete's joints in Human3.6M's order, in the camera's axes.

    Args:
        path: `data/<split>_set/<subject>/<clip>.json`.
        options: None.

    Raises:
        InputError: Files or keys are missing, or have another shape.
    """
    check_options("athletepose3d", options, ())
    clip = load_json(path)
    if not isinstance(clip, dict):
        raise InputError(f"{path}: not the .json of a clip of AthletePose3D")
    file = path.with_name(f"{path.stem}_h36m.npy")
    points = to_numpy(load_npy(file))
    if points is None or points.ndim != 3 or points.shape[1:] != (17, 3) or not len(points):
        raise InputError(f"{file}: expected points (T, 17, 3)")
    points = in_metres(points.astype(np.float64))
    view = view_of(clip, points, path)
    seen = np.einsum("ij,tkj->tki", view.rotation, points - view.centre)
    confidence = np.isfinite(seen).all(-1).astype(np.float32)
    camera = Camera(np.tile(view.K, (len(points), 1, 1)), view.size)
    return [
        Truth(
            np.arange(len(points)),
            len(points),
            "camera",
            points=cleaned("h36m17", np.nan_to_num(seen), confidence, file.name),
            fps=number_of(clip.get("fps")),
            camera=camera,
            source=file,
        )
    ]


def in_metres(points: Float[np.ndarray, "frames joints 3"]) -> Float[np.ndarray, "frames joints 3"]:
    """Points of an athlete in metres, from metres or millimetres.

    Args:
        points: (T, K, 3) in metres or millimetres; NaN where a point is missing.
    """
    size = np.nanmedian(np.nanmax(points, axis=1) - np.nanmin(points, axis=1), axis=0).max()
    return points if size < _MAX_BODY_M else points / _MM_PER_M


def view_of(clip: Mapping[str, Any], points: Float[np.ndarray, "frames joints 3"], path: Path) -> View:
    """The camera of a clip.

    Args:
        clip: Its .json.
        points: Its points, metres.
        path: The .json; `cam_param.json` lies in a folder above it.

    Raises:
        InputError: The camera is missing or incomplete, or the video's size does not fit its calibration.
    """
    file = next((folder / "cam_param.json" for folder in path.parents if (folder / "cam_param.json").is_file()), None)
    if file is None:
        raise InputError(f"{path}: no cam_param.json in a folder above it")
    cameras, name = load_json(file), str(clip.get("cam"))
    found = cameras.get(name) if isinstance(cameras, dict) else None
    if not isinstance(found, dict):
        raise InputError(f"{file}: no camera {name}, which {path.name} names")
    values = {}
    for key, shape in (("affine_intrinsics_matrix", (3, 3)), ("extrinsic_matrix", (3, 3)), ("xyz", (3,))):
        array = to_numpy(found.get(key))
        if array is None or array.size != np.prod(shape) or not np.isfinite(array).all():
            raise InputError(f"{file}: {name}: {key}: expected {shape} numbers")
        values[key] = array.reshape(shape).astype(np.float64)
    K, rotation, centre = values.values()
    rotation[1:] *= -1
    if np.linalg.norm(centre - np.nanmedian(points, axis=(0, 1))) > _MAX_DISTANCE_M:
        centre = centre / _MM_PER_M
    width, height = (number_of(clip.get(f"video_{side}")) for side in ("width", "height"))
    if width is None or height is None:
        raise InputError(f"{path}: video_width, video_height: missing; they tell whether the video is turned")
    return _as_in_video(View(rotation, centre, K, (int(width), int(height))))


def _as_in_video(view: View) -> View:
    """The camera, turned with its video if the video is turned against the calibration."""
    width, height = view.size
    centre = view.K[:2, 2]
    as_it_is, turned = (np.abs(centre - np.array(size) / 2).sum() for size in ((width, height), (height, width)))
    if as_it_is <= turned:
        return view
    # the calibrated image is as wide as the video is high
    K = np.array([[view.K[1, 1], 0.0, centre[1]], [0.0, view.K[0, 0], height - centre[0]], [0.0, 0.0, 1.0]])
    return View(_QUARTER_TURN @ view.rotation, view.centre, K, view.size)
