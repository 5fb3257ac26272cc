"""Keypoints that lie in a file of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lsmplify_refine.keypoint_files import load_tracks
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.view.joints import shared_rows


def with_keypoints(person: Estimate, path: Path, convention: str | None) -> Estimate | None:
    """A person with the 2D keypoints of a file, matched by frame number.

    Args:
        person: The only one of a result.
        path: A keypoint file that holds one person.
        convention: Of the keypoints, if the file does not say.

    Returns:
        The person, or None if the file holds several people or 3D keypoints, which lie in their own frame.

    Raises:
        InputError: The file cannot be read.
    """
    size = person.camera.image_size if person.camera is not None else None
    tracks = load_tracks(path, convention=convention, image_size=size)
    if len(tracks) != 1 or tracks[0].keypoints.is_3d:
        return None
    (track,), found = tracks, tracks[0].keypoints
    points = found.positions.shape[1]
    positions, confidence = np.full((len(person), points, 2), np.nan), np.zeros((len(person), points))
    rows, others = shared_rows(person.frame_ids, track.frame_ids)
    positions[rows], confidence[rows] = found.positions[others], found.confidence[others]
    return person.replace(keypoints=Keypoints(found.convention, positions, confidence, found.source))
