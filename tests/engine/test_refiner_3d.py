"""The engine on 3D keypoints: of another room, of the estimate's own frame, of the world; without camera and video."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lsmplify_refine import Camera, Estimate, InputError, Keypoints, Refinement, Refiner
from lsmplify_refine.engine.scoring import gate_error
from lsmplify_refine.engine.shape import fit_shape
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.engine.track import make_track
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, move_body
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.solver.problem import Targets
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import WorldRoot
from tests.support.rooms import SAME, STILL, Room, at_wrong_depths, from_moving_camera, in_room, true_points
from tests.support.scenes import joint_error_mm, open_body, scene, true_motion

HARD: dict[str, Any] = {"garbage": 0.1, "gap": slice(30, 38)}


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(open_body())


def mpjpe_mm(result: Refinement) -> tuple[float, float]:
    """Keypoints before and after against the clean truth in the estimate's frame."""
    convention = result.keypoints.convention
    true = true_points(len(result.estimate), convention)
    before, after = (
        float(1000 * np.linalg.norm(track.keypoints(convention) - true, axis=-1).mean())
        for track in (result.before, result.after)
    )
    return before, after


@pytest.mark.parametrize("convention", ["coco17", "body25"])
@pytest.mark.parametrize("room", [SAME, STILL, at_wrong_depths(75), from_moving_camera(75)])
def test_noisy_keypoints_with_gaps_and_garbage_help(refiner: Refiner, convention: str, room: Room) -> None:
    estimate = in_room(room, 75, convention=convention, **HARD)
    result = refiner.refine(estimate)
    before, after = mpjpe_mm(result)
    assert after < 0.25 * before
    assert joint_error_mm(result.refined) < 0.3 * joint_error_mm(estimate)
    assert result.camera is None and result.alignment is not None
    assert result.alignment.name in result.notes[0].text
    name = f"mpjpe_mm_{convention}"
    assert result.metrics["refined"][name] < result.metrics["calibrated"][name]
    assert result.metrics["refined"]["accel_mm_per_frame2"] < 1.15 * result.metrics["calibrated"]["accel_mm_per_frame2"]


def test_closed_fists_do_not_turn_the_hands(refiner: Refiner) -> None:
    points = true_points(1, "mhr70")
    names = CONVENTIONS["mhr70"].points
    fists = points.copy()
    for place, name in enumerate(names):
        if name in CONVENTIONS["mhr70"].unfollowed and "tip" in name:
            fists[:, place] = points[:, names.index(f"{name.split('_')[0]}_wrist")]
    open_hands, closed = (refiner.fit(Keypoints("mhr70", each, np.ones(each.shape[:2]))) for each in (points, fists))
    assert np.array_equal(open_hands.after.rotations, closed.after.rotations)
    assert open_hands.keypoints.confidence[0, names.index("left_index1")] == 1
    assert open_hands.keypoints.confidence[0, names.index("left_index_tip")] == 0


def test_the_estimate_stays_in_its_own_frame(refiner: Refiner) -> None:
    estimate = in_room(STILL, 45, error_deg=0)
    refined = refiner.refine(estimate).refined
    assert np.abs(refined.transl - estimate.transl).max() < 0.03
    assert np.abs(refined.global_orient - estimate.global_orient).max() < 0.1
    assert np.array_equal(refined.betas, estimate.betas)
    assert refined.body_pose.dtype == refined.transl.dtype == np.float32


def test_what_keypoints_do_not_see_keeps_its_bits(refiner: Refiner) -> None:
    estimate = in_room(STILL, 45, convention="coco17")
    refined = refiner.refine(estimate).refined
    unseen = [6, 7, 9, 10, 19, 20]  # ankles, feet, wrists in body_pose
    assert np.array_equal(refined.body_pose[:, unseen], estimate.body_pose[:, unseen])
    assert not np.array_equal(refined.body_pose, estimate.body_pose)


def test_the_unit_does_not_matter(refiner: Refiner) -> None:
    metres = refiner.refine(in_room(STILL, 30))
    millimetres = refiner.refine(in_room(Room(STILL.rotation, STILL.translation, 0.001), 30))
    assert any("millimetres" in note.text for note in millimetres.notes)
    assert np.allclose(metres.refined.body_pose, millimetres.refined.body_pose, atol=1e-4)


def moved_to_world(estimate: Estimate, *, with_root: bool) -> tuple[Estimate, Room]:
    """The same estimate in a y-up world, and that world as a room around the truth."""
    turn, move = rotvec_to_rotmat([np.pi, 0.3, 0.1]), np.array([1.0, 2.0, 3.0])
    orient, transl = move_body(
        estimate.global_orient, estimate.transl, np.array(MEAN_REST_PELVIS["smplx"]), rotation=turn, translation=move
    )
    orient, transl = orient.astype(np.float32), transl.astype(np.float32)
    root = WorldRoot(orient, transl) if with_root else None
    return estimate.replace(frame="world", global_orient=orient, transl=transl, world=root), Room(turn, move)


