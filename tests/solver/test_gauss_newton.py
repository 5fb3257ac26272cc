"""Gauss-Newton onto keypoints: exact for exact keypoints; unseen joints do not move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import roma
import torch

from lsmplify_refine.body import skinning
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.gauss_newton import project
from lsmplify_refine.solver.problem import Pose, Prior, Schedule, Targets
from tests.support.scenes import open_body, true_motion

EXACT = Schedule(damping=(10, 3, 1, 0.3, 0.1, 0.1), radius_m=(9.0,) * 6)


def loose_prior(frames: int, joints: int = 24) -> Prior:
    return Prior(torch.full((frames, joints), 1e-3), torch.full((frames, 3), 1e-5))


def test_exact_3d_keypoints_are_reached() -> None:
    pose, pelvis = true_motion(20)
    skeleton = open_body().skeleton("body25", np.zeros(10))
    rotations, place = torch.tensor(rotvec_to_rotmat(pose)).float(), torch.tensor(pelvis).float()
    points = skinning.keypoints(skeleton, rotations) + place[:, None]
    generator = torch.Generator().manual_seed(0)
    wrong = rotations @ roma.rotvec_to_rotmat(0.15 * torch.randn(20, 24, 3, generator=generator))
    start = Pose(wrong, place + 0.05)
    found = project(skeleton, start, Targets(points, torch.ones(20, 25)), loose_prior(20), EXACT)
    before, after = (
        (skinning.keypoints(skeleton, p.rotations) + p.pelvis[:, None] - points).norm(dim=-1).mean()
        for p in (start, found)
    )
    assert after < 0.002 < 0.05 < before


def test_batched_shapes_equal_one_at_a_time() -> None:
    pose, _ = true_motion(3)
    rotations = torch.tensor(rotvec_to_rotmat(pose)).float()
    betas = np.random.default_rng(0).normal(0, 1, (3, 10))
    single = [open_body().skeleton("body25", b) for b in betas]
    batched = skinning.Skeleton(
        single[0].parents,
        torch.stack([s.rest_joints for s in single]),
        torch.stack([s.points for s in single]),
        single[0].shares,
        None,
    )
    expected = torch.cat([skinning.keypoints(s, rotations[i : i + 1]) for i, s in enumerate(single)])
    assert torch.allclose(skinning.keypoints(batched, rotations), expected, atol=1e-6)


@pytest.mark.parametrize("image", [False, True])
def test_single_precision_is_enough(image: bool) -> None:
    pose, pelvis = true_motion(20)
    skeleton = open_body().skeleton("body25", np.zeros(10))
    rotations, place = torch.tensor(rotvec_to_rotmat(pose)), torch.tensor(pelvis)
    double = skinning.Skeleton(
        skeleton.parents, skeleton.rest_joints.double(), skeleton.points.double(), skeleton.shares.double(), None
    )
    generator = torch.Generator().manual_seed(0)
    noise = 0.02 * torch.randn(20, 25, 3, generator=generator, dtype=torch.float64)
    points = skinning.keypoints(double, rotations) + place[:, None] + noise
    targets = Targets(points[..., :2] / points[..., 2:] if image else points, torch.ones(20, 25).double())
    wrong = rotations @ roma.rotvec_to_rotmat(0.15 * torch.randn(20, 24, 3, generator=generator).double())
    found = [
        project(
            body,
            Pose(wrong.to(kind), place.to(kind) + 0.05),
            Targets(targets.positions.to(kind), targets.weights.to(kind)),
            Prior(torch.full((20, 24), 1e-3, dtype=kind), torch.full((20, 3), 1e-5, dtype=kind)),
            Schedule(damping=(10.0, 3.0, 1.0), radius_m=(1.0, 0.6, 0.4)),
        )
        for body, kind in ((skeleton, torch.float32), (double, torch.float64))
    ]
    assert torch.allclose(found[0].rotations.double(), found[1].rotations, atol=3e-4)
    assert torch.allclose(found[0].pelvis.double(), found[1].pelvis, atol=1e-4)


def test_missing_keypoints_leave_their_joint_and_infinite_priors_hold() -> None:
    pose, pelvis = true_motion(5)
    skeleton = open_body().skeleton("body25", np.zeros(10))
    rotations, place = torch.tensor(rotvec_to_rotmat(pose)).float(), torch.tensor(pelvis).float()
    points = skinning.keypoints(skeleton, rotations) + place[:, None] + 0.02
    weights = torch.ones(5, 25)
    weights[:, [3, 4]] = 0  # right elbow and wrist
    prior = loose_prior(5)
    prior.rotation[:, 5] = torch.inf
    found = project(skeleton, Pose(rotations, place), Targets(points, weights), prior, EXACT)
    assert torch.equal(found.rotations[:, [5, 19]], rotations[:, [5, 19]])
    assert not torch.equal(found.rotations[:, 18], rotations[:, 18])


def test_joints_that_turn_together_share_what_the_keypoints_ask_for() -> None:
    """An elbow bends as far as its keypoints say, and a prior that ties the wrist to it turns the wrist as far."""
    pose, pelvis = true_motion(5)
    skeleton = open_body().skeleton("body25", np.zeros(10))
    rotations, place = torch.tensor(rotvec_to_rotmat(pose)).float(), torch.tensor(pelvis).float()
    bent = rotations.clone()
    bend = torch.tensor([0.0, 0.3, 0.0])
    bent[:, [18, 20]] = roma.rotvec_to_rotmat(bend) @ bent[:, [18, 20]]
    points = skinning.keypoints(skeleton, bent) + place[:, None]
    together = torch.zeros(5, 24, 3, 1)
    together[:, [18, 20], 1] = 100.0
    prior = Prior(torch.full((5, 24), 1e3), torch.full((5, 3), 1e3), together)
    targets, start = Targets(points, torch.ones(5, 25)), Pose(rotations, place)
    for begin in (None, Pose(bent, place + 0.02)):
        found = project(skeleton, start, targets, prior, Schedule((1.0,) * 4, (9.0,) * 4), begin)
        turned = roma.rotmat_to_rotvec(found.rotations @ rotations.transpose(-1, -2))
        assert torch.allclose(turned[:, [18, 20]], bend.expand(5, 2, 3), atol=0.02)
        assert turned[:, 19].abs().max() < 0.02


def test_frames_take_no_more_steps_after_a_short_one() -> None:
    pose, pelvis = true_motion(6)
    skeleton = open_body().skeleton("body25", np.zeros(10))
    rotations, place = torch.tensor(rotvec_to_rotmat(pose)).float(), torch.tensor(pelvis).float()
    targets = Targets(skinning.keypoints(skeleton, rotations) + place[:, None], torch.ones(6, 25))
    far = torch.tensor([True, False, True, False, False, True])
    turn = torch.where(far, 0.8, 0.02)[:, None] * torch.tensor([0.0, 0.6, 0.8])
    wrong = rotations.clone()
    wrong[:, 18] = wrong[:, 18] @ roma.rotvec_to_rotmat(turn)
    start, schedule = Pose(wrong, place), Schedule((1.0,) * 3, (9.0,) * 3, enough_rad=0.2)
    found, thrice, once = (
        project(skeleton, start, targets, loose_prior(6), s)
        for s in (schedule, replace(schedule, enough_rad=0.0), Schedule((1.0,), (9.0,)))
    )
    left, gone = ((found.rotations - others.rotations).abs().amax((1, 2, 3)) for others in (thrice, once))
    assert (left[far] < 0.2 * gone[far]).all() and (gone[far] > 0.02).all()
    assert (gone[~far] < 1e-6).all() and (left[~far] < 1e-3).all()


@pytest.mark.parametrize("image", [False, True])
def test_one_keypoint_that_is_far_off_moves_nothing(image: bool) -> None:
    pose, pelvis = true_motion(4)
    skeleton = open_body().skeleton("body25", np.zeros(10))
    truth = Pose(torch.tensor(rotvec_to_rotmat(pose)).float(), torch.tensor(pelvis).float())
    points = skinning.keypoints(skeleton, truth.rotations) + truth.pelvis[:, None]
    points[:, 4, 0] += 1.0
    positions = points[..., :2] / points[..., 2:] if image else points
    prior = Prior(torch.full((4, 24), 0.01), torch.full((4, 3), 0.1))
    found = project(skeleton, truth, Targets(positions, torch.ones(4, 25)), prior, Schedule((1.0,) * 3, (0.12,) * 3))
    moved = skinning.keypoints(skeleton, found.rotations) + found.pelvis[:, None]
    true = skinning.keypoints(skeleton, truth.rotations) + truth.pelvis[:, None]
    assert (moved - true).norm(dim=-1).max() < 0.01
