"""What a follower remembers: the mean of its good results, a pose that is known, and nothing that was garbage."""

from __future__ import annotations

import numpy as np
import pytest
import roma
import torch

from lsmplify_refine import Keypoints, Refiner
from lsmplify_refine.body import skinning
from lsmplify_refine.engine.follow import Follower
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.solver.running_mean import RunningMean
from tests.support.scenes import open_body, true_motion

FRAMES = 60
SKELETON = open_body().skeleton("body25", np.zeros(10))


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(open_body())


def motion() -> Pose:
    pose, pelvis = true_motion(FRAMES)
    return Pose(torch.tensor(rotvec_to_rotmat(pose)).float(), torch.tensor(pelvis).float())


def seen(pose: Pose, noise_m: float = 0.0) -> Targets:
    points = skinning.keypoints(SKELETON, pose.rotations) + pose.pelvis[:, None]
    noise = noise_m * torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
    return Targets(points + noise, torch.ones(points.shape[:2]))


def garbage(frame: int) -> Targets:
    """Points anywhere within half a metre of the person's place."""
    points = 0.5 * torch.randn(1, 25, 3, generator=torch.Generator().manual_seed(frame)) + motion().pelvis[:1, None]
    return Targets(points, torch.ones(1, 25))


def error_rad(pose: Pose, truth: Pose) -> float:
    """Mean angle between the joints' rotations, the root's and the hands' left out."""
    apart = roma.rotmat_geodesic_distance(pose.rotations[:, 1:22], truth.rotations[:, 1:22])
    return float(apart.mean())


def test_what_keypoints_do_not_see_does_not_drift(refiner: Refiner) -> None:
    """Twists of limbs and shares of the spine, over two seconds of noisy keypoints and without an estimate."""
    truth, live = motion(), refiner.follower("body25", np.zeros(10))
    errors = [
        error_rad(live.step(seen(truth, 0.03)[frame : frame + 1]).pose, truth[frame : frame + 1])
        for frame in range(FRAMES)
    ]
    assert np.mean(errors[-10:]) < 1.6 * np.mean(errors[5:15]) and np.mean(errors) < 0.3


def test_a_known_pose_is_remembered_longer_than_an_estimate(refiner: Refiner) -> None:
    truth = motion()
    noisy, exact = seen(truth, 0.04), seen(truth)
    known, estimated = refiner.follower("body25", np.zeros(10)), refiner.follower("body25", np.zeros(10))
    known.begin(truth[:1])
    estimated.step(exact[:1], truth[:1])
    errors = {}
    for name, live in (("known", known), ("estimated", estimated)):
        steps = [live.step(noisy[frame : frame + 1]).pose for frame in range(1, FRAMES)]
        errors[name] = error_rad(Pose.joined(steps[30:]), truth[31:])
    assert errors["known"] < 0.88 * errors["estimated"]


def test_results_that_were_rejected_are_not_in_the_mean(refiner: Refiner) -> None:
    truth, live = motion(), refiner.follower("body25", np.zeros(10))
    exact = seen(truth)
    for frame in range(4):
        live.step(exact[frame : frame + 1], truth[frame : frame + 1])
    assert not any(live.step(garbage(frame)).accepted for frame in range(20))
    for frame in range(4, 16):
        step = live.step(exact[frame : frame + 1])
    assert bool(step.accepted) and error_rad(step.pose, truth[15:16]) < 0.12


def test_a_result_that_is_worse_than_its_start_is_rejected() -> None:
    truth = motion()[:1]

    def worsening(start: Pose, targets: Targets, earlier: RunningMean | None = None, /) -> Pose:
        return Pose(start.rotations, start.pelvis + torch.tensor([0.02, 0.0, 0.0]))

    live = Follower(SKELETON, worsening)
    step = live.step(seen(truth), truth)
    assert not step.accepted.any() and torch.equal(step.pose.pelvis, truth.pelvis)
    assert float(step.error_m) < 1e-4  # the start's


@pytest.mark.parametrize("size", [0.7, 1.3])
def test_people_of_any_size_are_posed_from_keypoints_in_their_own_frame(refiner: Refiner, size: float) -> None:
    pose, pelvis = true_motion(30)
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10), size)
    fitted = refiner.fit(Keypoints("body25", points, np.ones(points.shape[:2])))
    assert fitted.metrics["refined"]["mpjpe_mm_body25"] < 6
    assert np.array_equal(fitted.keypoints.positions, points)  # nothing was moved
