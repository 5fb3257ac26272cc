"""Track: the estimate on the engine's body, and its keypoints in the same coordinates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Real

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.align import Alignment
from lsmplify_refine.engine.missing import without_missing
from lsmplify_refine.engine.refinement import Repairs
from lsmplify_refine.engine.swapped_sides import Repaired, all_swapped_back, exchanged, swap_back
from lsmplify_refine.engine.targets import (
    betas_on_body,
    image_targets,
    pose_on_body,
    space_targets,
)
from lsmplify_refine.engine.trust import trust_kept, trusted
from lsmplify_refine.engine.view import on_body
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.camera_pose import recover_camera
from lsmplify_refine.options import Align
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note


@dataclass(frozen=True)
class Track:
    """An estimate on the engine's body with its keypoints, the input of all later stages.

    Attributes:
        pose: The estimate's pose on the engine's body.
        camera: The camera of the pose; None if 3D keypoints come without one.
        keypoints: The keypoints of the body, 3D ones in the coordinates of the pose.
        targets: The solver's observations, made from the keypoints; outliers are down-weighted.
        repairs: What was done to the keypoints before they counted.
        notes: What the user should know.
        alignment: How 3D keypoints were moved into the estimate's frame; None for 2D ones.
    """

    pose: Pose
    camera: Camera | None
    keypoints: Keypoints
    targets: Targets
    repairs: Repairs
    notes: tuple[Note, ...]
    alignment: Alignment | None = None


def make_track(estimate: Estimate, body: BodyModel, *, fps: float, align: Align) -> Track:
    """Put an estimate on the engine's body, and its keypoints into one frame with it.

    Args:
        estimate: With keypoints, and with a camera if they are 2D.
        body: The engine's body.
        fps: Frames per second.
        align: How to align 3D keypoints with the estimate.

    Raises:
        InputError: Keypoints or camera are missing, or do not fit the estimate.
    """
    where = estimate.source or "estimate"
    if estimate.keypoints is None:
        raise InputError(f"{where}: no keypoints; give them as Estimate.keypoints")
    keypoints = without_missing(estimate.keypoints.body, estimate.camera)
    if len(keypoints.positions) != len(estimate):
        raise InputError(f"{where}: {len(keypoints.positions)} rows of keypoints for {len(estimate)} frames")
    pose = pose_on_body(estimate, body)
    betas = betas_on_body(estimate, body)
    points = body.keypoints(keypoints.convention, pose.rotations.numpy(), pose.pelvis.numpy(), betas)
    if keypoints.is_3d:
        track = _in_space(estimate, keypoints, pose, points, fps, align)
    else:
        track, points = _in_image(estimate, keypoints, pose, points, fps)
    targets = trusted(track.targets, track.keypoints, points, track.camera, estimate.frame_ids, fps)
    repairs = replace(track.repairs, trust=trust_kept(track.targets, targets))
    return replace(track, targets=targets, repairs=repairs)


def check_confidence(where: Path | str, confidence: Real[np.ndarray, "frames points"]) -> None:
    """Refuse keypoints without any confidence.

    Raises:
        InputError: All of it is 0.
    """
    if not (confidence > 0).any():
        raise InputError(f"{where}: no keypoint has any confidence; nothing to refine onto")


def _in_space(
    estimate: Estimate,
    keypoints: Keypoints,
    pose: Pose,
    points: Float[np.ndarray, "frames points 3"],
    fps: float,
    align: Align,
) -> Track:
    """The track and its 3D keypoints, which are moved to the estimate's frame."""
    check_confidence(estimate.source or "estimate", keypoints.confidence)
    still = estimate.frame == "world"
    whole = all_swapped_back(keypoints, points, keypoints.confidence, estimate.frame_ids, fps)
    keypoints = whole.keypoints
    targets, moved, alignment = space_targets(keypoints, points, estimate.frame_ids, fps, align, still=still)
    repaired = _swapped_back(moved, targets, points, estimate.frame_ids, fps)
    if repaired.swapped.any():
        keypoints = exchanged(keypoints, repaired.swapped)
        targets, moved, alignment = space_targets(keypoints, points, estimate.frame_ids, fps, align, still=still)
    # intrinsics do not apply to world coordinates
    camera = estimate.camera if estimate.frame == "camera" else None
    # sides swapped twice are back
    repairs = _swapped(whole.swapped ^ repaired.swapped)
    return Track(pose, camera, moved, targets, repairs, alignment.notes() + whole.notes + repaired.notes, alignment)


def _in_image(
    estimate: Estimate,
    keypoints: Keypoints,
    pose: Pose,
    points: Float[np.ndarray, "frames points 3"],
    fps: float,
) -> tuple[Track, Float[np.ndarray, "frames points 3"]]:
    """The track in camera coordinates, and its body's keypoints there; a missing camera pose is recovered."""
    camera = estimate.camera
    if camera is None:
        raise InputError(f"{estimate.source or 'estimate'}: no camera intrinsics; give them as Estimate.camera")
    targets = image_targets(keypoints, camera)
    check_confidence(estimate.source or "estimate", targets.weights.numpy())
    notes: tuple[Note, ...] = ()
    if estimate.frame == "world":
        rotation, translation = recover_camera(points, keypoints, camera.K, fps)
        pose = _seen_from(pose, rotation, translation)
        points = np.einsum("tij,tkj->tki", rotation, points) + translation[:, None]
        notes = (Note("camera-recovered", "the camera was recovered from posed joints and keypoints"),)
    repaired = _swapped_back(keypoints, targets, points, estimate.frame_ids, fps)
    targets = image_targets(repaired.keypoints, camera)
    repairs = _swapped(repaired.swapped)
    return Track(pose, camera, repaired.keypoints, targets, repairs, notes + repaired.notes), points


def _swapped_back(
    keypoints: Keypoints,
    targets: Targets,
    points: Float[np.ndarray, "frames points 3"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> Repaired:
    """The keypoints, whose targets are given, with their sides swapped back."""
    view = on_body(targets, points)
    return swap_back(keypoints, view.positions, view.body, frame_ids, fps)


def _swapped(swapped: Bool[np.ndarray, "frames points"]) -> Repairs:
    """Swapped points, all of them trusted."""
    return Repairs(swapped, np.ones(swapped.shape))


def _seen_from(
    pose: Pose, rotation: Float[np.ndarray, "frames 3 3"], translation: Float[np.ndarray, "frames 3"]
) -> Pose:
    """A world pose in camera coordinates, for `R_camera_world` and `t_camera_world`."""
    turn, move = torch.as_tensor(rotation).float(), torch.as_tensor(translation).float()
    rotations = pose.rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    return Pose(rotations, (turn @ pose.pelvis[..., None])[..., 0] + move)
