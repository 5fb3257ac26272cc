"""From keypoints: shape and format of a first estimate that is made from keypoints alone."""

from __future__ import annotations

import numpy as np
import torch

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.parameters import from_pose
from lsmplify_refine.engine.shape import FittedShape, fit_shape
from lsmplify_refine.engine.targets import rest_pelvis
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note


def shape_from_keypoints(body: BodyModel, convention: str, targets: Targets) -> FittedShape:
    """Shape and size from the lengths of limbs in space; the mean shape for 2D keypoints, which do not show size.

    SMPL has no parameter for size. Only the open body, whose betas no other program reads, gets one.
    """
    if targets.is_image:
        return FittedShape(np.zeros(10), 1.0, np.zeros(3))
    count = len(targets.positions)
    at_rest = Pose(torch.eye(3).expand(count, body.joint_count, 3, 3), torch.zeros(count, 3))
    return fit_shape(body, convention, at_rest, targets, scaled=body.is_open)


def as_estimate(
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
