"""From keypoints: a first estimate of shape and motion that is made from keypoints alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Int

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.correct import decided_share
from lsmplify_refine.engine.follow import Follower
from lsmplify_refine.engine.missing import without_missing
from lsmplify_refine.engine.motion import most_likely_motion
from lsmplify_refine.engine.parameters import from_pose
from lsmplify_refine.engine.shape import FittedShape, fit_shape
from lsmplify_refine.engine.targets import given_targets, image_targets, rest_pelvis
from lsmplify_refine.engine.track import check_confidence
from lsmplify_refine.regressor.body25 import body25_targets
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note


def first_estimate(
    body: BodyModel,
    keypoints: Keypoints,
    camera: Camera | None,
    follower: Callable[[FittedShape, str], Follower],
    *,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    single: bool = False,
) -> Estimate:
    """Fit a shape to keypoints, pose it frame by frame, and find the most likely motion.

    Args:
        body: The body model.
        keypoints: In pixels, or in metres with y up.
        camera: For keypoints in pixels.
        follower: Makes the follower for a shape and the convention of keypoints.
        frame_ids: Ascending video frame of each row.
        fps: Frames per second.
        single: Whether each frame is fitted on its own.

    Raises:
        InputError: No keypoint has any confidence.
    """
    known = without_missing(keypoints.body, camera)
    targets = image_targets(known, camera) if camera and not keypoints.is_3d else given_targets(known)
    check_confidence("keypoints", targets.weights.numpy())
    shape = _shape_from_keypoints(body, known.convention, targets)
    following = follower(shape, known.convention)
    seen = body25_targets(targets.to(following.skeleton.points.device), known.convention)
    pose = following.follow(None, seen)
    if not single:
        share = decided_share(following.skeleton, pose, seen)
        pose = most_likely_motion(pose, pose, share, frame_ids=frame_ids, fps=fps, is_image=seen.is_image, alone=True)
    return _as_estimate(body, pose, shape, keypoints, camera, fps)


def _shape_from_keypoints(body: BodyModel, convention: str, targets: Targets) -> FittedShape:
    """Shape and size from the lengths of limbs in space; the mean shape for 2D keypoints, which do not show size.

    SMPL has no parameter for size. Only the open body, whose betas no other program reads, gets one.
    """
    if targets.is_image:
        return FittedShape(np.zeros(10), 1.0, np.zeros(3))
    count = len(targets.positions)
    at_rest = Pose(torch.eye(3).expand(count, body.joint_count, 3, 3), torch.zeros(count, 3))
    return fit_shape(body, convention, at_rest, targets, scaled=body.is_open)


def _as_estimate(
    body: BodyModel, pose: Pose, shape: FittedShape, keypoints: Keypoints, camera: Camera | None, fps: float
) -> Estimate:
    """A track of poses as an estimate of the body's family, in the frame of its keypoints."""
    family = body.family
    count = len(pose.pelvis)
    rotvec = from_pose(pose, family)
    # other programs cannot read betas of the open body
    betas = np.zeros(10) if body.is_open else shape.betas
    estimate = Estimate(
        family=family,
        gender="neutral",
        global_orient=rotvec[:, 0],
        body_pose=rotvec[:, 1:],
        betas=np.tile(betas, (count, 1)),
        transl=np.zeros((count, 3)),
        frame="world" if keypoints.is_3d else "camera",
        camera=camera,
        fps=fps,
        keypoints=keypoints,
        notes=(Note("posed-from-keypoints", "posed from keypoints alone: there was no estimate to start from"),),
    )
    return estimate.replace(transl=pose.pelvis.cpu().double().numpy() - rest_pelvis(estimate, body))
