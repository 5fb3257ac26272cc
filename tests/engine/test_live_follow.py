"""Following people whose shapes are found on the way: what the shape is seen on, and where the estimate is put."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lsmplify_refine import Refiner
from lsmplify_refine.engine.follow import Follower, Step
from lsmplify_refine.engine.live_follow import LiveFollower
from lsmplify_refine.engine.shape import FittedShape
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.solver.problem import Pose, Targets
from tests.support.scenes import open_body, true_pose

FRAMES = 75


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(open_body())


def live_follower(refiner: Refiner, convention: str) -> LiveFollower:
    return LiveFollower(open_body(), refiner.network, convention, 1, fps=30.0, scaled=True, device="cpu", passes=1)


def height_m(shape: FittedShape) -> float:
    """From the ankles to the head's joint, arms down."""
    rest = open_body().joints(np.eye(3)[None, None].repeat(24, 1), np.zeros((1, 3)), shape.betas, shape.scale)[0]
    return float(rest[15, 1] - rest[7, 1])


def test_wrong_poses_of_the_estimator_do_not_lengthen_the_body(refiner: Refiner) -> None:
    """A straight person whom an estimator bends at every joint looks too short in its poses."""
    generator = np.random.default_rng(0)
    rotvec = np.zeros((FRAMES, 24, 3))
    rotvec[:, 0] = rotmat_to_rotvec(rotvec_to_rotmat([np.pi, 0, 0]))
    rotvec[:, 16, 2], rotvec[:, 17, 2] = -1.0, 1.0
    pelvis = np.tile([0.0, 0, 4], (FRAMES, 1))
    rotations = rotvec_to_rotmat(rotvec)
    points = open_body().keypoints("coco17", rotations, pelvis, np.zeros(10))
    bent = np.zeros_like(rotvec)
    phase = np.arange(FRAMES)[:, None, None] / 15 + generator.uniform(0, 6, (1, 21, 3))
    bent[:, 1:22] = 0.35 * np.sin(phase)
    estimates = Pose(torch.as_tensor(rotations @ rotvec_to_rotmat(bent)).float(), torch.as_tensor(pelvis).float())
    targets = Targets(torch.as_tensor(points[..., :2] / points[..., 2:]).float(), torch.ones(FRAMES, 17))
    live = live_follower(refiner, "coco17")
    for row in torch.split(torch.arange(FRAMES), 1):
        live.step(targets[row], estimates[row])
    true = height_m(FittedShape(np.zeros(10), 1.0, np.zeros(3)))
    assert height_m(live.shapes[0]) == pytest.approx(true, rel=0.02)


def test_the_estimate_starts_where_the_keypoints_are(refiner: Refiner, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, off = true_pose(30), torch.tensor([0.3, -0.1, 0.2])
    points = open_body().keypoints("body25", truth.rotations.numpy(), truth.pelvis.numpy(), np.zeros(10))
    targets = Targets(torch.as_tensor(points).float(), torch.ones(points.shape[:2]))
    starts: list[Pose] = []
    step = Follower.step

    def recorded(self: Follower, targets: Targets, estimate: Pose | None = None) -> Step:
        assert estimate is not None
        starts.append(estimate)
        return step(self, targets, estimate)

    monkeypatch.setattr(Follower, "step", recorded)
    live = live_follower(refiner, "body25")
    for row in torch.split(torch.arange(30), 1):
        live.step(targets[row], truth[row].shifted(off))
    assert len(starts) == 30
    assert (starts[-1].pelvis[0] - truth.pelvis[-1]).norm() < 0.02
