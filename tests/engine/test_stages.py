"""The stages on their own: project, calibrate, smooth, gate, plausibility."""

from __future__ import annotations

import functools
import itertools
import operator
from dataclasses import replace

import numpy as np
import pytest
import roma
import torch

from lsmplify_refine.body import skinning
from lsmplify_refine.engine.gate import gate, limit_joints
from lsmplify_refine.engine.joint_limits import beyond_range
from lsmplify_refine.engine.shape import fit_shape
from lsmplify_refine.engine.targets import distrust_outliers, image_targets
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.geometry.smoothing import segments, smooth
from lsmplify_refine.solver.gauss_newton import project
from lsmplify_refine.solver.problem import Pose, Prior, Schedule, Targets
from tests.support.scenes import open_body, scene, true_motion

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


def test_calibration_finds_the_shape_through_wrong_poses_and_outliers() -> None:
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


@pytest.mark.parametrize("ids", [[0, 1, 2, 3], [0, 1, 5, 6, 7, 20]])
def test_segments_are_runs(ids: list[int]) -> None:
    runs = [ids[rows] for rows in segments(np.array(ids))]
    assert functools.reduce(operator.iadd, runs, []) == ids
    assert all(b - a == 1 for run in runs for a, b in itertools.pairwise(run))


def test_smoothing_has_no_lag_keeps_constants_and_fills_where_nothing_is_known() -> None:
    ids = np.arange(101)
    pulse = np.zeros((101, 2))
    pulse[50] = 1
    smoothed = smooth(pulse, ids, 30.0, 0.1)
    assert np.allclose(smoothed, smoothed[::-1]) and smoothed.argmax(0).tolist() == [50, 50]
    assert np.allclose(smooth(np.ones((101, 2)), ids, 30.0, 0.1), 1)
    assert smooth(pulse, ids, 30.0, 0.0) is pulse
    weights = np.ones((101, 1))
    values = np.ones((101, 2))
    weights[40:43], values[40:43] = 0, 0
    assert np.allclose(smooth(values, ids, 30.0, 0.1, weights), 1, atol=1e-4)


def test_gate_holds_what_gets_worse_and_eases_around_it() -> None:
    def error_at(share: np.ndarray) -> np.ndarray:
        error = 10 - 5 * share
        error[30:33] = 10 + share[30:33]
        return error

    verdict = gate(error_at, np.arange(60), 30.0, [""] * 60)
    assert (verdict.status[30:33] == "held").all()
    assert verdict.reasons[31] == "keypoint error would rise"
    assert "eased" in verdict.reasons[28] and 0 < verdict.share[28] < 1
    assert verdict.status[0] == verdict.status[-1] == "accepted"
    assert np.abs(np.diff(verdict.share)).max() < 0.3
    assert (error_at(verdict.share) <= 10).all()


def test_joints_are_limited_one_by_one() -> None:
    turn = np.zeros((40, 24, 3))
    turn[20, 4, 0] = -0.6  # a knee bent the wrong way
    turn[:, 16, 0] = 0.5
    shares, reasons = limit_joints(lambda share: rotvec_to_rotmat(share * turn), np.arange(40), 30.0)
    assert shares[20, 4] < 0.5 and shares[20, 16] == 1
    assert shares[0].min() == 1
    assert reasons[20] == "left knee bent beyond its range" and reasons[0] == ""


@pytest.mark.parametrize(
    ("joint", "rotvec", "plausible"),
    [
        (4, (1.8, 0, 0), True),
        (4, (-0.5, 0, 0), False),
        (18, (0, -2.0, 0), True),
        (18, (0, 0.6, 0), False),
        (19, (0, 2.0, 0), True),
        (15, (1.5, 0, 0), False),
    ],
)
def test_joint_ranges(joint: int, rotvec: tuple[float, float, float], plausible: bool) -> None:
    pose = np.zeros((1, 24, 3))
    pose[0, joint] = rotvec
    assert (beyond_range(rotvec_to_rotmat(pose))[0, joint] == 0) == plausible
