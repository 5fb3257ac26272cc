"""Scenes from estimates: the same people in the coordinates of the camera, and of the world where they have one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.formats.figure import Figure
from lsmplify_refine.formats.scene import figures_in_place, figures_of
from lsmplify_refine.geometry.projection import pixels_to_rays
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.view.clip import Aim, Clip, Person, Space, Stage
from lsmplify_refine.view.joints import UPRIGHT, changes, keypoint_errors
from lsmplify_refine.view.report import Report
from lsmplify_refine.visual.video import probe

#: Keypoints below this confidence are not shown.
_MIN_CONFIDENCE = 0.2
#: A longer clip is too long to look at, frames.
_MAX_FRAMES = 1_000_000


@dataclass(frozen=True)
class Tracks:
    """Everybody at both stages.

    Attributes:
        name: Of the result's file.
        after: The people of the result.
        before: What they were refined from, by track id; may be empty.
        report: What the report says of them.
        body: The body model to show; None for the open body.
        video: Their video, or None.
        notes: What the user should know.
    """

    name: str
    after: Sequence[Estimate]
    before: dict[str, Estimate]
    report: Report
    body: BodyModel | None = None
    video: Path | None = None
    notes: tuple[str, ...] = ()


def spaces_of(people: Sequence[Estimate]) -> tuple[Space, ...]:
    """The coordinates that everybody has, the world first."""
    world: tuple[Space, ...] = ("world",) if all(p.has_world for p in people) else ()
    camera: tuple[Space, ...] = ("camera",) if all(p.frame == "camera" for p in people) else ()
    # people of both kinds in one file have nothing in common; figures_of holds the cameras level
    return (*world, *camera) or ("world",)


def clips_of(tracks: Tracks, spaces: Sequence[Space]) -> tuple[Clip, ...]:
    """A scene for each of these coordinates.

    Raises:
        InputError: The clip is too long, or two people have different frame rates.
    """
    ids = np.concatenate([person.frame_ids for person in tracks.after])
    start, stop = int(ids.min()), int(ids.max()) + 1
    if stop - start > _MAX_FRAMES:
        raise InputError(f"{tracks.name}: frames {start} to {stop - 1} are too many to show")
    found: list[Clip] = []
    # the camera first: only there are errors in pixels, which the world shows as well
    for space in sorted(spaces):
        people = _people(tracks, space, found[0].people if found else None)
        fov, aspect = _lens(tracks.after, tracks.video) if space == "camera" else (0.0, 0.0)
        floor = 0.0 if space == "world" else min(person.figures["after"].soles() for person in people)
        video = tracks.video if fov > 0 else None
        fps = people[0].figures["after"].fps
        found.append(
            Clip(escaped(tracks.name), space, people, fps, start, stop, floor, video, fov, aspect, tracks.notes)
        )
    return tuple(sorted(found, key=lambda clip: list(spaces).index(clip.space)))


def _people(tracks: Tracks, space: Space, in_camera: Sequence[Person] | None) -> tuple[Person, ...]:
    """Everybody in these coordinates; `in_camera` are the same people there."""
    kept = [person.track_id for person in tracks.after if person.track_id in tracks.before]
    after = _figures(tracks, tracks.after, space)
    before = dict(zip(kept, _figures(tracks, [tracks.before[name] for name in kept], space)))
    people = []
    for index, person in enumerate(tracks.after):
        figures: dict[Stage, Figure] = {"after": after[index]}
        if person.track_id in before:
            figures["before"] = before[person.track_id]
        errors = in_camera[index].joint_numbers if in_camera is not None else None
        people.append(_person(tracks, person, figures, space, errors))
    return tuple(people)


def _figures(tracks: Tracks, people: Sequence[Estimate], space: Space) -> list[Figure]:
    shapes = [tracks.report.shape(person.track_id) if tracks.body is None else None for person in people]
    if not people:
        return []
    if space == "world":
        return figures_of(people, tracks.body, shapes)[0]
    return figures_in_place([person.replace(world=None) for person in people], tracks.body, shapes)[0]


def _person(
    tracks: Tracks,
    person: Estimate,
    figures: dict[Stage, Figure],
    space: Space,
    in_camera: dict[str, Float[np.ndarray, "frames joints"]] | None,
) -> Person:
    earlier = tracks.before.get(person.track_id)
    aims = {stage: _aim(person, earlier, figure, space) for stage, figure in figures.items()}
    joints = changes(figures)
    for stage in ("before", "after"):
        aim = aims.get(stage)
        if aim is not None and len(aim.body) == len(person):
            joints |= keypoint_errors(_with_keypoints(person, earlier), aim, stage)
    # the camera's errors come along, what has moved does not
    joints = {**(in_camera or {}), **joints}
    feet = _feet(tracks.report, person, earlier)
    numbers = tracks.report.numbers(person.track_id, len(person))
    return Person(escaped(person.track_id), figures, feet, aims["after"], numbers, joints)


def _feet(report: Report, person: Estimate, earlier: Estimate | None) -> Float[np.ndarray, "frames 2"] | None:
    """Whether left and right foot stand: what the report found, else the file's probability, if there is one."""
    found = report.stands(person.track_id, len(person))
    contacts = person.contacts if person.contacts is not None or earlier is None else earlier.contacts
    if found is not None or contacts is None or len(contacts) != len(person):
        return found
    # ankles, then toes: a foot stands if either does
    feet: np.ndarray = contacts.reshape(len(contacts), 2, 2).max(1)
    return feet


