"""Triangulate 2D keypoint files of several calibrated cameras into 3D keypoints in metres.

`geometry.triangulation` has the method; this module finds each camera's file and matches the frames.
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
    """Triangulate the single person that all cameras see.

    Args:
        folder: Holds a keypoint file or folder per camera, named like it (`01/`, `01.json`, `01_json/`).
        calibration: See `load_calibration`.
        convention: The convention of the points, if the files do not say.

    Raises:
        InputError: Fewer than two cameras have keypoints, or a file holds several people.
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
    """The file or folder named like the camera, with or without a suffix such as `_json`."""
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder; with a calibration, give the folder of all cameras' keypoints")
    exact = [path for path in sorted(folder.iterdir()) if path.name == name or path.stem == name]
    longer = [path for path in sorted(folder.iterdir()) if path.name.startswith((f"{name}_", f"{name}."))]
    found = exact or longer
    if len(found) > 1:
        raise InputError(f"{folder}: {found[0].name} and {found[1].name} both belong to camera {name}; keep one")
    return found[0] if found else None


def _only_person(path: Path, convention: str | None) -> KeypointTrack:
    tracks = load_tracks(path, convention=convention)
    if len(tracks) > 1:
        raise InputError(f"{path}: {len(tracks)} people; only keypoints of one person can be triangulated")
    return tracks[0]
