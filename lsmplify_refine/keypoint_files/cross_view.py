"""Match the tracks of several calibrated cameras: tracks of one person have rays that meet.

Tracks are joined from the best pair on. Two tracks of one camera that overlap in time are two people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.skew_rays import centre_of, ray_directions, rays_apart
from lsmplify_refine.keypoint_files.track import KeypointTrack
from lsmplify_refine.values.camera import CalibratedCamera
from lsmplify_refine.values.keypoints import Keypoints

#: Rays of one person's points are at most this far apart, metres: noise, calibration and shutters.
_MAX_APART_M = 0.15
#: Keypoints below this confidence are not compared.
_MIN_CONFIDENCE = 0.3
#: Points that both cameras must see in a frame.
_MIN_POINTS = 4
#: Tracks of all cameras together; the time to compare them grows with the square.
_MAX_TRACKS = 400


@dataclass(frozen=True)
class _Seen:
    """A track of a camera on the common frames.

    Attributes:
        camera: The camera's name.
        keypoints: In all frames, confidence 0 where the track has none.
        directions: Of the rays, in the world.
        start: The camera's place.
    """

    camera: str
    keypoints: Keypoints
    directions: Float[np.ndarray, "frames points 3"]
    start: Float[np.ndarray, " 3"]

    @property
    def confidence(self) -> Float[np.ndarray, "frames points"]:
        """Of usable points, else 0."""
        there = np.isfinite(self.keypoints.positions).all(axis=-1) & (self.keypoints.confidence >= _MIN_CONFIDENCE)
        return np.where(there, self.keypoints.confidence, 0.0)


def people_across(
    views: Mapping[str, Sequence[KeypointTrack]],
    cameras: Mapping[str, CalibratedCamera],
    frames: Int[np.ndarray, " frames"],
) -> list[dict[str, Keypoints]]:
    """The keypoints of each person that two or more cameras see, by camera, in the given frames.

    Args:
        views: The tracks of each camera.
        cameras: The calibration.
        frames: Frame numbers.

    Raises:
        InputError: There are too many tracks to compare them in bounded time.
    """
    seen = [_on_frames(name, track, cameras[name], frames) for name, tracks in views.items() for track in tracks]
    if len(seen) > _MAX_TRACKS:
        raise InputError(f"{len(seen)} tracks of {len(views)} cameras; at most {_MAX_TRACKS} can be told apart")
    groups = _grouped(seen)
    people = [[seen[index] for index in group] for group in groups]
    return [_by_camera(person) for person in people if len({each.camera for each in person}) > 1]


def _on_frames(name: str, track: KeypointTrack, camera: CalibratedCamera, frames: Int[np.ndarray, " frames"]) -> _Seen:
    keypoints = track.rows(frames)
    return _Seen(name, keypoints, ray_directions(camera, keypoints.positions), centre_of(camera))


def _grouped(seen: Sequence[_Seen]) -> list[list[int]]:
    """Groups of tracks by average linkage of their distances."""
    apart, frames = _distances(seen)
    together = _overlap(seen)
    group_of = np.arange(len(seen))
    while True:
        groups = np.unique(group_of)
        member = (group_of == groups[:, None]).astype(np.float64)
        # mean distance of two groups over the frames that their tracks share
        weight = member @ frames @ member.T
        total = member @ (apart * frames) @ member.T
        mean = np.where(weight > 0, total / np.maximum(weight, 1.0), np.inf)
        mean[(member @ together @ member.T) > 0] = np.inf
        np.fill_diagonal(mean, np.inf)
        if not len(groups) or mean.min(initial=np.inf) > _MAX_APART_M:
            return [np.flatnonzero(group_of == group).tolist() for group in groups]
        one, other = np.unravel_index(np.argmin(mean), mean.shape)
        group_of[group_of == groups[other]] = groups[one]


def _distances(seen: Sequence[_Seen]) -> tuple[Float[np.ndarray, "tracks tracks"], Float[np.ndarray, "tracks tracks"]]:
    """Distance between each two tracks of different cameras, metres, and the number of frames that were compared."""
    apart, frames = np.zeros((len(seen), len(seen))), np.zeros((len(seen), len(seen)))
    for row, one in enumerate(seen):
        for column, other in enumerate(seen[:row]):
            if one.camera == other.camera:
                continue
            both = (one.confidence > 0) & (other.confidence > 0)
            rows = np.flatnonzero(both.sum(axis=1) >= _MIN_POINTS)
            if not len(rows):
                continue
            gaps = rays_apart(one.start, one.directions[rows], other.start, other.directions[rows])
            # a person's median point, in the median frame: limbs may be mistaken, people swapped for a while
            inside = np.where(both[rows], np.minimum(gaps, 1.0), np.nan)
            apart[row, column] = apart[column, row] = np.median(np.nanmedian(inside, axis=1))
            frames[row, column] = frames[column, row] = len(rows)
    return apart, frames


def _overlap(seen: Sequence[_Seen]) -> Float[np.ndarray, "tracks tracks"]:
    """1 for two tracks of one camera that share a frame."""
    there = np.stack([(each.keypoints.confidence > 0).any(axis=1) for each in seen]).astype(np.float64)
    names = np.array([each.camera for each in seen])
    shared = (there @ there.T > 0) & (names[:, None] == names)
    np.fill_diagonal(shared, False)
    overlap: np.ndarray = shared.astype(np.float64)
    return overlap


def _by_camera(person: Sequence[_Seen]) -> dict[str, Keypoints]:
    """One person's keypoints by camera; a camera's tracks follow each other in time."""
    found: dict[str, Keypoints] = {}
    for each in person:
        before = found.get(each.camera)
        if before is None:
            found[each.camera] = each.keypoints
            continue
        mine = each.keypoints.confidence.max(axis=1) > 0
        found[each.camera] = replace(
            before,
            positions=np.where(mine[:, None, None], each.keypoints.positions, before.positions),
            confidence=np.where(mine[:, None], each.keypoints.confidence, before.confidence),
        )
    return found
