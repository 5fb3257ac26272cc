"""Targets: turn an estimate and its keypoints into the solver's pose and observations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int, Real

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.align import Alignment, align
from lsmplify_refine.engine.parameters import to_pose
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, pelvis_position
from lsmplify_refine.geometry.projection import pixels_to_rays
from lsmplify_refine.options import Align
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints

#: Keypoints below this confidence count as missing.
_MIN_CONFIDENCE = 0.05


def rest_pelvis(estimate: Estimate, body: BodyModel) -> Float[np.ndarray, "*frames 3"]:
    """J0, (3,) or (T, 3), of the estimate's own model: from `body` if it is that model, else the family's mean."""
    if not body.is_open and body.family == estimate.family:
        return body.rest_pelvis(estimate.betas)
    return np.array(MEAN_REST_PELVIS[estimate.family])


def betas_on_body(estimate: Estimate, body: BodyModel) -> Real[np.ndarray, " betas"]:
    """The estimate's median betas if the engine's body is of its family, else the mean shape's."""
    if body.is_open or body.family != estimate.family:
        return np.zeros(1)
    betas: np.ndarray = np.median(estimate.betas, axis=0)
    return betas


def pose_on_body(estimate: Estimate, body: BodyModel) -> Pose:
    """The estimate's pose on the engine's body: shared joints copied, the others at rest, the pelvis where it is."""
    pelvis = pelvis_position(estimate.transl.astype(np.float64), rest_pelvis(estimate, body))
    return to_pose(estimate.global_orient, estimate.body_pose, pelvis, body.joint_count)


def image_targets(keypoints: Keypoints, camera: Camera) -> Targets:
    """2D keypoints as normalised image coordinates; missing ones get weight 0 and a finite position."""
    weights = _weights(keypoints)
    rays = pixels_to_rays(np.nan_to_num(keypoints.positions), camera.K)
    return Targets(torch.as_tensor(rays).float(), torch.as_tensor(weights).float())


def space_targets(
    keypoints: Keypoints,
    points: Float[np.ndarray, "frames points 3"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    mode: Align = "auto",
    *,
    still: bool = False,
) -> tuple[Targets, Keypoints, Alignment]:
    """3D keypoints in the estimate's frame; missing ones get weight 0 and a finite position.

    Args:
        keypoints: 3D keypoints in any frame.
        points: The estimate's own keypoints, metres.
        frame_ids: Video frame of each row.
        fps: Frames per second.
        mode: How to align them (see `align`).
        still: Whether that frame is a world (see `align`).

    Returns:
        The targets, the keypoints in the estimate's frame, and the alignment.

    Raises:
        InputError: They cannot be aligned.
    """
    weights = _weights(keypoints)
    convention = keypoints.convention
    try:
        found = align(
            points,
            keypoints.positions,
            weights,
            mode,
            convention=convention,
            frame_ids=frame_ids,
            fps=fps,
            still=still,
        )
    except InputError as error:
        raise InputError(f"{keypoints.source or 'keypoints'}: {error}") from error
    moved = found.transform(np.nan_to_num(keypoints.positions.astype(np.float64)))
    confidence = np.where(weights > 0, keypoints.confidence, 0.0)
    targets = Targets(torch.as_tensor(moved).float(), torch.as_tensor(weights).float())
    return targets, replace(keypoints, positions=moved, confidence=confidence), found


def given_targets(keypoints: Keypoints) -> Targets:
    """3D keypoints as given; missing ones get weight 0 and a finite position."""
    positions = np.nan_to_num(keypoints.positions.astype(np.float64))
    return Targets(torch.as_tensor(positions).float(), torch.as_tensor(_weights(keypoints)).float())


def _weights(keypoints: Keypoints) -> Real[np.ndarray, "frames points"]:
    """Confidence of usable keypoints, else 0."""
    counts = (keypoints.confidence >= _MIN_CONFIDENCE) & np.isfinite(keypoints.positions).all(-1)
    return np.where(counts, keypoints.confidence, 0.0)
