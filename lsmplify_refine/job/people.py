"""Whose keypoints are whose: people in a keypoint file or video, and the people of an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.camera_pose import recover_camera
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.job.inputs import place
from lsmplify_refine.keypoint_files import KeypointTrack, swapped_sides
from lsmplify_refine.keypoint_files.people import assign_frames, assign_tracks, box_distances, distances
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo

#: Tracks that a camera is tried on, for a result that does not say where its people are in the image.
_CAMERA_TRIALS = 4
#: Tracks with less than this share of the longest one's evidence are not tried: a few frames fit anybody.
_LEAST = 0.2
#: Two tracks together fit as well as one where they are less than this many times as far off.
_AS_WELL = 1.3


def match_people(
    people: Sequence[Estimate],
    wanted: Sequence[int],
    tracks: Sequence[KeypointTrack],
    body: BodyModel,
    *,
    video: VideoInfo | None,
    focal_px: float | None = None,
) -> tuple[dict[int, KeypointTrack], list[Note]]:
    """The keypoints of each wanted person, by the file's ids or else by where the estimate is in the image.

    Tracks with ids that are not the estimate's are taken whole. Tracks without ids were linked by nearness, which mixes
    people up where they cross, so each frame's detections are given to the people anew.

    Args:
        people: Everybody in the estimator's file: who is not wanted may still be somebody's neighbour.
        wanted: Indices of those whose keypoints are wanted.
        tracks: Everybody in the keypoint file or the video.
        body: For the estimate's own keypoints.
        video: Whose size tells the camera where the file does not.
        focal_px: The user's focal length.

    Returns:
        Tracks by index of the person, without those who have none, and notes.

    Raises:
        InputError: Nobody has keypoints, or it cannot be told who has which.
    """
    by_id = {track.person: track for track in tracks if track.identified}
    if len(tracks) > 1 and all(people[index].track_id in by_id for index in wanted):
        return {index: by_id[people[index].track_id] for index in wanted}, []
    if len(tracks) == 1 and len(people) == 1:
        return {0: tracks[0]}, []
    if tracks[0].keypoints.is_3d:
        raise _not_told([people[index] for index in wanted], tracks)
    placed = [place(person, video=video, focal_px=focal_px) for person in people]
    frames = np.unique(np.concatenate([person.frame_ids for person in people]))
    rows = [track.rows(frames) if track.numbered else track.at(frames, placed[0].fps) for track in tracks]
    costs = np.stack([_costs(person, frames, rows, body) for person in placed])
    whole = len(tracks) == 1 or all(track.identified for track in tracks)
    found = _whole(tracks, costs) if whole else _frame_by_frame(people, tracks, frames, rows, costs)
    matched = {index: found[index] for index in wanted if index in found}
    if not matched:
        raise _not_told([people[index] for index in wanted], tracks)
    return matched, [_note(people[index], matched.get(index), tracks, whole) for index in wanted]


def sides_note(estimate: Estimate, body: BodyModel) -> list[Note]:
    """A warning where left and right of 2D keypoints are swapped in most frames; `align` refuses such 3D ones."""
    keypoints, camera = estimate.keypoints, estimate.camera
    if keypoints is None or keypoints.is_3d or camera is None or estimate.frame != "camera":
        return []
    points = _own_points(estimate, keypoints.convention, body)
    mirror = CONVENTIONS[keypoints.convention].mirror
    swapped = swapped_sides(keypoints.positions, keypoints.confidence, project_to_image(points, camera.K), mirror)
    seen = keypoints.confidence.max(axis=1) > 0
    if 2 * swapped.sum() <= seen.sum():
        return []
    who = estimate.track_id
    text = f"person {who}: left and right of the keypoints are swapped in {swapped.sum()} of {seen.sum()} frames"
    return [Note("sides-swapped", text, "warning")]


def _costs(person: Estimate, frames: np.ndarray, rows: Sequence[Keypoints], body: BodyModel) -> np.ndarray:
    """(D, F) distances of one person to every track."""
    at = np.searchsorted(frames, person.frame_ids)
    if person.frame == "world" and person.boxes is not None:
        boxes = np.full((len(frames), 4), np.nan)
        boxes[at] = person.boxes
        return np.stack([box_distances(track.positions, track.confidence, boxes) for track in rows])
    expected = np.full((len(frames), *rows[0].positions.shape[1:]), np.nan)
    expected[at] = _in_image(person, [_rows(track, at) for track in rows], body)
    return np.stack([distances(track.positions, track.confidence, expected) for track in rows])


def _in_image(person: Estimate, tracks: Sequence[Keypoints], body: BodyModel) -> np.ndarray:
    """(T, K, 2) pixels where the estimate has its own keypoints."""
    assert person.camera is not None and person.fps is not None  # see `place`
    points, K = _own_points(person, tracks[0].convention, body), person.camera.K
    if person.frame == "camera":
        return np.where(points[..., 2:] > 0, project_to_image(points, K), np.nan)
    return _through_found_camera(points, tracks, K, person.fps)


def _through_found_camera(points: np.ndarray, tracks: Sequence[Keypoints], K: np.ndarray, fps: float) -> np.ndarray:
    """(T, K, 2) pixels of points in a world, which says nothing of the image.

    The track that fits them best under any camera at all is theirs; tracks that fit as well in frames that it lacks are
    the same person's, whom the detector lost for a while.
    """
    evidence = [float(track.confidence.sum()) for track in tracks]
    order = sorted(range(len(tracks)), key=lambda index: -evidence[index])[:_CAMERA_TRIALS]
    views = [_view(points, tracks[index], K, fps) for index in order if evidence[index] > _LEAST * evidence[order[0]]]
    best = min(views, key=lambda view: view.apart)
    for view in views:
        missing = best.track.confidence.max(axis=1, keepdims=True) <= 0
        joined = replace(
            best.track,
            positions=np.where(missing[..., None], view.track.positions, best.track.positions),
            confidence=np.where(missing, view.track.confidence, best.track.confidence),
        )
        both = _view(points, joined, K, fps) if missing.any() and view is not best else best
        best = both if both.apart < _AS_WELL * best.apart else best
    return best.pixels


@dataclass(frozen=True)
class _View:
    """Points of a world in the image (T, K, 2), as the camera sees them under which they fit a track."""

    track: Keypoints
    pixels: np.ndarray
    apart: float


def _view(points: np.ndarray, track: Keypoints, K: np.ndarray, fps: float) -> _View:
    try:
        rotation, translation = recover_camera(points, track, K, fps)
    except InputError:  # too few keypoints
        return _View(track, np.full((*points.shape[:2], 2), np.nan), np.inf)
    pixels = project_to_image(np.einsum("tij,tkj->tki", rotation, points) + translation[:, None], K)
    apart = distances(track.positions, track.confidence, pixels)
    return _View(track, pixels, float(apart[np.isfinite(apart)].mean()))


def _own_points(estimate: Estimate, convention: str, body: BodyModel) -> np.ndarray:
    """(T, K, 3) the estimate's keypoints on the mean shape, metres."""
    pose = pose_on_body(estimate, body)
    return body.keypoints(convention, pose.rotations.numpy(), pose.pelvis.numpy(), np.zeros(body.num_betas))


