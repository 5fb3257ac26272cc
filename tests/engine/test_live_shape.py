"""The shape of a person while frames come in: bounded memory, steady changes, the same result as of a whole track."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lsmplify_refine.engine.live_shape import LiveShape
from lsmplify_refine.engine.shape import fit_shape
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver.problem import Pose, Targets
from tests.support.scenes import open_body, true_motion, true_pose

FRAMES = 45


def points_of(scale: float, frames: int = FRAMES) -> torch.Tensor:
    pose, pelvis = true_motion(frames)
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10), scale)
    return torch.as_tensor(points).float()


def targets_of(points: torch.Tensor) -> Targets:
    return Targets(points, torch.ones(points.shape[:2]))


def sizes(live: LiveShape, pose: Pose, targets: Targets) -> np.ndarray:
    """The length of the left thigh after each frame, metres."""
    found = []
    for row in range(len(targets.positions)):
        live.see(pose[row : row + 1], targets[row : row + 1])
        rest = open_body().joints(np.eye(3)[None, None].repeat(24, 1), np.zeros((1, 3)), live.shape.betas, 1.0)[0]
        found.append(live.shape.scale * np.linalg.norm(rest[4] - rest[1]))
    return np.array(found)


def live_shape(*, fps: float = 30.0, scaled: bool = True) -> LiveShape:
    return LiveShape(open_body(), "body25", fps=fps, scaled=scaled)


def test_in_an_image_it_finds_what_the_fit_of_a_whole_track_finds() -> None:
    pose = true_pose(FRAMES)
    points = points_of(1.1)
    targets = targets_of(points[..., :2] / points[..., 2:])
    live = live_shape()
    for _ in range(4):
        sizes(live, pose, targets)
    whole = fit_shape(open_body(), "body25", pose, targets)
    assert live.shape.scale == pytest.approx(whole.scale, abs=0.01)
    assert np.abs(live.shape.betas - whole.betas).max() < 0.15
    assert np.abs(live.shape.offset - whole.offset).max() < 0.005


def test_the_first_frame_counts_at_once_and_later_changes_are_eased() -> None:
    pose = true_pose(FRAMES)
    live = live_shape()
    first = sizes(live, pose[:1], targets_of(points_of(0.85)[:1]))[0]
    thigh = sizes(live_shape(), pose, targets_of(points_of(1.0)))[-1]
    assert first == pytest.approx(0.85 * thigh, rel=0.03)
    # somebody else steps in: the body grows, but not within a frame
    grown = sizes(live, pose, targets_of(points_of(1.15)))
    steps = np.abs(np.diff(np.concatenate([[first], grown])))
    assert grown[-1] > 1.1 * thigh and steps.max() < 0.15 * (grown[-1] - first)


def test_changes_take_the_same_time_at_any_frame_rate() -> None:
    def after_half_a_second(fps: float) -> float:
        live = live_shape(fps=fps)
        pose = true_pose(1)
        sizes(live, pose, targets_of(points_of(1.0, 1)))
        live._unknowns[10] += 0.2
        frames = round(0.5 * fps)
        still = Pose(pose.rotations.expand(frames, -1, -1, -1), pose.pelvis.expand(frames, -1))
        sizes(live, still, targets_of(points_of(1.0, 1).expand(frames, -1, -1)))
        return live.shape.scale

    assert after_half_a_second(30) == pytest.approx(after_half_a_second(120), abs=0.01)


def test_memory_is_bounded_and_the_body_settles() -> None:
    pose = true_pose(FRAMES)
    targets = targets_of(points_of(0.9))
    live = live_shape()
    for _ in range(12):
        sizes(live, pose, targets)
        assert len(live._sample) <= 64
    assert live._apart >= 8  # the sample covers all the time, not only the last seconds
    settled = live.shape
    sizes(live, pose[:20], targets[:20])
    assert live.shape.scale == pytest.approx(settled.scale, abs=2e-3)


def test_frames_of_few_keypoints_do_not_count() -> None:
    pose, targets = true_pose(FRAMES), targets_of(points_of(0.9))
    live = live_shape()
    sizes(live, pose, targets)
    before = live.shape.scale
    few = Targets(points_of(1.4), torch.zeros(targets.weights.shape))
    few.weights[:, :3] = 1
    sizes(live, pose, few)
    assert live.shape.scale == pytest.approx(before, abs=0.005)


def test_without_scale_the_betas_alone_fit() -> None:
    live = live_shape(scaled=False)
    sizes(live, true_pose(FRAMES), targets_of(points_of(1.05)))
    assert live.shape.scale == 1 and np.abs(live.shape.betas).max() > 0.1


def test_known_betas_are_averaged_and_nothing_is_fitted() -> None:
    live = live_shape()
    live.know(np.zeros(16))
    live.know(np.ones(16))
    live.see(true_pose(1), targets_of(points_of(0.8, 1)))
    assert np.allclose(live.shape.betas, 0.5) and live.shape.scale == 1
