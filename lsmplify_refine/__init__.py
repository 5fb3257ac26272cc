"""Refine SMPL-family results of human mesh recovery estimators: same file back, better pose, no new jitter.

Names are imported on first use, so `import lsmplify_refine` and `lsmplify-refine --help` do not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lsmplify_refine._version import __version__

if TYPE_CHECKING:
    from lsmplify_refine.body import BodyModel
    from lsmplify_refine.detect import detect_keypoints
    from lsmplify_refine.engine.refinement import Refinement
    from lsmplify_refine.engine.refiner import Refiner
    from lsmplify_refine.engine.stream import Stream, StreamStep
    from lsmplify_refine.errors import InputError
    from lsmplify_refine.formats.load_save import load, save
    from lsmplify_refine.geometry.triangulation import triangulate
    from lsmplify_refine.job.run import refine
    from lsmplify_refine.keypoint_files import KeypointTrack, load_keypoints, load_tracks
    from lsmplify_refine.keypoint_files.cameras import load_calibration
    from lsmplify_refine.recorder import Recorder, Sam3dRecorder
    from lsmplify_refine.values.camera import CalibratedCamera, Camera
    from lsmplify_refine.values.estimate import Estimate
    from lsmplify_refine.values.keypoints import Keypoints
    from lsmplify_refine.values.notes import Note
    from lsmplify_refine.values.smpl_parameters import SmplParameters

__all__ = [
    "BodyModel",
    "CalibratedCamera",
    "Camera",
    "Estimate",
    "InputError",
    "KeypointTrack",
    "Keypoints",
    "Note",
    "Recorder",
    "Refinement",
    "Refiner",
    "Sam3dRecorder",
    "SmplParameters",
    "Stream",
    "StreamStep",
    "__version__",
    "detect_keypoints",
    "load",
    "load_calibration",
    "load_keypoints",
    "load_tracks",
    "refine",
    "save",
    "triangulate",
]

_HOME = {
    "BodyModel": "lsmplify_refine.body",
    "CalibratedCamera": "lsmplify_refine.values.camera",
    "Camera": "lsmplify_refine.values.camera",
    "Estimate": "lsmplify_refine.values.estimate",
    "InputError": "lsmplify_refine.errors",
    "KeypointTrack": "lsmplify_refine.keypoint_files",
    "Keypoints": "lsmplify_refine.values.keypoints",
    "Note": "lsmplify_refine.values.notes",
    "Recorder": "lsmplify_refine.recorder",
    "Refinement": "lsmplify_refine.engine.refinement",
    "Refiner": "lsmplify_refine.engine.refiner",
    "Sam3dRecorder": "lsmplify_refine.recorder",
    "SmplParameters": "lsmplify_refine.values.smpl_parameters",
    "Stream": "lsmplify_refine.engine.stream",
    "StreamStep": "lsmplify_refine.engine.stream",
    "detect_keypoints": "lsmplify_refine.detect",
    "load": "lsmplify_refine.formats.load_save",
    "load_calibration": "lsmplify_refine.keypoint_files.cameras",
    "load_keypoints": "lsmplify_refine.keypoint_files",
    "load_tracks": "lsmplify_refine.keypoint_files",
    "refine": "lsmplify_refine.job.run",
    "save": "lsmplify_refine.formats.load_save",
    "triangulate": "lsmplify_refine.geometry.triangulation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
