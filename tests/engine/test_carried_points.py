"""Points that a file holds instead of parameters move with the bones of the body."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.engine.carried_points import carried
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.conventions import MHR70
from lsmplify_refine.values.keypoints import Keypoints
from tests.support.scenes import open_body, true_motion

FRAMES, FPS = 40, 30.0
ELBOW, WRIST, TIP, KNEE = (
    MHR70.points.index(name) for name in ("left_elbow", "left_wrist", "left_index_tip", "left_knee")
)


def track(pose: np.ndarray, pelvis: np.ndarray) -> BodyTrack:
    return BodyTrack(open_body(), rotvec_to_rotmat(pose).astype(np.float32), pelvis, np.zeros(10))


def own_points(body: BodyTrack, noise_m: float = 0.0) -> Keypoints:
    """The body's points and a bias of a centimetre, with noise."""
    points = body.keypoints("mhr70").astype(np.float64) + 0.01
    noise = noise_m * np.random.default_rng(0).standard_normal(points.shape)
    return Keypoints("mhr70", points + noise, np.ones(points.shape[:2]))


def test_a_turned_forearm_takes_its_points_along_and_no_others() -> None:
    pose, pelvis = true_motion(FRAMES)
    turned = pose.copy()
    turned[:, 18, 1] -= 0.5
    before, after = track(pose, pelvis), track(turned, pelvis)
    points = own_points(before)
    moved = carried(points, before, after, np.arange(FRAMES), FPS, 0.0)
    expected = after.keypoints("mhr70") - before.keypoints("mhr70")
    apart = np.linalg.norm(moved.positions - points.positions - expected, axis=-1)
    assert apart[:, [WRIST, TIP]].max() < 0.01  # the bias turns with the bone
    assert np.linalg.norm(moved.positions - points.positions, axis=-1)[:, TIP].min() > 0.1
    assert np.array_equal(moved.positions[:, KNEE], points.positions[:, KNEE])


def test_a_body_that_did_not_move_leaves_every_bit() -> None:
    body = track(*true_motion(FRAMES))
    points = own_points(body, noise_m=0.01)
    assert np.array_equal(carried(points, body, body, np.arange(FRAMES), FPS, 0.0).positions, points.positions)


def test_jitter_goes_but_fingers_keep_their_own_motion() -> None:
    body = track(*true_motion(FRAMES))
    noisy, clean = own_points(body, noise_m=0.01), own_points(body)
    calm = carried(noisy, body, body, np.arange(FRAMES), FPS, 0.085)
    error = {
        name: np.linalg.norm(points.positions - clean.positions, axis=-1)
        for name, points in (("n", noisy), ("c", calm))
    }
    assert error["c"][:, [ELBOW, WRIST, KNEE]].mean() < 0.5 * error["n"][:, [ELBOW, WRIST, KNEE]].mean()
    assert np.array_equal(calm.positions[:, TIP], noisy.positions[:, TIP])


def test_missing_points_stay_where_they_are() -> None:
    pose, pelvis = true_motion(FRAMES)
    before, after = track(pose, pelvis), track(pose, pelvis + 0.3)
    points = own_points(before)
    points.confidence[3, WRIST] = 0
    moved = carried(points, before, after, np.arange(FRAMES), FPS, 0.0)
    assert np.array_equal(moved.positions[3, WRIST], points.positions[3, WRIST])
    assert np.allclose(moved.positions[4, WRIST] - points.positions[4, WRIST], 0.3, atol=1e-4)
