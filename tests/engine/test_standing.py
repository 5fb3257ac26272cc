"""Feet in the world result: they stand as in the input, slide on if they slid, and the image does not pay for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import Estimate, Keypoints, Refinement, Refiner
from lsmplify_refine.engine import standing as module
from lsmplify_refine.engine.gate import Verdict
from lsmplify_refine.engine.ground import ground_of
from lsmplify_refine.engine.held_feet import HeldFeet
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, axis_turn, move_body
from lsmplify_refine.values.estimate import WorldRoot
from tests.support.scenes import open_body
from tests.support.walks import feet_in_world, glide, seen, slide_cm_per_s, walk

PX = "reprojection_px_coco17"


def _refined(estimate: Estimate) -> Refinement:
    return Refiner(open_body()).refine(estimate)


def _without_feet(estimate: Estimate, monkeypatch: pytest.MonkeyPatch) -> Refinement:
    """The same, with nothing done for the feet."""
    with monkeypatch.context() as patch:
        patch.setattr(
            "lsmplify_refine.engine.stages.hold_feet",
            lambda verdict, stand, *_: HeldFeet(verdict, stand(verdict.share)),
        )
        patch.setattr(module, "follow_ground", lambda rest, rotations, path, goals, **_: (0 * path, rotations))
        return _refined(estimate)


@pytest.mark.parametrize("fps", [30.0, 60.0])
@pytest.mark.parametrize("says", [True, False])
def test_feet_that_stood_still_stand(says: bool, fps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bypassing the solve, or the contacts, lets them slide more than twice as fast."""
    motion = walk(round(3 * fps), fps)
    estimate = seen(motion, fps=fps)
    estimate = estimate if says else estimate.replace(contacts=None)
    result, without = _refined(estimate), _without_feet(estimate, monkeypatch)
    before, after = (slide_cm_per_s(each, motion.still, fps) for each in (estimate, result.refined))
    assert after < 1.05 * before
    assert slide_cm_per_s(without.refined, motion.still, fps) > 2 * before

    slides = [result.metrics[stage]["foot_slide_cm_per_s"] for stage in ("input", "calibrated", "refined")]
    assert slides[0] == slides[1] and slides[2] < 1.05 * slides[0]
    if says:
        assert slides[0] == pytest.approx(before, rel=1e-3) and slides[2] == pytest.approx(after, rel=1e-3)
    assert result.metrics["refined"]["floor_spread_cm"] < 1.02 * result.metrics["input"]["floor_spread_cm"]
    assert result.metrics["refined"][PX] < 1.05 * without.metrics["refined"][PX]
    assert set(result.status) <= {"accepted", "blended"}


def test_a_dancers_slide_stays_a_slide() -> None:
    motion = glide()
    estimate = seen(motion)
    refined = _refined(estimate).refined
    # the mean of both feet: the input's legs drift apart, the keypoints say that they do not
    steps, expected = (30 * np.diff(feet_in_world(each).mean(1), axis=0)[:, [0, 2]] for each in (refined, estimate))
    speed = np.linalg.norm(expected, axis=-1)
    assert speed.mean() > 0.35
    assert np.linalg.norm(steps - expected, axis=-1).mean() < 0.05 * speed.mean()


def test_the_path_does_not_follow_a_foot_in_the_air() -> None:
    estimate = seen(walk(), planted=False).replace(contacts=np.zeros((90, 4)))
    refined = _refined(estimate).refined
    assert estimate.world is not None and refined.world is not None
    assert np.array_equal(refined.world.transl, estimate.world.transl)


