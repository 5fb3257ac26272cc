"""The shape that is fitted to a track's keypoints."""

from __future__ import annotations

import numpy as np
import torch

from lsmplify_refine.engine.shape import fit_shape
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.problem import Pose, Targets
from tests.support.scenes import open_body, scene, true_motion


def test_fitting_finds_the_shape_through_wrong_poses_and_outliers() -> None:
    pose, pelvis = true_motion(60)
    body, betas, scale = open_body(), np.array([1.5, -1.0, 0.5, 0, 0, 0, 0, 0, 0, 0]), 1.05
    estimate = scene(60, error_deg=5)
    assert estimate.camera is not None and estimate.keypoints is not None
    true = body.keypoints("coco17", rotvec_to_rotmat(pose), pelvis + np.array([0.04, -0.03, 0]), betas, scale)
    positions = true[..., :2] / true[..., 2:]
    positions[::7, 3] += 1.0
    rotations = torch.tensor(rotvec_to_rotmat(pose)).float()
    targets = Targets(torch.tensor(positions).float(), torch.ones(60, 17))
    found = fit_shape(body, "coco17", Pose(rotations, torch.tensor(pelvis).float()), targets)
    fitted = body.keypoints("coco17", rotvec_to_rotmat(pose), pelvis + found.offset, found.betas, found.scale)
    # betas and scale trade off against each other; the body in the picture is what counts
    assert np.abs(fitted[..., :2] / fitted[..., 2:] - true[..., :2] / true[..., 2:]).mean() * 4 < 0.005