def _rows(keypoints: Keypoints, rows: np.ndarray) -> Keypoints:
    return replace(keypoints, positions=keypoints.positions[rows], confidence=keypoints.confidence[rows])


def _whole(tracks: Sequence[KeypointTrack], costs: np.ndarray) -> dict[int, KeypointTrack]:
    return {index: tracks[track] for index, track in enumerate(assign_tracks(costs)) if track is not None}


def _frame_by_frame(
    people: Sequence[Estimate],
    tracks: Sequence[KeypointTrack],
    frames: np.ndarray,
    rows: Sequence[Keypoints],
    costs: np.ndarray,
) -> dict[int, KeypointTrack]:
    positions = np.stack([track.positions for track in rows])
    confidence = np.stack([track.confidence for track in rows])
    found = {}
    for index, chosen in enumerate(assign_frames(costs)):
        at = np.flatnonzero(chosen >= 0)
        if len(at):
            keypoints = replace(rows[0], positions=positions[chosen[at], at], confidence=confidence[chosen[at], at])
            found[index] = replace(
                tracks[0], keypoints=keypoints, frame_ids=frames[at], numbered=True, person=people[index].track_id
            )
    return found


def _note(person: Estimate, track: KeypointTrack | None, tracks: Sequence[KeypointTrack], whole: bool) -> Note:
    who = f"person {person.track_id}"
    if track is None:
        text = f"{who}: none of the keypoints lie where this person is; left as read"
        return Note("keypoints-missing", text, "warning")
    seen = int(np.isin(person.frame_ids, track.frame_ids[track.keypoints.confidence.max(axis=1) > 0]).sum())
    has = f"keypoints in {seen} of {len(person)} frames"
    if whole:
        text = f"{who}: {has}, those of {track.person}, by where the estimate is in the image"
    else:
        text = f"{who}: {has}, chosen frame by frame by where the estimate is in the image"
    return Note("keypoints-matched", text)


def _not_told(people: Sequence[Estimate], tracks: Sequence[KeypointTrack]) -> InputError:
    source, ids = tracks[0].keypoints.source, ", ".join(track.person for track in tracks if track.identified)
    of = f"keypoints of {len(tracks)} people (ids: {ids or 'none'})" if len(tracks) > 1 else "keypoints of one person"
    known = ", ".join(person.track_id for person in people)
    if tracks[0].keypoints.is_3d:
        return InputError(
            f"{source}: {of}, wanted are {known}; 3D keypoints of several people need the input's ids, or "
            "choose one with --person and give a file of that person"
        )
    return InputError(f"{source}: {of}, none where the result has person {known}; give keypoints of this very video")
