"""What the marker files, TRC and C3D, have in common: named points in a stated unit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lsmplify_refine.keypoint_files.names import find_convention
from lsmplify_refine.keypoint_files.track import KeypointTrack, cleaned
from lsmplify_refine.values.notes import Note

#: How many metres a unit is.
METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0, "in": 0.0254}


def track_of_markers(
    names: Sequence[str],
    positions: np.ndarray,
    *,
    path: Path,
    unit: str,
    fps: float | None,
    frame_ids: np.ndarray,
    wanted: str | None,
) -> KeypointTrack:
    """Named points as keypoints in metres.

    Args:
        names: M marker names.
        positions: (T, M, 3); NaN where missing.
        path: The file.
        unit: A key of `METRES`.
        fps: Frames per second.
        frame_ids: (T,).
        wanted: The convention that the user names.

    Raises:
        InputError: The markers are not the joints of one convention.
    """
    match = find_convention(names, wanted, str(path))
    columns = np.array(match.columns)
    picked = positions[:, np.maximum(columns, 0)] * METRES[unit]
    there = np.isfinite(picked).all(axis=-1) & (columns >= 0)
    about_rate = Note(
        "keypoints-interpolated", f"{path.name}: {fps:g} fps; interpolated where the video has another rate"
    )
    return KeypointTrack(
        cleaned(match.convention, np.where(there[..., None], picked, np.nan), there.astype(float), path.name),
        frame_ids,
        numbered=True,
        unmapped=match.unmapped,
        fps=fps,
        notes=() if fps is None else (about_rate,),
    )
