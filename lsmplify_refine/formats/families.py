"""Conversion between SMPL, SMPL-H and SMPL-X: the 21 body joints and the place of the pelvis are kept."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.formats.hands import FACE, dropped_notes, without_extremities
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, pelvis_position
from lsmplify_refine.options import Family
from lsmplify_refine.values.estimate import EXTREMITIES, Estimate
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import BODY_JOINTS

_BETAS = 10


def to_family(estimate: Estimate, family: Family, body: BodyModel | None = None) -> tuple[Estimate, list[Note]]:
    """Convert a posed body to another family; the pelvis keeps its position in camera and world.

    Args:
        estimate: The person.
        family: The target family.
        body: Its J0 is used if it has one of the two families.

    Returns:
        The converted estimate, and notes on what was lost.
    """
    if family == estimate.family:
        return estimate, []
    text = f"converted from {estimate.family} to {family}: 21 body joints and the pelvis position are kept"
    notes = [Note("family-converted", text)]
    shares_shape = {family, estimate.family} == {"smpl", "smplh"}
    betas = np.zeros((len(estimate), _BETAS), estimate.betas.dtype)
    if shares_shape:
        betas = estimate.betas[:, :_BETAS]
    else:
        text = f"{estimate.family} betas do not transfer to {family}; the mean shape is written"
        notes.append(Note("shape-replaced", text))
    if estimate.family == "smpl" and estimate.body_pose[:, 21:].any():
        text = "SMPL's two hand joints have no counterpart; their rotations are left out"
        notes.append(Note("hand-joints-dropped", text))
    lost = {"smpl": EXTREMITIES, "smplh": FACE, "smplx": ()}[family]
    notes += dropped_notes(estimate, family, lost)
    estimate = without_extremities(estimate, lost)
    before, after = rest_pelvis(estimate.family, estimate.betas, body), rest_pelvis(family, betas, body)
    converted = change_family(estimate, family, rest_pelvis_from=before, rest_pelvis_to=after, betas=betas)
    if estimate.world is not None:
        turned = estimate.replace(transl=estimate.world.transl)
        moved = change_family(turned, family, rest_pelvis_from=before, rest_pelvis_to=after, betas=betas)
        world = type(estimate.world)(estimate.world.global_orient, moved.transl, estimate.world.up)
        converted = converted.replace(world=world)
    return converted, notes


def rest_pelvis(family: Family, betas: np.ndarray, body: BodyModel | None = None) -> np.ndarray:
    """J0 (T, 3) of a shape (T, B): from `body` if it has that family, else the family's mean."""
    if body is not None and not body.is_open and body.family == family:
        return body.rest_pelvis(betas[:, : body.num_betas])
    return np.broadcast_to(np.array(MEAN_REST_PELVIS[family]), (len(betas), 3))


def change_family(
    estimate: Estimate, family: Family, *, rest_pelvis_from: np.ndarray, rest_pelvis_to: np.ndarray, betas: np.ndarray
) -> Estimate:
    """Convert the pose to another family; the pelvis keeps its position.

    All families share the first 21 body joints. SMPL's two hand joints are set to rest or dropped.

    Args:
        estimate: The track to convert.
        family: The target family.
        rest_pelvis_from: (3,) or (T, 3) J0 under the estimate's own model and shape.
        rest_pelvis_to: (3,) or (T, 3) J0 under the new model with `betas`.
        betas: (T, B) shape in the new family; shapes do not transfer, so the caller gives it.
    """
    joints = BODY_JOINTS[family]
    body_pose = np.zeros((len(estimate), joints, 3), dtype=estimate.body_pose.dtype)
    shared = min(joints, estimate.body_pose.shape[1])
    body_pose[:, :shared] = estimate.body_pose[:, :shared]
    transl = pelvis_position(estimate.transl, rest_pelvis_from) - rest_pelvis_to
    return estimate.replace(family=family, body_pose=body_pose, betas=betas, transl=transl)
