"""Scores against sums by hand on the whole pipeline's own body."""

from __future__ import annotations

import numpy as np
import pytest
import roma
import torch

from lsmplify_refine.evaluate.scores import PROBES, PVE, Scorer
from lsmplify_refine.solver.problem import Pose
from tests.support.scenes import open_body, true_motion


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(open_body())


def motion(frames: int = 5, turned: float = 0.0) -> Pose:
    pose, pelvis = true_motion(frames)
    pose[:, 18, 1] += turned
    rotations = roma.rotvec_to_rotmat(torch.from_numpy(pose).float())
    return Pose(rotations, torch.from_numpy(pelvis).float())


BETAS = 0.5 * torch.randn(5, 10, generator=torch.Generator().manual_seed(0))


def test_by_hand(scorer: Scorer) -> None:
    truth, pose = motion(), motion(turned=0.3)
    pose = Pose(pose.rotations, pose.pelvis + 0.2)
    found = scorer.scores(BETAS, truth, {"turned": pose})["turned"]
    probes = np.linspace(0, open_body().faces.max(), PROBES).astype(int)
    for row in range(5):
        still = np.zeros((1, 3))
        mesh, true_mesh = (
            open_body().vertices(p.rotations[[row]].numpy(), still, BETAS[row].numpy())[0, probes]
            for p in (pose, truth)
        )
        joints, true_joints = (
            open_body().joints(p.rotations[[row]].numpy(), still, BETAS[row].numpy())[0] for p in (pose, truth)
        )
        assert found[PVE][row] == pytest.approx(1000 * np.linalg.norm(mesh - true_mesh, axis=1).mean(), abs=0.01)
        wanted = 1000 * np.linalg.norm(joints - true_joints, axis=1)[:22].mean()
        assert found["mpjpe_mm_smpl22_pelvis"][row] == pytest.approx(wanted, abs=0.01)
    assert torch.allclose(found["angle_deg_smpl22"], torch.full((5,), float(np.degrees(0.3)) / 22), atol=1e-3)
    # the ankle does not move against the pelvis here
    assert torch.allclose(found["pve_mm_ankle"], found[PVE], atol=1e-3)


def test_what_each_alignment_forgives(scorer: Scorer) -> None:
    truth = motion()
    turn = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.5, 0.0]))
    turned = truth.rotations.clone()
    turned[:, 0] = turn @ turned[:, 0]
    found = scorer.scores(
        BETAS, truth, {"same": Pose(truth.rotations, truth.pelvis + 1), "turned": Pose(turned, truth.pelvis)}
    )
    assert all(values.max() < 0.06 for values in found["same"].values())
    assert found["turned"]["pa_pve_mm"].max() < 0.01 < 50 < found["turned"][PVE].min()
    leg = truth.rotations.clone()
    leg[:, 2] = leg[:, 2] @ turn
    moved = scorer.scores(BETAS, truth, {"leg": Pose(leg, truth.pelvis)})["leg"]
    assert (moved["pve_mm_ankle"] > 1.5 * moved[PVE]).all()


def test_batches_and_parts(scorer: Scorer) -> None:
    count = 300
    betas = BETAS[:1].expand(count, 10)
    truth, pose = motion(count), motion(count, turned=0.4)
    part = Pose(pose.rotations[:7], pose.pelvis[:7])
    found = scorer.scores(betas, truth, {"all": pose, "part": part})
    assert len(found["all"][PVE]) == count and len(found["part"][PVE]) == 7
    assert torch.allclose(found["all"][PVE][:7], found["part"][PVE], atol=1e-4)
    alone = scorer.scores(betas[290:], truth[290:], {"last": pose[290:]})
    assert torch.allclose(found["all"][PVE][290:], alone["last"][PVE], atol=1e-4)


def test_acceleration_of_a_free_fall_and_across_a_cut(scorer: Scorer) -> None:
    truth = motion(1)
    time = torch.arange(8.0)
    pelvis = torch.zeros(8, 3)
    pelvis[:, 1] = -0.002 * time**2
    fall = Pose(truth.rotations.expand(8, 24, 3, 3), pelvis)
    betas = torch.zeros(8, 10)
    assert scorer.accel(betas, fall, np.arange(8)) == pytest.approx(4.0, rel=1e-3)
    jump = Pose(fall.rotations, torch.where(time[:, None] < 4, 0.0, 5.0).expand(8, 3))
    cut = np.r_[0:4, 10:14]
    assert scorer.accel(betas, jump, cut) == pytest.approx(0, abs=1e-3)
