"""Each stage takes effect: `Refiner` would give another result without it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lsmplify_refine import Estimate, Refiner
from lsmplify_refine.geometry.smoothing import smooth
from tests.support.rooms import SAME, in_room
from tests.support.scenes import FPS, open_body, scene


@pytest.fixture(scope="module")
def projection() -> Refiner:
    """The stages without the regressor, whose own priors would hide what the stages do."""
    return Refiner(open_body(), weights="none", align="camera")


def with_keypoints_moved(estimate: Estimate, offset: np.ndarray) -> Estimate:
    assert estimate.keypoints is not None
    keypoints = replace(estimate.keypoints, positions=estimate.keypoints.positions + offset)
    return estimate.replace(keypoints=keypoints)


def roughness(values: np.ndarray) -> float:
    """Mean size of the second differences of (T, 3)."""
    return float(np.linalg.norm(np.diff(values, n=2, axis=0), axis=-1).mean())


@pytest.mark.parametrize("weights", ["none", "shipped"])
def test_a_detection_that_jumps_for_a_moment_moves_no_arm(weights: str) -> None:
    """Thirteen centimetres in two frames: near enough for the robust kernel to accept, if it lasted."""
    refiner = Refiner(open_body(), weights=weights)
    estimate = scene(30)
    slip = np.zeros((30, 17, 2))
    slip[14:16, 9, 0] = 20.0
    right, slipped = (refiner.refine(each).after.joints() for each in (estimate, with_keypoints_moved(estimate, slip)))
    moved = np.linalg.norm(slipped - right, axis=-1)[:, [18, 20]]
    assert moved.max() < 0.009


def test_keypoints_are_averaged_before_the_last_fits(projection: Refiner) -> None:
    """Noise that all points share leaves less in the correction than smoothing only the correction would."""
    frames = 60
    noise = np.random.default_rng(0).normal(0, 0.01, (frames, 1, 3))
    aside = np.array([0.1, 0.0, 0.0])
    estimate = in_room(SAME, frames, noise_m=0.0, error_deg=0.0)
    estimate = estimate.replace(transl=(estimate.transl - aside).astype(np.float32))
    result = projection.refine(with_keypoints_moved(estimate, noise))
    correction = result.after.pelvis - result.before.pelvis
    smoothed_once = smooth(noise[:, 0], np.arange(frames), FPS, projection.smooth_seconds)
    assert np.abs(correction - aside).max() < 0.02
    assert roughness(correction) < 0.87 * roughness(smoothed_once)


def test_the_estimates_depth_is_held_before_a_camera(projection: Refiner) -> None:
    """Limbs in a wrong pose look shorter or longer, like those of a body at another distance."""
    result = projection.refine(scene(45, error_deg=10.0, noise_px=3.0))
    moved = np.abs(result.after.pelvis - result.before.pelvis)[:, 2]
    assert moved.mean() < 0.008
