"""The filters that people run: they keep slow motion, remove noise, and return rotations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import savgol_filter

from lsmplify_refine.evaluate.filters import Filter, one_euro, savitzky_golay
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat

BOTH = pytest.mark.parametrize("filtered", [savitzky_golay, one_euro])


def swinging(frames: int = 60) -> np.ndarray:
    """A joint that swings about one axis: rotation vectors (T, 1, 3)."""
    swing = np.zeros((frames, 1, 3))
    swing[:, 0, 2] = 0.5 * np.sin(2 * np.pi * np.arange(frames) / 60)
    return swing


def jitter(rotations: np.ndarray) -> float:
    return float(np.abs(np.diff(rotmat_to_rotvec(rotations), n=3, axis=0)).mean())


@BOTH
def test_noise_goes_and_the_swing_stays(filtered: Filter) -> None:
    noise = np.random.default_rng(0).normal(0, 0.02, (60, 1, 3))
    rotations, pelvis = filtered(rotvec_to_rotmat(swinging() + noise), noise[:, 0])
    assert np.allclose(rotations @ np.swapaxes(rotations, -1, -2), np.eye(3), atol=1e-9)
    assert jitter(rotations) < 0.5 * jitter(rotvec_to_rotmat(swinging() + noise))
    assert np.abs(pelvis).mean() < 0.8 * np.abs(noise).mean()
    assert np.ptp(rotmat_to_rotvec(rotations)[..., 2]) > 0.9


@BOTH
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_short_tracks_are_filtered_too(filtered: Filter, frames: int) -> None:
    still = rotvec_to_rotmat(np.full((frames, 1, 3), 0.3))
    rotations, pelvis = filtered(still, np.ones((frames, 3)))
    assert np.allclose(rotations, still) and np.allclose(pelvis, 1.0)


def test_savitzky_golay_is_scipys_over_eleven_frames() -> None:
    pelvis = np.random.default_rng(0).normal(0, 1, (40, 3))
    assert np.allclose(savitzky_golay(rotvec_to_rotmat(swinging(40)), pelvis)[1], savgol_filter(pelvis, 11, 3, axis=0))


def test_one_euro_follows_fast_changes_and_holds_slow_ones() -> None:
    """By hand: the speed's share is 2 pi / (2 pi + 1); the cut-off is 0.004 + 0.7 |speed| per frame."""
    step = np.zeros((2, 3))
    step[1] = [1e-6, 0.1, 10.0]
    followed = one_euro(np.eye(3)[None, None].repeat(2, 0), step)[1][1] / step[1]
    speed = step[1] * 2 * np.pi / (2 * np.pi + 1)
    cutoff = 2 * np.pi * (0.004 + 0.7 * speed)
    assert np.allclose(followed, cutoff / (cutoff + 1))
    assert followed[0] < 0.03 and followed[2] > 0.95