@pytest.mark.parametrize("up", ["y", "z"])
def test_an_estimate_in_the_world_itself(up: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = walk()
    camera_and_world = seen(motion)
    assert camera_and_world.world is not None
    root, J0 = camera_and_world.world, np.array(MEAN_REST_PELVIS["smplx"])
    turn = axis_turn("y", up)
    orient, transl = move_body(root.global_orient, root.transl, J0, rotation=turn, translation=np.zeros(3))
    world = WorldRoot(orient.astype(np.float32), transl.astype(np.float32), up)
    estimate = camera_and_world.replace(
        frame="world", global_orient=world.global_orient, transl=world.transl, world=world
    )
    results = _refined(estimate), _without_feet(estimate, monkeypatch)
    slides = [result.metrics["refined"]["foot_slide_cm_per_s"] for result in results]
    assert slides[0] < 0.6 * slides[1]
    refined = results[0].refined
    assert refined.world is not None and np.array_equal(refined.world.transl, refined.transl)
    back = move_body(refined.world.global_orient, refined.world.transl, J0, rotation=turn.T, translation=np.zeros(3))
    upright = camera_and_world.replace(body_pose=refined.body_pose, world=WorldRoot(*back))
    assert slide_cm_per_s(upright, motion.still) == pytest.approx(slides[0], rel=0.02)


def test_keypoints_in_the_world_show_the_feet_themselves() -> None:
    motion = walk()
    estimate = seen(motion)
    assert estimate.world is not None
    points = np.random.default_rng(0).normal(size=(90, 17, 3))
    in_space = Keypoints("coco17", points, np.ones((90, 17)))
    world = estimate.replace(frame="world", keypoints=in_space)
    before = _refined(estimate).before
    assert ground_of(world, before, before, 30.0, None) is None
    assert ground_of(estimate.replace(keypoints=in_space), before, before, 30.0, None) is not None
    assert ground_of(estimate.replace(world=None), before, before, 30.0, None) is None


def test_a_frame_that_holds_its_pose_keeps_its_legs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn for the feet's sake where the gate allows none of the correction."""
    estimate = seen(walk())
    share = np.where((np.arange(90) > 30) & (np.arange(90) < 60), 0.0, 1.0)
    verdict = Verdict(share, np.where(share > 0, "accepted", "held"), ("",) * 90)
    monkeypatch.setattr("lsmplify_refine.engine.stages.gate", lambda *_: verdict)
    refined, plain = _refined(estimate).after, _without_feet(estimate, monkeypatch).after
    assert np.array_equal(refined.rotations[31:60], plain.rotations[31:60])
    assert not np.array_equal(refined.rotations[:30], plain.rotations[:30])


def test_the_image_does_not_pay_for_the_feet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Legs that could move freely hold the feet better; checks after the solve keep the image's error."""
    estimate = seen(glide())
    plain = _without_feet(estimate, monkeypatch).metrics["refined"][PX]
    monkeypatch.setattr(module, "ACROSS_VIEW_M", 0.05)
    checked = _refined(estimate)
    assert checked.metrics["refined"][PX] < 1.051 * plain
    monkeypatch.setattr(module, "_MAX_RISE", np.inf)
    assert _refined(estimate).metrics["refined"][PX] > 1.2 * plain


def test_gaps_and_a_single_frame() -> None:
    motion = walk()
    estimate = seen(motion)
    ids = np.arange(90) + 20 * (np.arange(90) > 44) + 3 * (np.arange(90) > 45)
    result = _refined(estimate.replace(frame_ids=ids))
    assert result.metrics["refined"]["foot_slide_cm_per_s"] < 1.1 * result.metrics["input"]["foot_slide_cm_per_s"]

    keypoints, camera, world = estimate.keypoints, estimate.camera, estimate.world
    assert keypoints is not None and camera is not None and world is not None and estimate.contacts is not None
    row = slice(40, 41)
    alone = _refined(
        estimate.replace(
            **{name: getattr(estimate, name)[row] for name in ("global_orient", "body_pose", "betas", "transl")},
            frame_ids=np.arange(1),
            camera=replace(camera, K=camera.K[row]),
            keypoints=replace(keypoints, positions=keypoints.positions[row], confidence=keypoints.confidence[row]),
            world=WorldRoot(world.global_orient[row], world.transl[row]),
            contacts=estimate.contacts[row],
        )
    )
    assert alone.metrics["refined"]["foot_slide_cm_per_s"] == 0
    height = np.abs(feet_in_world(alone.refined)[..., 1].min() - feet_in_world(estimate)[40, :, 1].min())
    assert height < 0.01


def test_what_is_not_refined_keeps_its_bits() -> None:
    estimate = seen(glide())
    assert estimate.keypoints is not None and estimate.world is not None
    blind = replace(estimate.keypoints, confidence=estimate.keypoints.confidence * (np.arange(90) < 45)[:, None])
    ids = np.arange(90) + 50 * (np.arange(90) >= 45)
    refined = _refined(estimate.replace(keypoints=blind, frame_ids=ids)).refined
    assert refined.world is not None
    assert np.array_equal(refined.body_pose[45:], estimate.body_pose[45:])
    assert np.array_equal(refined.world.transl[45:], estimate.world.transl[45:])
    assert np.array_equal(refined.world.global_orient[45:], estimate.world.global_orient[45:])
    assert not np.array_equal(refined.world.transl[:45], estimate.world.transl[:45])


def test_feet_that_shake_in_the_input_do_not_shake() -> None:
    """A per-frame estimator's feet jitter in its world; they are not asked to go on."""
    motion = walk(120)
    estimate = seen(motion)
    assert estimate.world is not None
    noise = np.random.default_rng(0)
    world = WorldRoot(
        (estimate.world.global_orient + noise.normal(0, 0.02, (120, 3))).astype(np.float32),
        (estimate.world.transl + noise.normal(0, 0.01, (120, 3))).astype(np.float32),
    )
    pose = (estimate.body_pose + noise.normal(0, 0.02, estimate.body_pose.shape)).astype(np.float32)
    result = _refined(estimate.replace(world=world, body_pose=pose))
    shaken, steady = (result.metrics[stage] for stage in ("input", "refined"))
    assert steady["foot_slide_cm_per_s"] < 0.3 * shaken["foot_slide_cm_per_s"]
    assert steady["jitter_10m_per_s3_world"] < 0.3 * shaken["jitter_10m_per_s3_world"]
