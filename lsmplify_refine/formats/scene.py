"""A scene: people as bodies in motion in one world with y up, each in its own shape, for BVH and glTF."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from lsmplify_refine.body import BodyModel
from lsmplify_refine.formats.clip_values import one_rate, one_shape
from lsmplify_refine.formats.families import rest_pelvis
from lsmplify_refine.formats.figure import Figure, on_floor
from lsmplify_refine.formats.hands import AFTER_BODY, dropped_notes, with_flat_hands
from lsmplify_refine.formats.world_root import root_in_world
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.estimate import EXTREMITIES, Estimate
from lsmplify_refine.values.notes import Note


def figures_of(
    people: Sequence[Estimate], body: BodyModel | None, shapes: Sequence[BodyShape | None]
) -> tuple[list[Figure], list[Note]]:
    """People as bodies in motion on the floor of a world with y up, and notes on what was assumed."""
    figures, notes = figures_in_place(people, body, shapes)
    in_world = all(person.has_world for person in people)
    placed, floor_notes = on_floor(figures, has_floor=in_world)
    return placed, list(dict.fromkeys([*notes, *floor_notes]))


def figures_in_place(
    people: Sequence[Estimate], body: BodyModel | None, shapes: Sequence[BodyShape | None]
) -> tuple[list[Figure], list[Note]]:
    """People as moving bodies in their world, with y up; without a world, in the camera's axes turned upright."""
    figures: list[Figure] = []
    notes: list[Note] = []
    for person, shape in zip(people, shapes, strict=True):
        orient, transl, more = root_in_world(person, "y", body)
        fps, rate_notes = one_rate(person)
        own, own_shape, shape_notes = _shaped_body(person, body, shape)
        rotvec, hand_notes = _full_pose(person, orient, own)
        pelvis = (transl + rest_pelvis(person.family, person.betas, body)).astype(np.float64)
        figures.append(Figure(f"person_{person.track_id}", own, own_shape, rotvec, pelvis, person.frame_ids, fps))
        notes += [*more, *rate_notes, *shape_notes, *hand_notes]
    return figures, list(dict.fromkeys(notes))


def _full_pose(
    person: Estimate, orient: Float[np.ndarray, "frames 3"], body: BodyModel
) -> tuple[Float[np.ndarray, "frames joints 3"], list[Note]]:
    """Rotations of the body's joints, root first, as far as they move; and notes on hands and face it cannot hold."""
    shared = min(person.body_pose.shape[1], body.joint_count - 1)
    pose = np.concatenate([orient[:, None], person.body_pose[:, :shared]], axis=1).astype(np.float64)
    person, notes = with_flat_hands(person, body) if body.family != "smpl" else (person, [])
    held = AFTER_BODY[body.family]
    target = "the open body" if body.is_open else f"the skeleton of {body.family}"
    lost = [name for name in EXTREMITIES if name not in held]
    notes += dropped_notes(person, target, lost)
    given = person.extremities()
    if not any(name in given for name in held):
        return pose, notes
    frames = len(person)
    parts = [
        given[name].reshape(frames, -1, 3) if name in given else np.zeros((frames, count, 3))
        for name, count in held.items()
    ]
    return np.concatenate([pose, *parts], axis=1), notes


def _shaped_body(
    estimate: Estimate, body: BodyModel | None, shape: BodyShape | None
) -> tuple[BodyModel, BodyShape, list[Note]]:
    """The body whose skeleton and mesh stand for a person, and the person's shape on it."""
    if shape is not None:
        shown = body or BodyModel.open()
        text = "the body is the open body in the shape that was fitted to the person"
        return shown, shape, [Note("skeleton-open", text)] if shown.is_open else []
    if body is not None and not body.is_open and body.family == estimate.family:
        betas, notes = one_shape(estimate)
        return body, BodyShape(betas[: body.num_betas]), notes
    text = "the skeleton is the open body's; its bone lengths are not the person's"
    return BodyModel.open(), BodyShape(np.zeros(1)), [Note("skeleton-open", text)]


def blend_notes(figures: Sequence[Figure]) -> list[Note]:
    """What a skin without pose blend shapes does not show of these figures."""
    if all(figure.body.arrays.posedirs is None for figure in figures):
        return []
    text = "glb has no pose blend shapes: the skin at bent joints differs from the body model's; joints do not"
    return [Note("pose-blends-dropped", text)]
