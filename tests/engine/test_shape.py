"""The shape that is fitted to a track's keypoints."""

from __future__ import annotations

import numpy as np
import torch

from lsmplify_refine.engine.shape import fit_shape
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.conventions import BODY25
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


def test_noise_does_not_make_people_larger() -> None:
    """Five centimetres of noise lengthen the distance between two points, on average."""
    pose, pelvis = true_motion(120)
    body, rotations = open_body(), rotvec_to_rotmat(pose)
    true = body.keypoints("body25", rotations, pelvis, np.zeros(10))
    noisy = true + np.random.default_rng(0).normal(0, 0.05, true.shape)
    track = Pose(torch.tensor(rotations).float(), torch.tensor(pelvis).float())
    found = fit_shape(body, "body25", track, Targets(torch.tensor(noisy).float(), torch.ones(true.shape[:2])))
    fitted = body.keypoints("body25", rotations, pelvis, found.betas, found.scale)
    a, b = np.array(BODY25.edges).T
    fitted_length, true_length = (np.linalg.norm(p[:, a] - p[:, b], axis=-1).mean(0) for p in (fitted, true))
    limbs = true_length > 0.2
    assert (fitted_length / true_length)[limbs].mean() < 1.02
