"""Targets: the solver's observations, and which detections are down-weighted."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.engine.targets import distrust_outliers, image_targets
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.problem import Targets
from tests.support.scenes import open_body, scene, true_motion


def test_an_outlier_in_time_loses_its_weight_and_a_lasting_offset_keeps_it() -> None:
    estimate = scene(45, error_deg=0)
    assert estimate.camera is not None and estimate.keypoints is not None
    pose, pelvis = true_motion(45)
    points = open_body().keypoints("coco17", rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    targets = image_targets(estimate.keypoints, estimate.camera)
    positions = targets.positions.clone()
    positions[20, 9] += 0.2  # 0.8 m at 4 m, for one frame
    positions[:, 10] += 0.1  # 0.4 m throughout
    trusted = distrust_outliers(Targets(positions, targets.weights), points, estimate.frame_ids, 30.0)
    assert trusted.weights[20, 9] < 0.01
    assert trusted.weights[:, 10].min() > 0.9
    assert trusted.weights[:, 5].min() > 0.99
