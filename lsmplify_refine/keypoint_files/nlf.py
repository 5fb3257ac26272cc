"""NLF's output dict, saved as a pickle, torch file or npz: joints in space, each with its own uncertainty.

`joints3d_nonparam` are the network's joints before it fits SMPL to them, `joint_uncertainties` their standard
deviations. Both are lists with an entry (N, 24, ...) for each frame, or arrays (T, 24, ...) of one person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.detections import Detection, tracks_of
from lsmplify_refine.keypoint_files.track import KeypointTrack
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.notes import Note

#: The joints, those of the network before those of the fitted body.
_JOINTS, _SPREADS = ("joints3d_nonparam", "joints3d"), "joint_uncertainties"
_CONVENTION = "smpl24"
#: This percentile of a file's uncertainties has full confidence; confidence falls as 1 / uncertainty beyond it.
_CERTAIN_PERCENTILE = 25.0
#: Joints that span more than this are in millimetres, else in metres.
_MAX_SIZE_M = 20.0
_NOTE_UNIT = Note("unit-inferred", "NLF's joints are in millimetres, by the size of the body; converted to metres")


def is_output(value: Any) -> bool:
    """Whether a file's content is NLF's output."""
    return isinstance(value, Mapping) and _SPREADS in value and any(name in value for name in _JOINTS)


def read(value: Mapping[str, Any], path: Path, wanted: str | None) -> list[KeypointTrack]:
    """Read all people; people without ids are linked over time.

    Raises:
        InputError: The joints are missing or have another shape than their uncertainties.
    """
    name = next(name for name in _JOINTS if name in value)
    joints, spreads = _frames(value[name], 3, f"{path}: {name}"), _frames(value[_SPREADS], 0, f"{path}: {_SPREADS}")
    if [len(points) for points in joints] != [len(spread) for spread in spreads] or any(
        points.shape[:2] != spread.shape for points, spread in zip(joints, spreads)
    ):
        raise InputError(f"{path}: {_SPREADS}: not one for each of {name}")
    found = [spread[np.isfinite(spread) & (spread > 0)] for spread in spreads]
    known = np.concatenate(found) if found else np.zeros(0)
    if not len(known):
        raise InputError(f"{path}: {_SPREADS}: no positive numbers; there is nobody in it, or it is damaged")
    certain = float(np.percentile(known, _CERTAIN_PERCENTILE))
    sizes = [float(np.linalg.norm(np.ptp(person, axis=0))) for points in joints for person in points]
    in_millimetres = float(np.nanmedian(sizes)) > _MAX_SIZE_M
    detections = [
        Detection(frame, person / (1000 if in_millimetres else 1), _confidence(spread, certain))
        for frame, (points, spreads_here) in enumerate(zip(joints, spreads))
        for person, spread in zip(points, spreads_here)
    ]
    return tracks_of(
        detections,
        where=str(path),
        source=f"{path.name} (NLF)",
        wanted=wanted or _CONVENTION,
        notes=(_NOTE_UNIT,) if in_millimetres else (),
    )


def _confidence(spread: np.ndarray, certain: float) -> np.ndarray:
    """1 up to the uncertainty of certain points, then their ratio; 0 for invalid uncertainties."""
    usable = np.isfinite(spread) & (spread > 0)
    share = certain / np.maximum(np.where(usable, spread, certain), certain)
    return np.where(usable, share, 0.0)


def _frames(value: Any, width: int, where: str) -> list[np.ndarray]:
    """(N, K, width) for each frame, or (N, K) without a width."""
    axes = 3 if width else 2
    whole = None if isinstance(value, Sequence) else to_numpy(value)
    parts = [to_numpy(part) for part in (value if whole is None and isinstance(value, Sequence) else [])]
    if whole is not None:
        # one person, or as many in each frame
        whole = whole[:, None] if whole.ndim == axes else whole
        parts = list(whole)
    frames = []
    for part in parts:
        if part is not None and not part.size:
            part = np.zeros((0, 0, 3)[:axes])
        if part is None or part.ndim != axes or (width and part.shape[-1] != width and part.size):
            raise InputError(f"{where}: expected (N, K{', 3' if width else ''}) numbers for each frame")
        frames.append(part.astype(np.float64))
    if not frames:
        raise InputError(f"{where}: expected a list of frames, or an array")
    return frames
