"""The numbers of single joints: how far refinement moved and turned them, and how far their keypoint is."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from lsmplify_refine.formats.figure import Figure
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.smpl_joints import JOINT_NAMES
from lsmplify_refine.view.clip import Aim, Bones, Stage

#: From the camera's axes (y down, z forward) to the scene's (y up), and back.
UPRIGHT = np.array([1.0, -1.0, -1.0])
#: Joints that SMPL, SMPL-H and SMPL-X share, and that can be picked.
PICKABLE = len(JOINT_NAMES) - 2


def shared_rows(
    first: Int[np.ndarray, " frames"], second: Int[np.ndarray, " others"]
) -> tuple[Int[np.ndarray, " shared"], Int[np.ndarray, " shared"]]:
    """Rows of two tracks that belong to the same video frames."""
    _, rows, others = np.intersect1d(first, second, return_indices=True)
    return rows, others


def changes(figures: dict[Stage, Figure]) -> dict[str, Float[np.ndarray, "frames joints"]]:
    """How far each joint moved, and turned against its parent, from before to after; empty without a before."""
    if "before" not in figures:
        return {}
    before, after = figures["before"], figures["after"]
    rows, earlier = shared_rows(after.frame_ids, before.frame_ids)
    moved, turned = np.full((2, len(after.frame_ids), PICKABLE), np.nan)
    places = [Bones.of(figure).positions[:, :PICKABLE] for figure in (before, after)]
    moved[rows] = 1000 * np.linalg.norm(places[1][rows] - places[0][earlier], axis=-1)
    own, others = (figure.rotations()[:, :PICKABLE] for figure in (after, before))
    trace = np.einsum("tjab,tjab->tj", own[rows], others[earlier])
    turned[rows] = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    return {"moved, mm": moved, "turned against its parent, degrees": turned}


def keypoint_errors(person: Estimate, aim: Aim, stage: Stage) -> dict[str, Float[np.ndarray, "frames joints"]]:
    """Distance of a body's points to the keypoints that have the name of a joint.

    Args:
        person: Who has the keypoints; its rows are those of `aim`.
        aim: The body's points at `stage`.
        stage: For the name of the numbers.
    """
    points = person.keypoints or person.points
    assert points is not None
    if points.is_3d:
        errors, unit = 1000 * np.linalg.norm(aim.body - aim.target, axis=-1), "mm"
    else:
        assert person.camera is not None
        pixels = project_to_image(aim.body * UPRIGHT, person.camera.K)
        errors, unit = np.linalg.norm(pixels - points.positions, axis=-1), "px"
        errors[~seen(aim)] = np.nan
    names = CONVENTIONS[points.convention].points
    found = np.full((len(errors), PICKABLE), np.nan)
    for joint, name in enumerate(JOINT_NAMES[:PICKABLE]):
        if name in names:
            found[:, joint] = errors[:, names.index(name)]
    return {f"keypoint error {stage}, {unit}": found}


def seen(aim: Aim) -> Bool[np.ndarray, "frames points"]:
    """The keypoints that are shown."""
    found: np.ndarray = np.isfinite(aim.target).all(-1)
    return found
