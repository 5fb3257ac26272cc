"""Crop cameras: round trips, and that a point lands on the same pixel before both cameras."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lsmplify_refine.geometry import crop_cameras
from lsmplify_refine.geometry.projection import default_intrinsics

RNG = np.random.default_rng(0)
COUNT, WIDTH, HEIGHT = 40, 1280, 720
CENTRE = RNG.uniform((100, 100), (WIDTH - 100, HEIGHT - 100), (COUNT, 2))
SIDE = RNG.uniform(80, 400, COUNT)
CROP = np.column_stack([RNG.uniform(0.6, 1.2, COUNT), RNG.uniform(-0.3, 0.3, (COUNT, 2))])

FAMILIES: dict[str, Callable[[], np.ndarray]] = {
    "spin": lambda: crop_cameras.spin_intrinsics(CENTRE, SIDE),
    "hmr2": lambda: crop_cameras.hmr2_intrinsics(WIDTH, HEIGHT, COUNT),
    "diagonal": lambda: default_intrinsics(WIDTH, HEIGHT, COUNT),
}


def project(points: np.ndarray, K: np.ndarray) -> np.ndarray:
    """(T, 2) pixels of (T, 3) points."""
    image = np.einsum("tij,tj->ti", K, points)
    pixels: np.ndarray = image[:, :2] / image[:, 2:]
    return pixels


@pytest.mark.parametrize("family", FAMILIES)
def test_crop_and_full_are_inverse(family: str) -> None:
    K = FAMILIES[family]()
    back = crop_cameras.full_to_crop(crop_cameras.crop_to_full(CROP, CENTRE, SIDE, K), CENTRE, SIDE, K)
    np.testing.assert_allclose(back, CROP, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_origin_lands_where_the_crop_camera_puts_it(family: str) -> None:
    """Weak perspective: the body's origin at s (tx, ty) of the half crop from its centre."""
    K = FAMILIES[family]()
    pixels = project(crop_cameras.crop_to_full(CROP, CENTRE, SIDE, K), K)
    expected = CENTRE + CROP[:, :1] * CROP[:, 1:] * SIDE[:, None] / 2
    np.testing.assert_allclose(pixels, expected, atol=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_metre_is_as_long_as_the_crop_camera_says(family: str) -> None:
    K = FAMILIES[family]()
    transl = crop_cameras.crop_to_full(CROP, CENTRE, SIDE, K)
    metre = project(transl + np.array([1, 0, 0]), K) - project(transl, K)
    np.testing.assert_allclose(metre[:, 0], CROP[:, 0] * SIDE / 2, rtol=1e-12)


def test_spin_is_spins_own_formula() -> None:
    K = crop_cameras.spin_intrinsics(CENTRE, SIDE)
    transl = crop_cameras.crop_to_full(CROP, CENTRE, SIDE, K)
    np.testing.assert_allclose(transl, np.column_stack([CROP[:, 1:], 2 * 5000 / (224 * CROP[:, 0])]), atol=1e-12)
