"""Triangulate 2D keypoint files of several calibrated cameras into 3D keypoints in metres.

`geometry.triangulation` has the method; this module finds each camera's file and matches the frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.skew_rays import centre_of
from lsmplify_refine.geometry.triangulation import triangulate
from lsmplify_refine.keypoint_files import KeypointTrack, load_tracks
from lsmplify_refine.keypoint_files.camera_folders import places_of
from lsmplify_refine.keypoint_files.cameras import load_calibration
from lsmplify_refine.keypoint_files.choose import choose_tracks
from lsmplify_refine.keypoint_files.cross_view import people_across
from lsmplify_refine.values.camera import CalibratedCamera
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note

#: People seen in fewer frames than this share of the longest track's are a detector's ghosts, or walk by.
_MIN_SEEN = 0.2


def triangulate_files(
    folder: str | Path, calibration: str | Path, *, convention: str | None = None, person: str = "all"
) -> KeypointTrack:
    """Triangulate one person; see `triangulate_people`.

    Args:
        folder: Holds a keypoint file or folder per camera; see `camera_folders.places_of`.
        calibration: See `load_calibration`.
        convention: The convention of the points, if the files do not say.
        person: An id of `triangulate_people`, "nearest" for the person nearest to the cameras, or "all" if there is
            only one.

    Raises:
        InputError: As for `triangulate_people`, or there are several people and none is chosen.
    """
    everybody = triangulate_people(folder, calibration, convention=convention)
    tracks = choose_tracks(everybody, person, nearest_first=True)
    if len(tracks) > 1:
        ids = ", ".join(f"{track.person} in {_seen(track.keypoints)} frames" for track in tracks)
        raise InputError(
            f"{folder}: the cameras see {len(tracks)} people (ids: {ids}); choose one with --person nearest or "
            "--person ID"
        )
    return tracks[0]


def triangulate_people(
    folder: str | Path, calibration: str | Path, *, convention: str | None = None
) -> list[KeypointTrack]:
    """Triangulate all people that two or more cameras see, the nearest to the cameras first.

    Args:
        folder: Holds a keypoint file or folder per camera; see `camera_folders.places_of`.
        calibration: See `load_calibration`.
        convention: The convention of the points, if the files do not say.

    Returns:
        One track per person, named "0", "1", ...

    Raises:
        InputError: Fewer than two cameras have keypoints, or no two of them see the same person.
    """
    folder = Path(folder)
    cameras = load_calibration(calibration)
    places, place_notes = places_of(folder, list(cameras))
    views = {name: load_tracks(place, convention=convention) for name, place in places.items()}
    everybody = [track for tracks in views.values() for track in tracks]
    frames = np.unique(np.concatenate([track.frame_ids for track in everybody]))
    if len(everybody) == len(views):
        # one track for each camera: the same person, however well the rays meet
        people = [{name: tracks[0].rows(frames) for name, tracks in views.items()}]
    else:
        people = people_across(views, cameras, frames)
    if not people:
        raise InputError(f"{folder}: no two cameras see the same person; do the files belong to this calibration?")
    everyone = [triangulate(person, cameras) for person in people]
    most = max(map(_seen, everyone))
    lasting = [points for points in everyone if _seen(points) >= _MIN_SEEN * most]
    found = sorted(lasting, key=lambda points: _distance(points, cameras))
    absent = [name for name in cameras if name not in places]
    about_absent = Note("cameras-absent", f"no keypoints of the cameras {', '.join(absent)}", "warning")
    notes = (*place_notes, *([about_absent] if absent else []))
    if len(everybody) > len(views):
        notes = (*notes, _linked(len(everybody), len(views), len(found), len(people)))
    return [
        KeypointTrack(
            replace(points, source=f"{folder.name}/ triangulated from {len(places)} cameras"),
            frames,
            numbered=all(track.numbered for track in everybody),
            person=str(number),
            identified=False,
            unmapped=everybody[0].unmapped,
            notes=tuple(dict.fromkeys((*_own_notes(everybody), *notes))),
        )
        for number, points in enumerate(found)
    ]


def _linked(tracks: int, cameras: int, found: int, people: int) -> Note:
    who = "one person" if found == 1 else f"{found} people"
    ghosts = f", and {people - found} seen for a moment and left out" if people > found else ""
    return Note("people-linked", f"{tracks} tracks of {cameras} cameras: {who} whose rays meet{ghosts}")


def _own_notes(tracks: Sequence[KeypointTrack]) -> list[Note]:
    """The files' own notes; how people were linked is said for all cameras."""
    return [note for note in tracks[0].notes if note.code != "people-linked"]


def _seen(keypoints: Keypoints) -> int:
    """The number of frames with a point."""
    return int((keypoints.confidence > 0).any(axis=1).sum())


def _distance(points: Keypoints, cameras: Mapping[str, CalibratedCamera]) -> float:
    """Mean distance of a person from the cameras, metres."""
    seen = points.positions[points.confidence > 0]
    centres = np.stack([centre_of(camera) for camera in cameras.values()])
    return float(np.linalg.norm(seen.mean(axis=0) - centres, axis=-1).mean()) if len(seen) else np.inf
