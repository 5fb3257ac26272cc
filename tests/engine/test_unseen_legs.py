"""Unseen legs stay in place when the pelvis turns by a little, and turn with it when it turns by a lot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from lsmplify_refine import Refiner
from lsmplify_refine.engine.correct import apply_correction
from lsmplify_refine.engine.limbs import points_of
from lsmplify_refine.engine.unseen_legs import keep_unseen_legs
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.solver.problem import Pose, Targets
from tests.support.scenes import FPS, open_body, scene, true_pose

FRAMES = 60
LEFT_HIP, RIGHT_HIP = 1, 2
LEGS = points_of("body25", "legs")


def corrected(angle_rad: float, hidden: slice) -> tuple[Pose, Pose]:
    """A pose, and the pose after the pelvis was turned, with the left leg hidden in some frames."""
    start = true_pose(FRAMES)
    turn = np.zeros((FRAMES, start.rotations.shape[1], 3))
    turn[:, 0] = np.array([0.6, 0.0, 0.8]) * angle_rad
    turn[:, LEFT_HIP] = [0.05, 0.0, 0.0]
    weights = torch.ones(FRAMES, 25)
    left = [index for index in LEGS if index in (13, 14, 19, 20, 21)]
    weights[hidden, torch.tensor(left)[:, None]] = 0.0
    targets = Targets(torch.zeros(FRAMES, 25, 2), weights)
    kept = keep_unseen_legs(turn, start, targets, "body25", np.arange(FRAMES), FPS)
    np.testing.assert_array_equal(kept[:, RIGHT_HIP], turn[:, RIGHT_HIP])
    np.testing.assert_array_equal(np.delete(kept, slice(hidden.start, hidden.stop), 0)[:, LEFT_HIP, 0], 0.05)
    return start, apply_correction(start, kept, np.zeros((FRAMES, 3)))


def in_camera(pose: Pose, hip: int) -> torch.Tensor:
    return pose.rotations[:, 0] @ pose.rotations[:, hip]


def test_an_unseen_leg_keeps_its_orientation() -> None:
    start, after = corrected(0.15, slice(20, 50))
    middle = slice(32, 38)
    torch.testing.assert_close(
        in_camera(after, LEFT_HIP)[middle], in_camera(start, LEFT_HIP)[middle], atol=1e-3, rtol=0
    )
    assert (in_camera(after, RIGHT_HIP) - in_camera(start, RIGHT_HIP)).abs().max() > 0.05


def test_it_sets_in_gradually() -> None:
    _, after = corrected(0.15, slice(20, 50))
    hip = rotmat_to_rotvec(after.rotations[:, LEFT_HIP].double().numpy())
    start, _ = corrected(0.0, slice(20, 50))
    change = hip - rotmat_to_rotvec(start.rotations[:, LEFT_HIP].double().numpy())
    assert np.linalg.norm(np.diff(change, axis=0), axis=-1).max() < 0.05


def test_a_person_who_is_turned_round_takes_the_legs_along() -> None:
    start, after = corrected(2.0, slice(0, FRAMES))
    torch.testing.assert_close(after.rotations[:, LEFT_HIP], start.rotations[:, LEFT_HIP])


def test_unseen_legs_of_a_refined_track_stay_in_place() -> None:
    """Bypassing this step fails here: the torso's keypoints turn the pelvis back."""
    estimate = scene(FRAMES, error_deg=0.0)
    assert estimate.keypoints is not None
    root = rotvec_to_rotmat(np.array([0.0, 0.0, 0.15])) @ rotvec_to_rotmat(estimate.global_orient)
    confidence = estimate.keypoints.confidence.copy()
    confidence[:, points_of("coco17", "legs")] = 0.0
    result = Refiner(open_body()).refine(
        estimate.replace(
            global_orient=rotmat_to_rotvec(root).astype(np.float32),
            keypoints=replace(estimate.keypoints, confidence=confidence),
        )
    )
    before, after = (track.joints() - track.joints()[:, :1] for track in (result.before, result.after))
    moved = np.linalg.norm(after - before, axis=-1).mean(0)
    assert moved[[16, 17]].mean() > 0.03  # the shoulders
    assert moved[[7, 8]].mean() < 0.02  # the ankles, 80 cm from the pelvis
