"""The motion model: jitter goes, swings stay, the bias is corrected, at any rate and length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import roma
import torch

from lsmplify_refine.engine.motion import most_likely_motion, without_jitter
from lsmplify_refine.solver.problem import Pose

JOINTS = 3


def swing(frames: int, fps: float = 30.0) -> Pose:
    """Three joints that swing by half a radian at 1.2 Hz, and a pelvis that walks."""
    seconds = torch.arange(frames, dtype=torch.float64) / fps
    angle = 0.5 * torch.sin(2 * np.pi * 1.2 * seconds)
    turn = torch.stack([angle, 0.3 * angle, 0 * angle], -1)[:, None].expand(frames, JOINTS, 3)
    path = torch.stack([0.8 * seconds, 0.05 * torch.sin(9 * seconds), 4 + 0 * seconds], -1)
    return Pose(roma.rotvec_to_rotmat(turn).float(), path.float())


def shaken(pose: Pose, radians: float, metres: float = 0.0, *, seed: int = 0, bias: float = 0.0) -> Pose:
    """A pose with independent noise in every frame, and a constant bias about one axis."""
    generator = torch.Generator().manual_seed(seed)
    turn = radians * torch.randn((*pose.rotations.shape[:2], 3), generator=generator)
    turn[..., 2] += bias
    shift = metres * torch.randn(pose.pelvis.shape, generator=generator)
    return Pose(pose.rotations @ roma.rotvec_to_rotmat(turn), pose.pelvis + shift)


def solved(start: Pose, fit: Pose, *, fps: float = 30.0, share: np.ndarray | None = None, **options: Any) -> Pose:
    count = len(start.pelvis)
    every = np.ones((count, JOINTS + 1)) if share is None else share
    options = {"frame_ids": np.arange(count), "is_image": True, **options}
    return most_likely_motion(start, fit, every, fps=fps, **options)


def error(pose: Pose, truth: Pose) -> float:
    """Mean angle to the truth, radians."""
    return float(roma.rotmat_geodesic_distance(pose.rotations, truth.rotations).mean())


def shaking(pose: Pose) -> float:
    """Mean change of the angular velocity from frame to frame, radians."""
    steps = roma.rotmat_to_rotvec(pose.rotations[:-1].transpose(-1, -2) @ pose.rotations[1:])
    return float(steps.diff(dim=0).norm(dim=-1).mean())


@pytest.mark.parametrize("jitter", [0.02, 0.05, 0.15])
@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0, 120.0])
def test_jitter_goes_and_the_swing_stays(jitter: float, fps: float) -> None:
    truth = swing(round(4 * fps), fps)
    found = solved(shaken(truth, jitter, bias=0.2), shaken(truth, 0.03, seed=1), fps=fps)
    assert error(found, truth) < 0.03
    assert shaking(found) < 1.3 * shaking(truth) + 0.1 * shaking(shaken(truth, jitter))
    widest = [float(roma.rotmat_to_rotvec(pose.rotations)[..., 0].amax()) for pose in (found, truth)]
    assert widest[0] == pytest.approx(widest[1], rel=0.06)


def test_a_quiet_estimate_keeps_its_own_motion_under_noisy_fits() -> None:
    """A stop within a frame, which a low-pass would round."""
    truth = swing(120)
    truth = Pose(torch.cat([truth.rotations[:66], truth.rotations[65:66].expand(54, -1, -1, -1)]), truth.pelvis)
    found = solved(shaken(truth, 0.0, bias=0.2), shaken(truth, 0.05, seed=1))
    assert error(found, truth) < 0.03
    assert shaking(found) < 1.1 * shaking(truth)


def test_jitter_that_comes_and_goes_is_still_jitter() -> None:
    """Real estimators that see each frame on its own do not shake all the time."""
    truth, shakes = swing(240), torch.arange(240) >= 120
    start = Pose(torch.where(shakes[:, None, None, None], shaken(truth, 0.05).rotations, truth.rotations), truth.pelvis)
    found = solved(start, shaken(truth, 0.03, seed=1))
    late = slice(145, 240)
    assert shaking(found[late]) < 0.3 * shaking(start[late])


def test_across_a_gap_the_estimate_moves_on_with_its_bias_corrected() -> None:
    truth = swing(120)
    start = shaken(truth, 0.0, bias=0.2)
    share = np.ones((120, JOINTS + 1))
    share[50:65] = 0.0
    rows = torch.arange(120)
    fit = shaken(truth, 0.01, seed=1).where(torch.as_tensor(share[rows, 0] > 0), start)
    found = solved(start, fit, share=share)
    assert error(found[slice(50, 65)], truth[slice(50, 65)]) < 0.04


def test_depth_that_only_the_estimate_shakes_is_made_steady() -> None:
    truth = swing(120)
    start = Pose(truth.rotations, truth.pelvis.clone())
    start.pelvis[:, 2] += 0.05 * torch.randn(120, generator=torch.Generator().manual_seed(0))
    found = solved(start, start)
    assert found.pelvis[:, 2].diff(dim=0).abs().mean() < 0.1 * start.pelvis[:, 2].diff(dim=0).abs().mean()


def test_the_path_of_the_pelvis_loses_its_jitter_and_keeps_its_way() -> None:
    truth = swing(120)
    found = solved(shaken(truth, 0.0, 0.03), shaken(truth, 0.0, 0.01, seed=1))
    assert (found.pelvis - truth.pelvis).norm(dim=-1).mean() < 0.01
    assert found.pelvis.diff(n=2, dim=0).norm(dim=-1).mean() < 0.3 * 0.01


def test_a_few_flipped_frames_are_bridged() -> None:
    truth = swing(90)
    flip = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.0, 2.8]))
    start, fit = (Pose(each.rotations.clone(), each.pelvis) for each in (shaken(truth, 0.02), shaken(truth, 0.02)))
    for pose in (start, fit):
        pose.rotations[40:42] = pose.rotations[40:42] @ flip
    found = solved(start, fit)
    assert roma.rotmat_geodesic_distance(found.rotations, truth.rotations).max() < 0.15


def test_a_cut_of_the_video_is_not_rounded() -> None:
    truth = swing(90)
    turned = truth.rotations.clone()
    turned[45:] = turned[45:] @ roma.rotvec_to_rotmat(torch.tensor([0.0, 0.0, 2.0]))
    truth = Pose(turned, truth.pelvis)
    found = solved(shaken(truth, 0.02), shaken(truth, 0.02, seed=1))
    assert roma.rotmat_geodesic_distance(found.rotations, truth.rotations).max() < 0.1


def test_nothing_reaches_across_a_gap_of_the_track() -> None:
    truth = swing(60)
    fit = Pose(truth.rotations.clone(), truth.pelvis.clone())
    fit.rotations[30:] = fit.rotations[30:] @ roma.rotvec_to_rotmat(torch.tensor([0.0, 0.3, 0.0]))
    ids = np.arange(60) + 10 * (np.arange(60) >= 30)
    found = solved(truth, fit, frame_ids=ids)
    assert roma.rotmat_geodesic_distance(found.rotations, fit.rotations).max() < 0.01


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7, 20])
def test_short_tracks_are_corrected(frames: int) -> None:
    truth = swing(frames)
    found = solved(shaken(truth, 0.0, bias=0.2), truth)
    assert error(found, truth) < 0.02 and len(found.pelvis) == frames


def test_without_an_estimate_the_fits_carry_the_motion() -> None:
    truth = swing(120)
    fit = shaken(truth, 0.05)
    found = solved(shaken(truth, 1.0), fit, alone=True)
    assert error(found, truth) < 0.5 * error(fit, truth)


def test_a_quiet_joint_that_nobody_sees_keeps_its_bits_and_a_shaking_one_does_not_shake_on() -> None:
    truth = swing(90)
    noisy = shaken(truth, 0.05)
    mixed = Pose(torch.cat([truth.rotations[:, :1], noisy.rotations[:, 1:]], 1), truth.pelvis)
    found = without_jitter(mixed, frame_ids=np.arange(90), fps=30.0, is_image=True)
    assert torch.equal(found.rotations[:, 0], truth.rotations[:, 0]) and torch.equal(found.pelvis, truth.pelvis)
    assert shaking(Pose(found.rotations[:, 1:], found.pelvis)) < 0.2 * shaking(noisy)


def test_without_a_model_nothing_changes() -> None:
    start = shaken(swing(30), 0.05)
    found = without_jitter(start, frame_ids=np.arange(30), fps=30.0, is_image=True, bias_hz=None)
    assert torch.equal(found.rotations, start.rotations)
