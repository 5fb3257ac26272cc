"""BODY_25 inputs: a convention's points go to the inputs of the same name, as points of the same body."""

from __future__ import annotations

import numpy as np
import torch

from lsmplify_refine.body import skinning
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.regressor.body25 import body25_skeleton, body25_targets
from lsmplify_refine.regressor.fusion import FrameSolver
from lsmplify_refine.regressor.network import NetworkConfig, ResidualRegressor
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.conventions import BODY25, COCO17
from tests.support.scenes import open_body, true_motion

FRAMES = 4


def test_coco_points_stand_in_their_places_and_the_rest_is_missing() -> None:
    pose, pelvis = true_motion(FRAMES)
    rotations = rotvec_to_rotmat(pose)
    coco = open_body().keypoints("coco17", rotations, pelvis, np.zeros(10))
    targets = body25_targets(Targets(torch.tensor(coco), torch.full((FRAMES, 17), 0.5)), "coco17")
    theirs, ours = (open_body().skeleton(name, np.zeros(10)) for name in ("coco17", "body25"))
    skeleton = body25_skeleton(theirs, ours, "coco17")
    posed = skinning.keypoints(skeleton, torch.tensor(rotations).float()).numpy() + pelvis[:, None]
    own = open_body().keypoints("body25", rotations, pelvis, np.zeros(10))
    for place, name in enumerate(BODY25.points):
        if name in COCO17.points:
            assert np.allclose(posed[:, place], coco[:, COCO17.points.index(name)], atol=1e-5), name
            assert torch.allclose(targets.positions[:, place].float(), torch.tensor(posed[:, place]).float(), atol=1e-5)
        else:
            assert np.allclose(posed[:, place], own[:, place], atol=1e-5), name
            assert (targets.weights[:, place] == 0).all()
    assert (targets.weights > 0).sum() == FRAMES * 17


def test_a_pose_is_found_from_coco_points() -> None:
    pose, pelvis = true_motion(FRAMES)
    truth = Pose(torch.tensor(rotvec_to_rotmat(pose)).float(), torch.tensor(pelvis).float())
    own, body25 = (open_body().skeleton(c, np.zeros(10)) for c in ("coco17", "body25"))
    skeleton = body25_skeleton(own, body25, "coco17")
    points = skinning.keypoints(own, truth.rotations) + truth.pelvis[:, None]
    seen = body25_targets(Targets(points, torch.ones(FRAMES, 17)), "coco17")
    bent = truth.rotations.clone()
    bent[:, 18] = bent[:, 18] @ torch.tensor(rotvec_to_rotmat([0.0, 0.3, 0.1])).float()
    for network in (ResidualRegressor(NetworkConfig(32, 2)), None):
        found = FrameSolver(network, skeleton, torch.zeros(10))(Pose(bent, truth.pelvis + 0.02), seen)
        left = skinning.keypoints(own, found.rotations) + found.pelvis[:, None] - points
        assert left.norm(dim=-1).mean() < 0.004