def _with_keypoints(person: Estimate, earlier: Estimate | None) -> Estimate:
    """The one of both that holds keypoints; the result first."""
    own = person.keypoints is not None or person.points is not None or earlier is None
    return person if own or earlier is None else earlier


def _aim(person: Estimate, earlier: Estimate | None, figure: Figure, space: Space) -> Aim | None:
    """The keypoints of a person beside the points of a body; None without keypoints in these coordinates."""
    holder = _with_keypoints(person, earlier)
    keypoints = holder.points if holder.points is not None else holder.keypoints
    if keypoints is None or len(keypoints.positions) != len(figure.pelvis):
        return None
    rotations = figure.rotations()[:, : figure.body.joint_count].astype(np.float32)
    shape = figure.shape
    own = figure.body.keypoints(keypoints.convention, rotations, figure.pelvis, shape.betas, shape.scale)
    own = own.astype(np.float64)
    if holder.points is not None:
        target = _points_in_scene(holder, keypoints, figure, space)
    else:
        target = _on_rays(holder, keypoints, own) if space == "camera" else None
    if target is None:
        return None
    seen = (keypoints.confidence >= _MIN_CONFIDENCE) & np.isfinite(keypoints.positions).all(-1)
    target[~seen] = np.nan
    return Aim(own, target)


def _on_rays(
    person: Estimate, keypoints: Keypoints, own: Float[np.ndarray, "frames points 3"]
) -> Float[np.ndarray, "frames points 3"] | None:
    """2D keypoints as far from the camera as the body's own points."""
    if keypoints.is_3d or person.camera is None:
        return None
    rays = pixels_to_rays(np.nan_to_num(keypoints.positions), person.camera.K)
    target: np.ndarray = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * -own[..., 2:] * UPRIGHT
    return target


def _points_in_scene(
    person: Estimate, points: Keypoints, figure: Figure, space: Space
) -> Float[np.ndarray, "frames points 3"] | None:
    """3D keypoints of a file in the axes of a scene, moved to the floor with the body."""
    if (person.frame == "world") != (space == "world"):
        return None
    if space == "camera":
        camera: np.ndarray = points.positions * UPRIGHT
        return camera
    (still,), _ = figures_in_place([person], figure.body, [figure.shape])
    placed, _ = figures_of([person], figure.body, [figure.shape])
    world: np.ndarray = points.positions + (placed[0].pelvis - still.pelvis)[:, None]
    return world


def _lens(people: Sequence[Estimate], video: Path | None) -> tuple[float, float]:
    """Vertical field of view and aspect of the first camera; zeros if it is not known."""
    camera = next((person.camera for person in people if person.camera is not None), None)
    if camera is None:
        return 0.0, 0.0
    width, height = camera.image_size or (2 * camera.K[0, 0, 2], 2 * camera.K[0, 1, 2])
    if video is not None:
        info = probe(video)
        width, height = info.width, info.height
    return 2 * math.atan(height / 2 / float(camera.K[0, 1, 1])), width / height
