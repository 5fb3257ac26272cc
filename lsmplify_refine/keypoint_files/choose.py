"""Choose one of several people in keypoints: by id, or the nearest to the camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.track import KeypointTrack

#: `--person` for the person nearest to the camera.
NEAREST = "nearest"
#: A person seen in fewer frames than this share of the longest track's is not the nearest: somebody walks by.
_MIN_SEEN = 0.2


def choose_tracks(tracks: Sequence[KeypointTrack], person: str, *, nearest_first: bool = False) -> list[KeypointTrack]:
    """The tracks that `person` means: all of them for "all", else one.

    Args:
        tracks: Of one file or several cameras.
        person: "all", "nearest" or an id.
        nearest_first: Whether they are sorted by their distance from the cameras (see `triangulate_people`).

    Raises:
        InputError: No person has that id, or the points are in space and do not show distances from a camera.
    """
    if person == "all":
        return list(tracks)
    if person == NEAREST:
        if len(tracks) > 1 and tracks[0].keypoints.is_3d and not nearest_first:
            raise InputError(
                f"--person nearest: {tracks[0].keypoints.source} has points in space, which do not show the camera; "
                f"choose one: --person {', '.join(track.person for track in tracks)}"
            )
        seen = np.array([(track.keypoints.confidence > 0).any(axis=1).sum() for track in tracks])
        lasting = [track for track, frames in zip(tracks, seen) if frames >= _MIN_SEEN * seen.max()]
        return [lasting[0] if nearest_first else max(lasting, key=_size)]
    chosen = [track for track in tracks if track.person == person]
    if not chosen:
        known = ", ".join(track.person for track in tracks)
        source = tracks[0].keypoints.source
        raise InputError(f"--person {person}: nobody in {source} has that id; known: {known}, nearest, all")
    return chosen


def _size(track: KeypointTrack) -> float:
    """Median diagonal of the box about the points, pixels; near people are large."""
    there = (track.keypoints.confidence > 0)[..., None] & np.isfinite(track.keypoints.positions)
    low = np.where(there, track.keypoints.positions, np.inf).min(axis=1)
    high = np.where(there, track.keypoints.positions, -np.inf).max(axis=1)
    diagonals = np.linalg.norm(high - low, axis=-1)
    diagonals = diagonals[np.isfinite(diagonals)]
    return float(np.median(diagonals)) if len(diagonals) else 0.0
