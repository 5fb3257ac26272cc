"""The engine's promises on generated tracks: better, never worse, no new jitter, unseen joints untouched."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import BodyModel, InputError, Keypoints, Refiner
from lsmplify_refine.engine.scoring import gate_error
from lsmplify_refine.engine.track import make_track
from lsmplify_refine.geometry.metrics import confidence_weighted_mean, reprojection_errors_px
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.scenes import SEEN, joint_error_mm, open_body, scene, true_motion


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(open_body())


def test_halves_both_the_keypoint_and_the_joint_error(refiner: Refiner) -> None:
    estimate = scene(90, noise_px=1.0)
    result = refiner.refine(estimate)
    metrics = result.metrics
    assert metrics["refined"]["reprojection_px_coco17"] < 0.5 * metrics["calibrated"]["reprojection_px_coco17"]
    assert joint_error_mm(result.refined) < 0.6 * joint_error_mm(estimate)
    # this motion is much smoother than a person's, so the detector's noise shows
    assert metrics["refined"]["accel_mm_per_frame2"] < 1.1 * metrics["calibrated"]["accel_mm_per_frame2"]


def test_a_perfect_input_stays_put(refiner: Refiner) -> None:
    estimate = scene(error_deg=0.0)
    assert joint_error_mm(refiner.refine(estimate).refined) < 5


def test_what_keypoints_do_not_see_keeps_its_bits(refiner: Refiner) -> None:
    estimate = scene()
    refined = refiner.refine(estimate).refined
    unseen = [6, 7, 9, 10, 19, 20]  # ankles, feet, wrists in body_pose
    assert np.array_equal(refined.body_pose[:, unseen], estimate.body_pose[:, unseen])
    assert not np.array_equal(refined.body_pose, estimate.body_pose)
    assert np.array_equal(refined.betas, estimate.betas)
    assert refined.body_pose.dtype == refined.transl.dtype == np.float32


def test_a_missing_arm_keeps_its_pose(refiner: Refiner) -> None:
    estimate = scene()
    assert estimate.keypoints is not None
    confidence = estimate.keypoints.confidence.copy()
    confidence[:, [7, 9]] = 0  # left elbow and wrist
    positions = np.where(confidence[..., None] > 0, estimate.keypoints.positions, np.nan)
    refined = refiner.refine(estimate.replace(keypoints=Keypoints("coco17", positions, confidence))).refined
    assert np.array_equal(refined.body_pose[:, [15, 17]], estimate.body_pose[:, [15, 17]])
    assert not np.array_equal(refined.body_pose[:, [16, 18]], estimate.body_pose[:, [16, 18]])


def test_no_frame_is_worse_than_the_calibrated_input_even_with_garbage(refiner: Refiner) -> None:
    clean = scene(noise_px=2.0)
    assert clean.keypoints is not None
    generator = np.random.default_rng(1)
    bad = generator.random(clean.keypoints.confidence.shape) < 0.3
    positions = np.where(bad[..., None], generator.uniform(0, 600, (*bad.shape, 2)), clean.keypoints.positions)
    estimate = clean.replace(keypoints=Keypoints("coco17", positions, np.ones(bad.shape)))
    result = refiner.refine(estimate)
    assert result.camera is not None
    errors = [
        reprojection_errors_px(track.keypoints("coco17"), result.camera.K, clean.keypoints)
        for track in (result.before, result.after)
    ]
    confidence = clean.keypoints.confidence
    assert confidence_weighted_mean(errors[1], confidence) < 0.7 * confidence_weighted_mean(errors[0], confidence)
    assert estimate.camera is not None
    targets = make_track(estimate, refiner.body, fps=30.0, align="auto").targets
    before, after = (
        gate_error(track.keypoints("coco17"), result.camera, result.keypoints, targets)
        for track in (result.before, result.after)
    )
    assert (after <= before + 1e-3).all()


def test_frame_rate_changes_nothing_but_the_time_scale(refiner: Refiner) -> None:
    """Half the frames at half the rate: the same correction, frame for frame, to a few millimetres."""
    full = scene(90)
    assert full.camera is not None and full.keypoints is not None
    half = full.replace(
        **{name: getattr(full, name)[::2] for name in ("global_orient", "body_pose", "betas", "transl")},
        camera=replace(full.camera, K=full.camera.K[::2]),
        keypoints=Keypoints("coco17", full.keypoints.positions[::2], full.keypoints.confidence[::2]),
        frame_ids=np.arange(45),
        fps=15.0,
    )
    first, second = refiner.refine(full).after.joints()[::2], refiner.refine(half).after.joints()
    assert np.linalg.norm(first - second, axis=-1).mean() < 0.01


def test_gaps_are_not_smoothed_across(refiner: Refiner) -> None:
    """Both halves of a track with a gap give what each half gives alone, except for the shared shape."""
    estimate = scene(60)
    ids = np.concatenate([np.arange(30), np.arange(200, 230)])
    with_gap = refiner.refine(estimate.replace(frame_ids=ids))
    without = refiner.refine(estimate)
    difference = np.abs(with_gap.after.rotations - without.after.rotations).max(axis=(1, 2, 3))
    beside = difference[25:35].max()
    assert beside > 1e-3  # the cut is felt beside the gap ...
    assert max(difference[:10].max(), difference[50:].max()) < 0.1 * beside  # ... and hardly elsewhere


def test_world_root_gets_the_change_and_its_floor_stays(refiner: Refiner) -> None:
    estimate = scene(world=True)
    result = refiner.refine(estimate)
    old, new = estimate.world, result.refined.world
    assert old is not None and new is not None
    camera_change = np.swapaxes(rotvec_to_rotmat(estimate.global_orient), 1, 2) @ rotvec_to_rotmat(
        result.refined.global_orient
    )
    world_change = np.swapaxes(rotvec_to_rotmat(old.global_orient), 1, 2) @ rotvec_to_rotmat(new.global_orient)
    assert np.allclose(camera_change, world_change, atol=1e-5)
    feet = []
    for root, track in ((old, result.before), (new, result.after)):
        turned = np.concatenate([rotvec_to_rotmat(root.global_orient)[:, None], track.rotations[:, 1:]], 1)
        joints = open_body().joints(turned, root.transl, track.betas, track.scale)
        feet.append(joints[:, [7, 8, 10, 11], 1].min(1))
    assert np.abs(feet[0] - feet[1]).mean() < 0.01


def test_a_file_that_lost_its_camera_is_refined_through_a_recovered_one(refiner: Refiner) -> None:
    estimate = scene(60)
    turn = rotvec_to_rotmat([np.pi, 0.2, 0.1])
    pelvis = estimate.transl + np.array([0.0031, -0.3514, 0.0120])
    orient = turn @ rotvec_to_rotmat(estimate.global_orient)
    from lsmplify_refine.geometry.rotations import rotmat_to_rotvec

    lost = estimate.replace(
        frame="world",
        global_orient=rotmat_to_rotvec(orient).astype(np.float32),
        transl=(pelvis @ turn.T - np.array([0.0031, -0.3514, 0.0120])).astype(np.float32),
    )
    lost = lost.replace(world=type(scene(3, world=True).world)(lost.global_orient, lost.transl))  # type: ignore[misc]
    result = refiner.refine(lost)
    assert any("recovered" in note.text for note in result.notes)
    metrics = result.metrics
    assert metrics["refined"]["reprojection_px_coco17"] < 0.6 * metrics["calibrated"]["reprojection_px_coco17"]
    assert result.refined.world is not None
    assert np.array_equal(result.refined.global_orient, result.refined.world.global_orient)


@pytest.fixture
def own_body(tmp_path: Path) -> BodyModel:
    """The open body's arrays as if they came from a user's SMPL file."""
    with resources.as_file(resources.files("lsmplify_refine.assets") / "open_body.npz") as path:
        arrays = dict(np.load(path))
    vertices = len(arrays["v_template"])
    # as many vertices as smplx's named vertices ask for
    more = 6890 - vertices
    padded = {
        "v_template": np.pad(arrays["v_template"], ((0, more), (0, 0))),
        "weights": np.pad(arrays["weights"], ((0, more), (0, 0)), constant_values=1 / 24),
        "shapedirs": np.pad(arrays["shapedirs"], ((0, more), (0, 0), (0, 0))),
        "J_regressor": np.pad(arrays["J_regressor"], ((0, 0), (0, more))),
        "posedirs": np.zeros((6890, 3, 207), np.float32),
        "f": arrays["f"],
        "kintree_table": arrays["kintree_table"],
    }
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **padded)
    return BodyModel.load(tmp_path / "SMPL_NEUTRAL.npz")


def test_a_users_own_body_keeps_the_betas(own_body: BodyModel) -> None:
    estimate = scene()
    betas = np.tile(np.array([0.5, -0.3] + [0] * 8, np.float32), (len(estimate), 1))
    pose = np.concatenate([estimate.body_pose, np.zeros((len(estimate), 2, 3), np.float32)], 1)
    result = Refiner(own_body).refine(estimate.replace(family="smpl", body_pose=pose, betas=betas))
    assert np.allclose(result.before.betas, betas[0]) and result.before.scale == 1.0
    assert np.array_equal(result.refined.betas, betas)
    metrics = result.metrics
    assert metrics["input"] == metrics["calibrated"]
    assert metrics["refined"]["reprojection_px_coco17"] < 0.7 * metrics["calibrated"]["reprojection_px_coco17"]


def test_a_users_own_body_has_its_own_pelvis_in_any_room(own_body: BodyModel) -> None:
    pose, pelvis = true_motion(20)
    betas = np.array([0.8, -0.5, *[0.0] * 8])
    points = own_body.keypoints("body25", rotvec_to_rotmat(pose), pelvis, betas) @ np.diag([1.0, -1, -1])
    z_up = points @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]) * 1000
    refiner, confidence = Refiner(own_body, weights="none"), np.ones(points.shape[:2])
    expected, found = (refiner.fit(Keypoints("body25", each, confidence)) for each in (points, z_up))
    np.testing.assert_allclose(found.refined.betas, expected.refined.betas, atol=1e-3)
    assert found.refined.world is not None and found.refined.world.up == "z"
    for fitted in (expected.refined, found.refined):
        track = (expected if fitted is expected.refined else found).after
        np.testing.assert_allclose(fitted.transl + own_body.rest_pelvis(fitted.betas), track.pelvis, atol=1e-4)


@pytest.mark.parametrize("size", [0.85, 1.1])
def test_a_users_own_body_is_fitted_to_people_of_any_size_by_its_betas(own_body: BodyModel, size: float) -> None:
    """SMPL has no parameter for size, so the fit must not use one."""
    pose, pelvis = true_motion(30)
    points = own_body.keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10), size)
    result = Refiner(own_body).fit(Keypoints("body25", points, np.ones(points.shape[:2])))
    assert result.after.scale == 1.0
    assert result.metrics["refined"]["mpjpe_mm_body25"] < 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": None}, "no keypoints"),
        ({"camera": None}, "no camera"),
        ({"keypoints": Keypoints("coco17", np.zeros((3, 17, 2)), np.ones((3, 17)))}, "3 rows of keypoints for 45"),
        ({"keypoints": Keypoints("coco17", np.zeros((45, 17, 2)), np.zeros((45, 17)))}, "no keypoint has any"),
        ({"keypoints": Keypoints("coco17", np.ones((45, 17, 3)), np.ones((45, 17)))}, "3D keypoints"),
    ],
)
def test_what_cannot_be_refined_is_said(refiner: Refiner, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        refiner.refine(scene().replace(**changes))


def test_seen_joints_are_the_ones_that_move(refiner: Refiner) -> None:
    result = refiner.refine(scene())
    moved = np.abs(result.after.rotations - result.before.rotations).max(axis=(0, 2, 3)) > 1e-3
    assert set(SEEN) <= set(np.flatnonzero(moved))


def test_keypoints_alone_are_no_second_witness_of_their_own_motion() -> None:
    """The first pose of `fit` shares its keypoints' noise; taken for an estimate, it shakes the result."""
    body, (pose, pelvis) = open_body(), true_motion(60)
    rotations = rotvec_to_rotmat(pose)
    points = body.keypoints("body25", rotations, pelvis, np.zeros(10))
    noisy = points + np.random.default_rng(0).normal(0, 0.01, points.shape)
    found = Refiner(body).fit(Keypoints("body25", noisy, np.ones(points.shape[:2])), up="-y").after.joints()
    bends = np.diff(found - body.joints(rotations, pelvis, np.zeros(10)), 2, axis=0)
    assert 1000 * np.linalg.norm(bends, axis=-1).mean() < 2.5
