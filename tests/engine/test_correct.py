"""The correction: it round-trips; jumps of half a turn and flips of the estimate do not smear."""

from __future__ import annotations

import numpy as np
import pytest
import roma
import torch

from lsmplify_refine.engine.correct import apply_correction, correct, correction_to, default_prior
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.problem import Pose
from tests.support.scenes import seen, skeleton, true_pose

FRAMES = 30
IDS = np.arange(FRAMES)


def turned(pose: Pose, joint: int, rotvec: np.ndarray) -> Pose:
    """A pose with one joint turned, (3,) or (T, 3), radians."""
    rotations = pose.rotations.clone()
    rotations[:, joint] = torch.tensor(rotvec_to_rotmat(rotvec)).float() @ rotations[:, joint]
    return Pose(rotations, pose.pelvis)


def corrected(start: Pose, truth: Pose, *, by_regressor: bool = False) -> Pose:
    """The start after its correction, with or without a regressor that finds the truth."""
    targets = seen(truth)
    return correct(
        skeleton(),
        start,
        targets,
        default_prior(skeleton(), targets),
        frame_ids=IDS,
        fps=30.0,
        regressor=(lambda start, targets: truth) if by_regressor else None,
    )


def test_a_correction_leads_where_it_was_taken_from() -> None:
    start = true_pose(FRAMES)
    wanted = Pose(
        roma.random_rotmat((FRAMES, 24)), start.pelvis + torch.randn(3, generator=torch.Generator().manual_seed(0))
    )
    found = apply_correction(start, *correction_to(wanted, start))
    assert torch.allclose(found.rotations, wanted.rotations, atol=1e-4)
    assert torch.allclose(found.pelvis, wanted.pelvis, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_share_of_a_correction_is_that_share_of_its_turns(share: float) -> None:
    start = true_pose(FRAMES)
    wanted = Pose(turned(start, 18, np.array([0.0, 0.6, 0.0])).rotations, start.pelvis + 0.2)
    found = apply_correction(start, *correction_to(wanted, start), np.full(FRAMES, share))
    angle = roma.rotmat_geodesic_distance(found.rotations, start.rotations)
    assert torch.allclose(angle[:, 18], torch.tensor(0.6 * share), atol=1e-3)
    assert torch.allclose(found.pelvis, start.pelvis + 0.2 * share, atol=1e-5)


def test_where_there_is_no_correction_the_bits_stay() -> None:
    start = true_pose(FRAMES)
    found = apply_correction(start, np.zeros((FRAMES, 24, 3)), np.zeros((FRAMES, 3)))
    assert torch.equal(found.rotations, start.rotations) and torch.equal(found.pelvis, start.pelvis)


def test_a_wrong_elbow_is_put_right_and_unseen_joints_are_held() -> None:
    truth = true_pose(FRAMES)
    start = turned(truth, 18, np.array([0.0, 0.4, 0.0]))
    found = corrected(start, truth)
    angle = roma.rotmat_geodesic_distance(found.rotations, truth.rotations)
    assert angle[:, 18].mean() < 0.15
    # no BODY_25 keypoint lies beyond the wrists
    assert torch.equal(found.rotations[:, 20:], start.rotations[:, 20:])


def test_a_correction_near_half_a_turn_is_smoothed_the_short_way() -> None:
    """The rotation vector jumps from +pi to -pi; the mean of both would be no rotation."""
    truth = true_pose(FRAMES)
    spin = np.stack([0 * IDS, np.pi - 0.05 + 0.1 * (IDS % 2), 0 * IDS], 1)
    found = corrected(turned(truth, 0, spin), truth, by_regressor=True)
    assert roma.rotmat_geodesic_distance(found.rotations[:, 0], truth.rotations[:, 0]).mean() < 0.2


def test_an_estimate_that_flips_is_not_smeared_over_the_flip() -> None:
    truth = true_pose(FRAMES)
    spin = np.stack([0 * IDS, np.where(IDS < 15, 0.0, 2.0), 0 * IDS], 1)
    found = corrected(turned(truth, 0, spin), truth, by_regressor=True)
    angle = roma.rotmat_geodesic_distance(found.rotations[:, 0], truth.rotations[:, 0])
    assert angle[[13, 14, 15, 16]].max() < 0.3
