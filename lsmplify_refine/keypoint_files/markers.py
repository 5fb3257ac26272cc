"""Named points with a unit, as marker files (TRC, C3D) hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lsmplify_refine.keypoint_files.names import find_convention
from lsmplify_refine.keypoint_files.track import KeypointTrack, cleaned
from lsmplify_refine.values.notes import Note

#: Metres per unit.
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
    """Convert named points to keypoints in metres.

    Args:
        names: M marker names.
        positions: (T, M, 3); NaN where missing.
        path: The file.
        unit: A key of `METRES`.
        fps: Frames per second, if known.
        frame_ids: (T,).
        wanted: The user's choice of the convention.

    Raises:
        InputError: The markers are not the joints of exactly one convention.
    """
    match = find_convention(names, wanted, str(path))
    columns = np.array(match.columns)
    picked = positions[:, np.maximum(columns, 0)] * METRES[unit]
    there = np.isfinite(picked).all(axis=-1) & (columns >= 0)
    notes = match.notes
    if fps is not None:
        text = f"{path.name}: {fps:g} fps; interpolated if the video has another rate"
        notes = (*notes, Note("keypoints-interpolated", text))
    return KeypointTrack(
        cleaned(match.convention, np.where(there[..., None], picked, np.nan), there.astype(float), path.name),
        frame_ids,
        numbered=True,
        unmapped=match.unmapped,
        fps=fps,
        notes=notes,
    )
