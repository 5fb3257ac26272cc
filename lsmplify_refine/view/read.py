"""Read what the viewer shows: a result, the input that it was refined from, and the report beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.formats.load_save import load
from lsmplify_refine.formats.scene import figures_in_place, figures_of
from lsmplify_refine.geometry.projection import pixels_to_rays
from lsmplify_refine.safe_load import load_json
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.view.clip import Aim, Clip, Person, Space, Stage
from lsmplify_refine.visual.video import probe

#: From the camera's axes (y down, z forward) to the scene's (y up).
_UPRIGHT = np.array([1.0, -1.0, -1.0])
#: Keypoints below this confidence are not shown.
_MIN_CONFIDENCE = 0.2
#: A longer clip is too long to look at, frames.
_MAX_FRAMES = 1_000_000
_REFINED, _REPORT = "_refined", "_report.json"


@dataclass(frozen=True)
class Report:
    """The report beside a result, as far as it is shown."""

    source: Path | None = None
    open_body: bool = False
    people: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_clip(
    result: Path,
    *,
    before: Path | None = None,
    video: Path | None = None,
    space: Space | None = None,
    body: BodyModel | None = None,
    format: str | None = None,
) -> Clip:
    """Read a scene.

    Args:
        result: Any file or folder that `load` reads, refined or not.
        before: The input that it was refined from; by default what the report beside `result` names.
        video: Its video; by default the one beside the files.
        space: Coordinates; by default the world's where everybody has one.
        body: The body model to show; by default the open body.
        format: Of `result`, as in `load`.

    Raises:
        InputError: A file cannot be read, or does not hold these coordinates.
    """
    after = load(result, format=format)
    report = read_report(result)
    source = before or report.source
    earlier = {person.track_id: person for person in load(source)} if source is not None else {}
    space = space or ("world" if all(_has_world(person) for person in after) else "camera")
    if space == "camera" and any(person.frame == "world" for person in after):
        raise InputError(f"{result}: is in world coordinates and holds no camera; leave out --space camera")
    shapes = [_shape(report, person) if body is None else None for person in after]
    shown = {"after": _figures(after, body, shapes, space)}
    kept = [person for person in after if person.track_id in earlier]
    if kept:
        before_shapes = [_shape(report, person) if body is None else None for person in kept]
        shown["before"] = _figures([earlier[person.track_id] for person in kept], body, before_shapes, space)
    people = []
    for index, person in enumerate(after):
        figures: dict[Stage, Any] = {"after": shown["after"][index]}
        if person in kept:
            figures["before"] = shown["before"][kept.index(person)]
        people.append(_person(person, earlier.get(person.track_id), figures, report, space))
    return _clip(result, after, tuple(people), space, video or after[0].video)


def read_report(result: Path) -> Report:
    """The report beside a result; empty if there is none that can be read."""
    path = result.with_name(result.stem.removesuffix(_REFINED) + _REPORT)
    try:
        tree = load_json(path) if path.is_file() else None
    except InputError:
        return Report()
    if not isinstance(tree, dict):
        return Report()
    settings, listed = tree.get("settings"), tree.get("people")
    if not isinstance(settings, dict) or not isinstance(listed, list):
        return Report()
    people = {str(each.get("track_id")): each for each in listed if isinstance(each, dict)}
    return Report(_source(result, settings.get("input")), settings.get("body_model") is None, people)


def _source(result: Path, named: Any) -> Path | None:
    """The input that a report names: beside the result, or where it was."""
    if not isinstance(named, str) or not named:
        return None
    beside = result.parent / Path(named).name
    for path in (beside, Path(named)):
        # a folder that was refined in place holds its own result
        if path.exists() and path.resolve() != result.resolve():
            return path
    return None


def _has_world(person: Estimate) -> bool:
    return person.world is not None or person.frame == "world"


def _shape(report: Report, person: Estimate) -> BodyShape | None:
    """The shape that was fitted to a person, if it is the open body's."""
    found = report.people.get(person.track_id, {}).get("shape")
    if not report.open_body or not isinstance(found, dict):
        return None
    try:
        betas, scale = np.array(found["betas"], float), float(found["scale"])
    except (KeyError, TypeError, ValueError):
        return None
    sound = betas.ndim == 1 and np.isfinite(betas).all() and math.isfinite(scale) and 0.2 < scale < 5
    return BodyShape(betas, scale) if sound else None


def _figures(
    people: Sequence[Estimate], body: BodyModel | None, shapes: Sequence[BodyShape | None], space: Space
) -> list[Any]:
    if space == "world":
        return figures_of(people, body, shapes)[0]
    return figures_in_place([person.replace(world=None) for person in people], body, shapes)[0]


def _person(
    person: Estimate, earlier: Estimate | None, figures: dict[Stage, Any], report: Report, space: Space
) -> Person:
    contacts = person.contacts if person.contacts is not None or earlier is None else earlier.contacts
    # ankles, then toes: a foot stands if either does
    feet = None if contacts is None else contacts.reshape(len(contacts), 2, 2).max(1)
    keypoints = person if person.keypoints is not None or earlier is None else earlier
    aim = _aim(keypoints, figures["after"]) if space == "camera" else None
    found = report.people.get(person.track_id, {}).get("per_frame")
    return Person(person.track_id, figures, feet, aim, _numbers(found, len(person)))


def _aim(person: Estimate, figure: Any) -> Aim | None:
    keypoints, camera = person.keypoints, person.camera
    if keypoints is None or keypoints.is_3d or camera is None or len(keypoints.positions) != len(figure.pelvis):
        return None
    rotations = figure.rotations()[:, : figure.body.joint_count].astype(np.float32)
    shape = figure.shape
    own = figure.body.keypoints(keypoints.convention, rotations, figure.pelvis, shape.betas, shape.scale)
    rays = pixels_to_rays(np.nan_to_num(keypoints.positions), camera.K)
    target = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * -own[..., 2:] * _UPRIGHT
    seen = (keypoints.confidence >= _MIN_CONFIDENCE) & np.isfinite(keypoints.positions).all(-1)
    target[~seen] = np.nan
    return Aim(own, target, tuple(CONVENTIONS[keypoints.convention].edges))


def _numbers(found: Any, frames: int) -> dict[str, list[str]]:
    """A report's values for each frame, as text."""
    if not isinstance(found, dict):
        return {}
    columns = {key: value for key, value in found.items() if isinstance(value, list) and len(value) == frames}
    return {escaped(key): ["" if each is None else escaped(each) for each in value] for key, value in columns.items()}


def _clip(
    result: Path, people: Sequence[Estimate], shown: tuple[Person, ...], space: Space, video: Path | None
) -> Clip:
    ids = np.concatenate([person.frame_ids for person in shown])
    start, stop = int(ids.min()), int(ids.max()) + 1
    if stop - start > _MAX_FRAMES:
        raise InputError(f"{result}: frames {start} to {stop - 1} are too many to show")
    fov, aspect = _lens(people, video) if space == "camera" else (0.0, 0.0)
    floor = 0.0 if space == "world" else min(person.figures["after"].soles() for person in shown)
    fps = shown[0].figures["after"].fps
    pictures = video if fov > 0 else None
    return Clip(escaped(result.name), space, shown, fps, start, stop, floor, pictures, fov, aspect)


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
