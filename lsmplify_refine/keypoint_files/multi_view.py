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
from lsmplify_refine.keypoint_files.camera_folders import places_of
from lsmplify_refine.keypoint_files.cameras import load_calibration
from lsmplify_refine.values.notes import Note


def triangulate_files(folder: str | Path, calibration: str | Path, *, convention: str | None = None) -> KeypointTrack:
    """Triangulate the single person that all cameras see.

    Args:
        folder: Holds a keypoint file or folder per camera; see `camera_folders.places_of`.
        calibration: See `load_calibration`.
        convention: The convention of the points, if the files do not say.

    Raises:
        InputError: Fewer than two cameras have keypoints, or a file holds several people.
    """
    folder = Path(folder)
    cameras = load_calibration(calibration)
    places, place_notes = places_of(folder, list(cameras))
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
        notes=(*any_track.notes, *place_notes, *([about_absent] if absent else [])),
    )


def _only_person(path: Path, convention: str | None) -> KeypointTrack:
    tracks = load_tracks(path, convention=convention)
    if len(tracks) > 1:
        raise InputError(f"{path}: {len(tracks)} people; only keypoints of one person can be triangulated")
    return tracks[0]
