"""Refinements as the comparison video takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from lsmplify_refine.engine.refinement import BodyTrack, Refinement
from lsmplify_refine.errors import escaped
from lsmplify_refine.formats.figure import Figure
from lsmplify_refine.formats.scene import figures_of
from lsmplify_refine.geometry.metrics import confidence_weighted_mean, confidence_weighted_means, keypoint_errors
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.smpl_joints import joint_indices
from lsmplify_refine.visual.comparison import DrawnBody, DrawnPerson, WorldBody
from lsmplify_refine.visual.comparison.style import Stage

#: Whose trails are drawn.
_TOES = joint_indices("left_foot", "right_foot")
#: A point whose confidence counts by less than this was repaired.
_TRUSTED = 0.5


def drawn_people(refinements: Sequence[Refinement], *, in_world: bool) -> list[DrawnPerson]:
    """Everybody, as the comparison video takes them.

    Args:
        refinements: Everybody.
        in_world: Whether the bodies are shown in their world, which they must then have.
    """
    worlds = _worlds(refinements) if in_world else [{} for _ in refinements]
    return [_drawn(refinement, figures) for refinement, figures in zip(refinements, worlds, strict=True)]


def _drawn(refinement: Refinement, figures: Mapping[Stage, Figure]) -> DrawnPerson:
    """One person; 3D keypoints are projected into the image."""
    camera, keypoints, estimate = refinement.camera, refinement.keypoints, refinement.estimate
    shown: Keypoints | None = keypoints
    if keypoints.is_3d:
        shown = None if camera is None else _projected(keypoints, camera)
    tracks: dict[Stage, BodyTrack] = {"before": refinement.before, "after": refinement.after}
    if refinement.as_read is not None:
        tracks["input"] = refinement.as_read
    decisions = zip(refinement.status, refinement.reasons, strict=True)
    return DrawnPerson(
        frame_ids=estimate.frame_ids,
        faces=refinement.before.body.faces,
        bodies={stage: _body(refinement, track) for stage, track in tracks.items()},
        K=None if camera is None else camera.K,
        keypoints=shown,
        captions=["" if status == "accepted" else f"{status}: {reason}" for status, reason in decisions],
        status=refinement.status,
        repaired=_repaired(refinement),
        world={stage: _in_world(figure) for stage, figure in figures.items()},
        heading=_heading(refinement, figures["before"]) if figures else 0.0,
        name=escaped(estimate.track_id),
        unit="mm" if keypoints.is_3d else "px",
    )


def _projected(keypoints: Keypoints, camera: Camera) -> Keypoints:
    return replace(keypoints, positions=project_to_image(keypoints.positions, camera.K))


def _body(refinement: Refinement, track: BodyTrack) -> DrawnBody:
    camera, keypoints = refinement.camera, refinement.keypoints
    points = track.keypoints(keypoints.convention)
    errors = keypoint_errors(points, camera, keypoints)
    return DrawnBody(
        track.vertices,
        points=None if camera is None else project_to_image(points, camera.K),
        errors=confidence_weighted_means(errors, keypoints.confidence, 1),
        mean_error=confidence_weighted_mean(errors, keypoints.confidence),
    )


def _repaired(refinement: Refinement) -> Bool[np.ndarray, " frames"] | None:
    """Frames in which keypoints were swapped back, or hardly count."""
    repairs, seen = refinement.repairs, refinement.keypoints.confidence > 0
    if repairs is None:
        return None
    found: np.ndarray = seen & (repairs.swapped | (repairs.trust < _TRUSTED))
    rows: np.ndarray = np.any(found, axis=1)
    return rows


def _worlds(refinements: Sequence[Refinement]) -> list[dict[Stage, Figure]]:
    """Everybody before and after in their world, whose floor is brought to height 0."""
    body = refinements[0].after.body
    shapes = [BodyShape(each.after.betas, each.after.scale) for each in refinements]
    before = figures_of([each.estimate for each in refinements], body, shapes)[0]
    after = figures_of([each.refined for each in refinements], body, shapes)[0]
    # a world's height 0 need not be its floor
    floor = np.array([0.0, min(figure.soles() for figure in after), 0.0])
    before, after = ([replace(each, pelvis=each.pelvis - floor) for each in figures] for figures in (before, after))
    return [{"before": first, "after": last} for first, last in zip(before, after, strict=True)]


def _in_world(figure: Figure) -> WorldBody:
    body, shape = figure.body, figure.shape
    rotations = figure.rotations()[:, : body.joint_count].astype(np.float32)

    def vertices(rows: np.ndarray) -> np.ndarray:
        return body.vertices(rotations[rows], figure.pelvis[rows], shape.betas, shape.scale)

    joints = body.joints(rotations, figure.pelvis, shape.betas, shape.scale)
    return WorldBody(vertices, figure.pelvis, joints[:, _TOES])


def _heading(refinement: Refinement, figure: Figure) -> float:
    """Azimuth of the camera that filmed the first frame; without one, of a place before the person."""
    root = rotvec_to_rotmat(figure.rotvec[0, 0].astype(np.float64))
    estimate = refinement.estimate
    toward = root[:, 2]
    if estimate.frame == "camera":
        # the root's two orientations give the camera's, whose z axis looks at the person
        toward = -(root @ rotvec_to_rotmat(estimate.global_orient[0].astype(np.float64)).T)[:, 2]
    return float(np.arctan2(toward[0], toward[2]))
