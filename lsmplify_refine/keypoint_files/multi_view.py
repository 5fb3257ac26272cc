"""Triangulate: 2D keypoints of several calibrated cameras become 3D keypoints in metres.

Each point of each frame on its own: the pair of cameras whose point the others agree with most (RANSAC over all pairs),
then weighted least squares over all cameras, a camera that disagrees losing its weight (Hartley & Zisserman, Multiple
View Geometry, 12.2, with the weights of robust statistics).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.triangulation import triangulate
from lsmplify_refine.keypoint_files import KeypointTrack, load_tracks
from lsmplify_refine.keypoint_files.cameras import load_calibration
from lsmplify_refine.values.notes import Note


def triangulate_files(folder: str | Path, calibration: str | Path, *, convention: str | None = None) -> KeypointTrack:
    """3D keypoints of the one person whom every camera sees, from files.

    Args:
        folder: Holds for each camera a keypoint file or folder of its name (`01/`, `01.json`, `01_json/`).
        calibration: See `load_calibration`.
        convention: Where the files do not say.

    Raises:
        InputError: Fewer than two cameras have keypoints, or a camera sees several people.
    """
    folder = Path(folder)
    cameras = load_calibration(calibration)
    places = {name: place for name in cameras if (place := _keypoints_of(folder, name)) is not None}
    if len(places) < 2:
        raise InputError(
            f"{folder}: keypoints of {len(places)} cameras; expected two or more files or folders named like the "
            f"cameras {', '.join(cameras)}"
        )
    tracks = {name: _only_person(place, convention) for name, place in places.items()}
    frames = np.unique(np.concatenate([track.frame_ids for track in tracks.values()]))
    found = triangulate({name: track.rows(frames) for name, track in tracks.items()}, cameras)
    absent = [name for name in cameras if name not in places]
    about_absent = Note("cameras-absent", f"no keypoints of the cameras {', '.join(absent)}", "warning")
    any_track = next(iter(tracks.values()))
    keypoints = replace(found, source=f"{folder.name}/ triangulated from {len(tracks)} cameras")
    return KeypointTrack(
        keypoints,
        frames,
        numbered=all(track.numbered for track in tracks.values()),
        unmapped=any_track.unmapped,
        notes=(*any_track.notes, *([about_absent] if absent else [])),
    )


def _keypoints_of(folder: Path, name: str) -> Path | None:
    """A file or folder of the camera's name, alone or followed by a suffix such as `_json`."""
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder; with a calibration, give the folder of all cameras' keypoints")
    exact = [path for path in sorted(folder.iterdir()) if path.name == name or path.stem == name]
    longer = [path for path in sorted(folder.iterdir()) if path.name.startswith((f"{name}_", f"{name}."))]
    found = exact or longer
    if len(found) > 1:
        raise InputError(f"{folder}: {found[0].name} and {found[1].name} are both of camera {name}; keep one")
    return found[0] if found else None


def _only_person(path: Path, convention: str | None) -> KeypointTrack:
    tracks = load_tracks(path, convention=convention)
    if len(tracks) > 1:
        raise InputError(f"{path}: {len(tracks)} people; only keypoints of one person can be triangulated")
    return tracks[0]
