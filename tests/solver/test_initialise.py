"""Initialisation: from the rest pose, and from a start that faces another way, onto the keypoints."""

from __future__ import annotations

import pytest
import roma
import torch
from torch import Tensor

from lsmplify_refine.geometry.projection import points_to_rays
from lsmplify_refine.regressor.fusion import FrameSolver
from lsmplify_refine.regressor.weights import open_network
from lsmplify_refine.solver.initialise import from_rest, robust_error_m, turned_to_face
from lsmplify_refine.solver.problem import Pose, Targets
from tests.support.scenes import seen, skeleton, true_pose


def turned(pose: Pose, rotvec: Tensor) -> Pose:
    """The same person in the same place, facing another way."""
    rotations = pose.rotations.clone()
    rotations[:, 0] = roma.rotvec_to_rotmat(rotvec) @ rotations[:, 0]
    return Pose(rotations, pose.pelvis)


@pytest.mark.parametrize("image", [False, True])
def test_from_rest_lands_on_the_keypoints(image: bool) -> None:
    truth = true_pose()[:1]
    targets = seen(truth)
    if image:
        targets = Targets(points_to_rays(targets.positions)[0], targets.weights)
    assert robust_error_m(skeleton(), from_rest(skeleton(), targets), targets).item() < 0.03


@pytest.mark.parametrize("weights", ["none", "shipped"])
@pytest.mark.parametrize("angle", [1.5, 2.3, 3.1])
def test_a_start_that_faces_another_way_is_turned_and_refined(weights: str, angle: float) -> None:
    truth = true_pose()
    start = turned(truth, torch.tensor([0.0, angle, 0.0]))
    refined = FrameSolver(open_network(weights), skeleton(), torch.zeros(10))(start, seen(truth))
    assert robust_error_m(skeleton(), refined, seen(truth)).max() < 0.002
    # and the joints, which were right, stay so
    angles = roma.rotmat_geodesic_distance(refined.rotations, truth.rotations)
    assert angles.mean() < 0.02


def test_a_person_with_missing_keypoints_is_turned() -> None:
    truth = true_pose()
    targets = seen(truth)
    weights = targets.weights.clone()
    weights[:, [1, 2, 8, 11]] = 0.0
    start = turned(truth, torch.tensor([0.0, 2.5, 0.0]))
    found = turned_to_face(skeleton(), start, Targets(targets.positions, weights))
    assert roma.rotmat_geodesic_distance(found.rotations[:, 0], truth.rotations[:, 0]).max() < 0.01
    assert (found.pelvis - truth.pelvis).norm(dim=-1).max() < 0.005


def test_each_person_is_turned_independently() -> None:
    truth = true_pose()
    start = turned(truth, torch.tensor([0.0, 2.5, 0.0])).where(torch.arange(30) % 2 == 0, truth)
    found = turned_to_face(skeleton(), start, seen(truth))
    assert torch.equal(found.rotations[1::2], truth.rotations[1::2])
    assert torch.allclose(found.rotations[::2], truth.rotations[::2], atol=1e-4)


def test_near_starts_noise_and_garbage_are_not_turned() -> None:
    truth, generator = true_pose(), torch.Generator().manual_seed(0)
    targets = seen(truth)
    noise = torch.randn(targets.positions.shape, generator=generator)
    garbage = torch.rand(targets.weights.shape, generator=generator) < 0.1
    bad = Targets(targets.positions + 0.03 * noise + 0.3 * noise * garbage[..., None], targets.weights)
    start = turned(truth, torch.tensor([0.1, 0.4, 0.1]))
    far_away = Pose(start.rotations, start.pelvis + 5.0)
    for pose in (truth, start, far_away):
        assert torch.equal(turned_to_face(skeleton(), pose, bad).rotations, pose.rotations)


def test_starts_are_not_turned_in_an_image() -> None:
    """In an image, a person who faces away looks nearly like one who faces the camera."""
    truth = true_pose()
    targets = seen(truth)
    start = turned(truth, torch.tensor([0.0, 2.5, 0.0]))
    assert turned_to_face(skeleton(), start, Targets(points_to_rays(targets.positions)[0], targets.weights)) is start
