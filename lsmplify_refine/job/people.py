"""Choose the people to refine, and match them with the tracks of a keypoint file or video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.detections import Detections
from lsmplify_refine.job.in_image import points_in_image
from lsmplify_refine.job.inputs import place
from lsmplify_refine.job.matching import assign_frames, assign_tracks, box_distances, distances
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.keypoint_files.choose import NEAREST
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.video import VideoInfo


@dataclass(frozen=True)
class FoundKeypoints:
    """Keypoints found for the people of a result.

    Attributes:
        tracks: By index of the person; people without keypoints are absent.
        notes: Who got which keypoints, and who got none.
    """

    tracks: dict[int, KeypointTrack] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


def choose_people(estimates: Sequence[Estimate], person: str, *, in_keypoints: bool = False) -> list[int]:
    """Indices of the people to refine: everybody for "all", the nearest to the camera, or the one with that id.

    Args:
        estimates: Everybody in the result.
        person: "all", "nearest" or an id.
        in_keypoints: Whether the id may be one of the keypoint file's, if the result holds one person.

    Raises:
        InputError: Nobody has that id, or it is not known who is near.
    """
    if person == "all":
        return list(range(len(estimates)))
    if person == NEAREST:
        return [_nearest(estimates)]
    if not is_an_id(person, estimates) and not (in_keypoints and len(estimates) == 1):
        known = ", ".join(estimate.track_id for estimate in estimates)
        raise InputError(
            f"--person {person}: nobody in {estimates[0].source} has that id; known: {known}, all, nearest"
        )
    return [index for index, estimate in enumerate(estimates) if estimate.track_id == person] or [0]


def is_an_id(person: str, estimates: Sequence[Estimate]) -> bool:
    """Whether `person` names somebody of the result, or is a word for it."""
    return person in ("all", NEAREST) or any(estimate.track_id == person for estimate in estimates)


def _nearest(estimates: Sequence[Estimate]) -> int:
    """The person with the smallest mean distance from the camera."""
    if len(estimates) > 1 and any(estimate.frame == "world" for estimate in estimates):
        known = ", ".join(estimate.track_id for estimate in estimates)
        raise InputError(
            f"--person nearest: {estimates[0].source} is in world coordinates, where the camera is not known; "
            f"choose one: --person {known}"
        )
    return int(np.argmin([np.linalg.norm(estimate.transl, axis=-1).mean() for estimate in estimates]))


def match_people(
    people: Sequence[Estimate],
    wanted: Sequence[int],
    tracks: Sequence[KeypointTrack],
    body: BodyModel,
    *,
    video: VideoInfo | None,
    focal_px: float | None = None,
) -> FoundKeypoints:
    """The keypoints of each wanted person, by the file's ids or else by where the estimate is in the image.

    Tracks with ids that are not the estimate's are assigned whole. Tracks without ids were linked by nearness, which
    mixes people up when they cross. Their detections are assigned frame by frame.

    Args:
        people: Everybody in the estimator's file: an unwanted person may still be the nearest one.
        wanted: Indices of those whose keypoints are wanted.
        tracks: Everybody in the keypoint file or the video.
        body: For the estimate's own keypoints.
        video: Its size gives the camera if the file has none.
        focal_px: The user's focal length.

    Raises:
        InputError: Nobody has keypoints, or the keypoints cannot be assigned.
    """
    by_id = {track.person: track for track in tracks if track.identified}
    if len(tracks) > 1 and all(people[index].track_id in by_id for index in wanted):
        return FoundKeypoints({index: by_id[people[index].track_id] for index in wanted})
    if len(tracks) == 1 and len(people) == 1:
        return FoundKeypoints({0: tracks[0]})
    if tracks[0].keypoints.is_3d:
        raise _not_assigned([people[index] for index in wanted], tracks)
    placed = [place(person, video=video, focal_px=focal_px) for person in people]
    frames = np.unique(np.concatenate([person.frame_ids for person in people]))
    detections = Detections.of(tracks, frames, placed[0].fps)
    if not len(detections.at):
        raise _not_assigned([people[index] for index in wanted], tracks)
    costs = np.stack([_costs(person, detections.body, body) for person in placed])
    whole = len(tracks) == 1 or all(track.identified for track in tracks)
    found = _whole(tracks, detections, costs) if whole else _frame_by_frame(people, tracks, detections, costs)
    matched = {index: found[index] for index in wanted if index in found}
    if not matched:
        raise _not_assigned([people[index] for index in wanted], tracks)
    notes = [_note(people[index], matched.get(index), whole=whole) for index in wanted]
    return FoundKeypoints(matched, tuple(notes))


def _costs(person: Estimate, detections: Detections, body: BodyModel) -> np.ndarray:
    """(N,) distances of one person to each detection."""
    frames = detections.frames
    at = np.searchsorted(frames, person.frame_ids)
    if person.frame == "world" and person.boxes is not None:
        boxes = np.full((len(frames), 4), np.nan)
        boxes[at] = person.boxes
        return detections.compare(box_distances, boxes)
    expected = np.full((len(frames), *detections.keypoints.positions.shape[1:]), np.nan)
    expected[at] = points_in_image(person, detections, at, body)
    return detections.compare(distances, expected)


def _whole(tracks: Sequence[KeypointTrack], detections: Detections, costs: np.ndarray) -> dict[int, KeypointTrack]:
    assigned = assign_tracks(costs, detections.tracks, len(detections.frames))
    return {index: tracks[track] for index, track in enumerate(assigned) if track is not None}


def _frame_by_frame(
    people: Sequence[Estimate], tracks: Sequence[KeypointTrack], detections: Detections, costs: np.ndarray
) -> dict[int, KeypointTrack]:
    found = {}
    for index, chosen in enumerate(assign_frames(costs, detections.at, len(detections.frames))):
        at = np.flatnonzero(chosen >= 0)
        if len(at):
            found[index] = replace(
                tracks[0],
                keypoints=detections.only(chosen[at]),
                frame_ids=detections.frames[at],
                numbered=True,
                person=people[index].track_id,
            )
    return found


def _note(person: Estimate, track: KeypointTrack | None, *, whole: bool) -> Note:
    who = f"person {person.track_id}"
    if track is None:
        text = f"{who}: no keypoints lie where this person is; the person is left as read"
        return Note("keypoints-missing", text, "warning")
    seen = int(np.isin(person.frame_ids, track.frame_ids[track.keypoints.confidence.max(axis=1) > 0]).sum())
    has = f"keypoints in {seen} of {len(person)} frames"
    which = f"those of {track.person}," if whole else "chosen frame by frame"
    return Note("keypoints-matched", f"{who}: {has}, {which} by where the estimate is in the image")


def _not_assigned(people: Sequence[Estimate], tracks: Sequence[KeypointTrack]) -> InputError:
    in_space = tracks[0].keypoints.is_3d
    named = [track.person for track in tracks if track.identified or in_space]
    source, ids = tracks[0].keypoints.source, ", ".join(named)
    of = f"keypoints of {len(tracks)} people (ids: {ids or 'none'})" if len(tracks) > 1 else "keypoints of one person"
    known = ", ".join(person.track_id for person in people)
    if in_space:
        return InputError(
            f"{source}: {of}, to be refined: {known}; 3D keypoints of several people need the input's ids, or "
            "choose one of them with --person nearest or --person ID"
        )
    return InputError(f"{source}: {of}, none where the result has person {known}; give keypoints of the same video")
