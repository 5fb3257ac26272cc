"""C3D, the binary format of motion capture laboratories, read with the library `c3d` (extra `mocap`)."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.markers import METRES, track_of_markers
from lsmplify_refine.keypoint_files.track import KeypointTrack
from lsmplify_refine.safe_load import open_input


def is_c3d(head: bytes) -> bool:
    """Whether a file that begins with `head` is C3D: byte 0 points to the parameter block, byte 1 is 0x50."""
    return len(head) >= 2 and head[1] == 0x50 and 2 <= head[0] <= 20


def read(path: Path, wanted: str | None) -> KeypointTrack:
    """Read the single person of a C3D file.

    Raises:
        InputError: The library is missing, the file is damaged, or its points are not joints.
    """
    try:
        import c3d
    except ImportError as error:
        raise InputError(f"{path}: C3D needs the package c3d; pip install 'lsmplify-refine[mocap]'") from error
    try:
        with open_input(path) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = c3d.Reader(stream)
            names = [str(name).strip() for name in reader.point_labels][: reader.point_used]
            unit = reader.get("POINT:UNITS")
            unit = "mm" if unit is None else unit.string_value.strip().lower()
            fps = float(reader.point_rate)
            frames = list(reader.read_frames(copy=True))
    except InputError:
        raise
    # the library may raise anything on a damaged file
    except Exception as error:
        raise InputError(f"{path}: not readable as C3D ({type(error).__name__}: {error}); export it again") from error
    if unit not in METRES:
        raise InputError(f"{path}: POINT:UNITS: {unit!r}; expected one of {', '.join(METRES)}")
    if not frames:
        raise InputError(f"{path}: the C3D file has no frames")
    points = np.stack([frame[1] for frame in frames]).astype(np.float64)
    positions = np.where(points[..., 3:4] < 0, np.nan, points[..., :3])[:, : len(names)]
    ids = np.array([frame[0] for frame in frames], dtype=np.int64) - 1  # C3D counts from 1
    return track_of_markers(names, positions, path=path, unit=unit, fps=fps, frame_ids=ids, wanted=wanted)
