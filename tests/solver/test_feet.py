"""The solve for root path and legs: what stands stays, what slides slides on, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.solver import feet as module
from lsmplify_refine.solver.feet import FootGoals, follow_ground
from lsmplify_refine.solver.legs import pose_legs
from tests.support.scenes import open_body
from tests.support.walks import Motion, glide, walk

_REST: np.ndarray = open_body().skeleton(None, np.zeros(1)).rest_joints.double().numpy()
_GROUND = [0, 2]


def _goals(motion: Motion, *, stiffness: float = 1e4) -> FootGoals:
    frames = len(motion.pose)
    feet = pose_legs(_REST, rotvec_to_rotmat(motion.pose)).feet + motion.pelvis[:, None]
    sight = np.tile(stiffness * np.eye(3), (frames, 1, 1))
    return FootGoals(feet, motion.still * 0.95, 1, sight, np.ones(frames))


def _wrong(motion: Motion, fps: float = 30.0) -> np.ndarray:
    """The motion's rotations with slowly changing errors of the root and the legs."""
    seconds = np.arange(len(motion.pose)) / fps
    drift = np.zeros_like(motion.pose)
    for joint, phase in ((0, 0.0), (1, 1.0), (2, 2.5), (4, 3.0), (5, 4.0)):
        drift[:, joint] = 0.08 * np.sin(2.5 * seconds + phase)[:, None] * [1.0, 0.5, 0.5]
    wrong: np.ndarray = rotvec_to_rotmat(motion.pose) @ rotvec_to_rotmat(drift)
    return wrong


def _slide(feet: np.ndarray, motion: Motion, fps: float = 30.0) -> float:
    """Mean speed along the ground against the goal's of the feet that stand, m/s."""
    away = feet - pose_legs(_REST, rotvec_to_rotmat(motion.pose)).feet - motion.pelvis[:, None]
    speed = fps * np.linalg.norm(np.diff(away[..., _GROUND], axis=0), axis=-1)
    return float(speed[motion.still[:-1]].mean())


@pytest.mark.parametrize("fps", [30.0, 60.0])
@pytest.mark.parametrize("make", [walk, glide])
def test_feet_that_stand_keep_the_motion_that_they_should_have(make: type, fps: float) -> None:
    """A glide's feet never rest: they keep their speed, not a standstill."""
    motion = make(round(2 * fps), fps)
    wrong, goals = _wrong(motion, fps), _goals(motion)
    slid = _slide(pose_legs(_REST, wrong).feet + motion.pelvis[:, None], motion, fps)
    assert slid > 0.05
    frame_ids = np.arange(len(wrong))
    shift, turned = follow_ground(_REST, wrong, motion.pelvis, goals, frame_ids=frame_ids, fps=fps)
    feet = pose_legs(_REST, turned).feet + (motion.pelvis + shift)[:, None]
    assert _slide(feet, motion, fps) < 0.25 * slid
    off = np.abs(pose_legs(_REST, wrong).feet + motion.pelvis[:, None] - goals.feet)[..., 1][motion.still]
    assert np.abs(feet - goals.feet)[..., 1][motion.still].mean() < 0.5 * off.mean()
    # the root's path gives way first: it moves by centimetres, the feet below it by millimetres
    moved = np.linalg.norm(pose_legs(_REST, turned).feet - pose_legs(_REST, wrong).feet, axis=-1)
    assert moved.mean() < np.linalg.norm(shift, axis=-1).mean()


def test_the_same_time_at_another_rate_gives_the_same_path() -> None:
    paths = []
    for fps in (30.0, 60.0):
        motion = walk(round(2 * fps), fps)
        frame_ids = np.arange(len(motion.pose))
        wrong, goals = _wrong(motion, fps), _goals(motion)
        paths.append(follow_ground(_REST, wrong, motion.pelvis, goals, frame_ids=frame_ids, fps=fps)[0])
    size = np.abs(paths[0]).max()
    assert size > 0.02 and np.abs(paths[1][::2] - paths[0]).max() < 0.15 * size


def test_where_nothing_is_wrong_nothing_moves_by_a_bit() -> None:
    motion = walk()
    rotations = rotvec_to_rotmat(motion.pose)
    frame_ids = np.arange(len(rotations))
    shift, turned = follow_ground(_REST, rotations, motion.pelvis, _goals(motion), frame_ids=frame_ids, fps=30.0)
    assert not shift.any() and np.array_equal(turned, rotations)


def test_feet_that_never_stand_are_free() -> None:
    motion = walk()
    still = np.zeros_like(motion.still)
    wrong, goals = _wrong(motion), replace(_goals(motion), still=still.astype(float))
    frame_ids = np.arange(len(wrong))
    shift, turned = follow_ground(_REST, wrong, motion.pelvis, goals, frame_ids=frame_ids, fps=30.0)
    assert not shift.any() and np.array_equal(turned, wrong)


def test_legs_that_may_not_turn_leave_it_to_the_root() -> None:
    motion = walk()
    give = np.ones(len(motion.pose))
    give[20:50] = 0.0
    wrong, goals = _wrong(motion), replace(_goals(motion), give=give)
    frame_ids = np.arange(len(wrong))
    shift, turned = follow_ground(_REST, wrong, motion.pelvis, goals, frame_ids=frame_ids, fps=30.0)
    assert np.array_equal(turned[20:50], wrong[20:50]) and not np.array_equal(turned, wrong)
    assert np.linalg.norm(shift[20:50], axis=1).min() > 1e-4


def test_nothing_reaches_across_a_gap() -> None:
    motion = walk()
    wrong, goals = _wrong(motion), _goals(motion)
    frame_ids = np.arange(len(wrong)) + 7 * (np.arange(len(wrong)) >= 40)
    shift, turned = follow_ground(_REST, wrong, motion.pelvis, goals, frame_ids=frame_ids, fps=30.0)
    for rows in (slice(0, 40), slice(40, None)):
        part = FootGoals(goals.feet[rows], goals.still[rows], 1, goals.sight[rows], goals.give[rows])
        ids = np.arange(len(wrong[rows]))
        alone, legs = follow_ground(_REST, wrong[rows], motion.pelvis[rows], part, frame_ids=ids, fps=30.0)
        np.testing.assert_allclose(shift[rows], alone, atol=1e-9)
        np.testing.assert_allclose(turned[rows], legs, atol=1e-9)


def test_long_tracks_are_linearised_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    motion = walk()
    wrong, goals = _wrong(motion), _goals(motion)
    frame_ids = np.arange(len(wrong))
    whole = follow_ground(_REST, wrong, motion.pelvis, goals, frame_ids=frame_ids, fps=30.0)
    monkeypatch.setattr(module, "_CHUNK", 13)
    parts = follow_ground(_REST, wrong, motion.pelvis, goals, frame_ids=frame_ids, fps=30.0)
    for one, other in zip(whole, parts):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_tracks(frames: int) -> None:
    motion = walk(frames)
    wrong = _wrong(motion)
    shift, turned = follow_ground(_REST, wrong, motion.pelvis, _goals(motion), frame_ids=np.arange(frames), fps=30.0)
    assert shift.shape == (frames, 3) and np.isfinite(shift).all() and np.isfinite(turned).all()
