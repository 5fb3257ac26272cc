"""AIST++: `keypoints3d/<sequence>.pkl`, COCO-17 of nine cameras together, in centimetres of its world, 60 fps.

Source: google/aistplusplus_api, aist_plusplus/loader.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.track import KeypointTrack, cleaned
from lsmplify_refine.safe_load import to_numpy

_FPS = 60.0
_CM_PER_M = 100.0
#: As triangulated, and after smoothing over time, which its authors use.
_RAW, _SMOOTHED = "keypoints3d", "keypoints3d_optim"
_VIEWS = "keypoints2d"


def is_keypoints(value: Any) -> bool:
    """Whether a file's content has AIST++'s names."""
    return isinstance(value, dict) and bool({_RAW, _SMOOTHED, _VIEWS} & set(value))


def read(value: dict[str, Any], path: Path, wanted: str | None) -> KeypointTrack:
    """Read the smoothed points, where the cameras saw them.

    Raises:
        InputError: The file holds the nine cameras' 2D keypoints, or something else than (T, 17, 3) points.
    """
    if wanted not in (None, "coco17"):
        raise InputError(f"{path}: AIST++'s keypoints are coco17, not {wanted}; leave --keypoint-convention out")
    found = {name: to_numpy(value[name]) for name in (_SMOOTHED, _RAW) if name in value}
    if not found:
        raise InputError(
            f"{path}: {_VIEWS} of nine cameras in one file; give the sequence's file in keypoints3d instead"
        )
    for name, points in found.items():
        if points is None or points.ndim != 3 or points.shape[1:] != (17, 3) or not len(points):
            raise InputError(f"{path}: {name}: expected points (T, 17, 3)")
    arrays = [points for points in found.values() if points is not None]
    if len({len(points) for points in arrays}) > 1:
        raise InputError(f"{path}: {_RAW} and {_SMOOTHED} differ in length")
    seen = np.logical_and.reduce([np.isfinite(points).all(-1) for points in arrays])
    positions = np.where(seen[..., None], arrays[0], 0.0) / _CM_PER_M
    keypoints = cleaned("coco17", positions, seen.astype(np.float32), path.name)
    return KeypointTrack(keypoints, np.arange(len(positions)), fps=_FPS)