@pytest.mark.parametrize("with_root", [False, True])
def test_an_estimate_in_the_world_is_refined_there(refiner: Refiner, with_root: bool) -> None:
    estimate, world = moved_to_world(in_room(STILL, 45), with_root=with_root)
    camera = Camera(np.tile(np.eye(3), (45, 1, 1)))  # says nothing about a body in the world
    result = refiner.refine(estimate.replace(camera=camera))
    assert result.camera is None
    true = true_points(45) @ world.rotation.T + world.translation
    before, after = (
        np.linalg.norm(t.keypoints("body25") - true, axis=-1).mean() for t in (result.before, result.after)
    )
    assert after < 0.3 * before
    refined = result.refined
    again = pose_on_body(refined, open_body())
    written = open_body().keypoints("body25", again.rotations.numpy(), again.pelvis.numpy(), result.after.betas)
    assert np.linalg.norm(written - true, axis=-1).mean() < 0.3 * before + 0.01
    if with_root:
        assert refined.world is not None
        assert np.array_equal(refined.world.global_orient, refined.global_orient)
        assert np.array_equal(refined.world.transl, refined.transl)


def test_camera_alignment_corrects_the_place_and_torso_alignment_keeps_it() -> None:
    right = in_room(SAME, 45)
    wrong = right.replace(transl=right.transl + np.array([0.0, 0.05, 0.3], np.float32))
    moved = {
        mode: np.abs(Refiner(open_body(), align=mode).refine(wrong).refined.transl - right.transl).mean(0)[2]
        for mode in ("camera", "torso")
    }
    assert moved["camera"] < 0.03 and moved["torso"] > 0.27


@pytest.mark.parametrize("frames", [slice(None), slice(10, 16)])
def test_who_faces_away_in_all_or_some_frames_is_turned(frames: slice) -> None:
    right = in_room(SAME, 45)
    root = rotvec_to_rotmat(right.global_orient)
    root[frames] = rotvec_to_rotmat(np.array([0.0, np.pi - 0.05, 0.0])) @ root[frames]
    result = Refiner(open_body(), align="camera").refine(right.replace(global_orient=rotmat_to_rotvec(root)))
    before, after = mpjpe_mm(result)
    assert before > 90 and after < 8
    assert result.metrics["refined"]["accel_mm_per_frame2"] < 4


def test_no_frame_explains_its_keypoints_less_than_the_input(refiner: Refiner) -> None:
    estimate = in_room(STILL, 60, noise_m=0.04, garbage=0.3, error_deg=3)
    result = refiner.refine(estimate)
    targets = make_track(estimate, refiner.body, fps=30.0, align="auto").targets
    before, after = (
        gate_error(track.keypoints("body25"), None, result.keypoints, targets)
        for track in (result.before, result.after)
    )
    assert (after <= before + 1e-3).all() and np.mean(after) < np.mean(before)
    assert mpjpe_mm(result)[1] < mpjpe_mm(result)[0]


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_short_tracks(refiner: Refiner, frames: int) -> None:
    before, after = mpjpe_mm(refiner.refine(in_room(STILL, frames)))
    assert after < 0.6 * before


def test_limbs_tell_the_shape_through_wrong_poses_noise_and_garbage() -> None:
    betas, scale = np.array([1.5, -1.0, 0.5, 0, 0, 0.5, 0, 0, 0, 0]), 1.05
    pose, pelvis = true_motion(60)
    body, rotations = open_body(), rotvec_to_rotmat(pose)
    true = body.keypoints("body25", rotations, pelvis, betas, scale)
    generator = np.random.default_rng(0)
    seen = true + generator.normal(0, 0.02, true.shape)
    bad = generator.random(true.shape[:2]) < 0.1
    seen = np.where(bad[..., None], true + generator.uniform(-1, 1, true.shape), seen)
    targets = Targets(torch.as_tensor(seen).float(), torch.ones(true.shape[:2]))
    found = fit_shape(body, "body25", pose_on_body(scene(60, error_deg=15), body), targets)
    fitted, mean = (
        body.keypoints("body25", rotations, 0 * pelvis, b, s) for b, s in ((found.betas, found.scale), (0 * betas, 1.0))
    )
    wrong = [np.linalg.norm(p - (true - pelvis[:, None]), axis=-1).mean() for p in (fitted, mean)]
    assert wrong[0] < 0.008 < 0.03 < wrong[1]


def test_no_confidence_is_said(refiner: Refiner) -> None:
    with pytest.raises(InputError, match="no keypoint has any confidence"):
        refiner.refine(in_room(SAME, 5, gap=slice(5)))


def test_2d_keypoints_still_need_a_camera(refiner: Refiner) -> None:
    with pytest.raises(InputError, match="no camera intrinsics"):
        refiner.refine(scene(5).replace(camera=None))


def test_hands_come_along_and_do_not_count_for_the_body(refiner: Refiner) -> None:
    """A far-off hand with full confidence moves neither the pose nor the errors; the refined estimate still has it."""
    alone = in_room(STILL, 45)
    given = alone.keypoints
    assert given is not None
    hands = np.random.default_rng(0).uniform(-3, 3, (45, 42, 3))
    positions = np.concatenate([given.positions, hands], axis=1)
    with_hands = Keypoints("body67", positions, np.concatenate([given.confidence, np.ones((45, 42))], axis=1))
    expected, found = refiner.refine(alone), refiner.refine(alone.replace(keypoints=with_hands))
    assert np.array_equal(found.refined.body_pose, expected.refined.body_pose)
    assert found.metrics == expected.metrics and found.keypoints.convention == "body25"
    assert found.estimate.keypoints is with_hands
    fitted, alone_fitted = refiner.fit(with_hands), refiner.fit(given)
    assert np.array_equal(fitted.refined.body_pose, alone_fitted.refined.body_pose)
    assert fitted.estimate.keypoints is not None and fitted.estimate.keypoints.convention == "body67"
