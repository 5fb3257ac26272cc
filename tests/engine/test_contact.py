"""Which feet stand, told from height and speed."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine.engine.contact import contact_probability, steadied
from lsmplify_refine.values.smpl_joints import FEET
from tests.support.scenes import open_body
from tests.support.walks import Motion, glide, walk

_HEIGHTS = open_body().skeleton(None, np.zeros(1)).rest_joints.double().numpy()[list(FEET), 1]


def _told(feet: np.ndarray, fps: float = 30.0, frame_ids: np.ndarray | None = None, up: int = 1) -> np.ndarray:
    ids = np.arange(len(feet)) if frame_ids is None else frame_ids
    return contact_probability(feet, _HEIGHTS, up=up, frame_ids=ids, fps=fps)


def _away_from_changes(motion: Motion, fps: float) -> np.ndarray:
    """Steps that are not next to where a foot lands or leaves, which are told a frame or two off."""
    margin = round(0.08 * fps)
    changes = np.diff(motion.still.astype(int), axis=0, prepend=motion.still[:1].astype(int)) != 0
    near = np.zeros_like(changes)
    for shift in range(-margin, margin + 1):
        near |= np.roll(changes, shift, axis=0)
    clear: np.ndarray = ~near
    return clear


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0, 120.0])
def test_a_walk_stands_and_swings(fps: float) -> None:
    motion = walk(round(3 * fps), fps)
    told, clear = _told(motion.feet, fps), _away_from_changes(motion, fps)
    assert (told > 0.5)[clear & motion.still].mean() > 0.95
    assert (told < 0.5)[clear & ~motion.still].mean() > 0.95


def test_the_floor_may_rise_and_the_axis_be_z() -> None:
    motion = walk()
    feet = motion.feet + np.array([0.0, 3.0, 0.0])
    feet[..., 1] += 0.1 * feet[..., 2]
    told = _told(feet[..., [0, 2, 1]], up=2)
    clear = _away_from_changes(motion, 30.0)
    assert (told > 0.5)[clear & motion.still].mean() > 0.9


def test_a_slow_glide_stands_and_a_fast_one_does_not() -> None:
    assert _told(glide(speed=0.1).feet).min() > 0.8
    assert _told(glide(speed=4.0).feet).max() < 0.1


def test_who_jumps_does_not_stand() -> None:
    feet = np.repeat(glide(60, speed=0.0).feet[:1], 60, axis=0)
    seconds = np.clip((np.arange(60) - 25) / 30, 0, 0.45)
    feet[..., 1] += (4.9 * seconds * (0.45 - seconds))[:, None]
    told = _told(feet)
    assert told[:22].min() > 0.9 and told[43:].min() > 0.9
    assert told[27:37].max() < 0.1


def test_jitter_is_not_a_step() -> None:
    feet = np.repeat(glide(60, speed=0.0).feet[:1], 60, axis=0)
    shaken = feet + 0.005 * np.random.default_rng(0).standard_normal(feet.shape)
    assert (_told(shaken) > 0.5).mean() > 0.9


def test_parts_of_a_track_are_told_alone() -> None:
    motion = walk()
    ids = np.arange(90) + 50 * (np.arange(90) >= 45)
    told = _told(motion.feet, frame_ids=ids)
    assert np.array_equal(told, np.concatenate([_told(motion.feet[:45]), _told(motion.feet[45:])]))


def test_a_single_frame_stands_where_it_is() -> None:
    told = _told(glide(1).feet)
    assert told.shape == (1, 4) and told.min() > 0.9


def _steadied(feet: np.ndarray, still: np.ndarray, frame_ids: np.ndarray | None = None) -> np.ndarray:
    ids = np.arange(len(feet)) if frame_ids is None else frame_ids
    return steadied(feet, still, up=1, frame_ids=ids, fps=30.0)


def test_a_standing_foot_stops_shaking() -> None:
    feet = np.repeat(glide(90, speed=0.0).feet[:1], 90, axis=0)
    shaken = feet + 0.01 * np.random.default_rng(0).standard_normal(feet.shape)
    steady = _steadied(shaken, np.full((90, 4), 0.99))
    before, after = (30 * np.linalg.norm(np.diff(each, axis=0), axis=-1).mean() for each in (shaken, steady))
    assert after < 0.15 * before
    assert np.abs(steady - feet)[..., 1].mean() < 0.5 * np.abs(shaken - feet)[..., 1].mean()


def test_a_slide_slides_on_and_a_swing_is_left_alone() -> None:
    motion = glide()
    sliding = _steadied(motion.feet, np.ones((90, 4)))
    np.testing.assert_allclose(np.diff(sliding, axis=0)[8:-8], np.diff(motion.feet, axis=0)[8:-8], atol=1e-3)
    free = walk()
    np.testing.assert_allclose(_steadied(free.feet, np.zeros((90, 4))), free.feet, atol=1e-9)


def test_landing_stays_abrupt() -> None:
    """Frames in the air have no part in the mean of those on the ground."""
    motion = walk()
    steady = _steadied(motion.feet, motion.still.astype(float))
    speeds = [30 * np.linalg.norm(np.diff(each, axis=0)[..., [0, 2]], axis=-1) for each in (motion.feet, steady)]
    assert speeds[1][motion.still[:-1]].mean() < 1.05 * speeds[0][motion.still[:-1]].mean()
    np.testing.assert_allclose(speeds[1][~motion.still[:-1]], speeds[0][~motion.still[:-1]], atol=1e-6)


def test_parts_and_single_frames_are_steadied_alone() -> None:
    motion, ids = walk(), np.arange(90) + 50 * (np.arange(90) >= 45)
    still = motion.still.astype(float)
    parts = [_steadied(motion.feet[rows], still[rows]) for rows in (slice(0, 45), slice(45, None))]
    np.testing.assert_allclose(_steadied(motion.feet, still, ids), np.concatenate(parts), atol=1e-12)
    np.testing.assert_allclose(_steadied(motion.feet[:1], still[:1]), motion.feet[:1], atol=1e-9)
