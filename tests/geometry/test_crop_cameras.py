"""Crop cameras: round trips, and that a point lands on the same pixel before both cameras."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lsmplify_refine.geometry import crop_cameras

RNG = np.random.default_rng(0)
COUNT, WIDTH, HEIGHT = 40, 1280, 720
CENTRE = RNG.uniform((100, 100), (WIDTH - 100, HEIGHT - 100), (COUNT, 2))
SIDE = RNG.uniform(80, 400, COUNT)
CROP = np.column_stack([RNG.uniform(0.6, 1.2, COUNT), RNG.uniform(-0.3, 0.3, (COUNT, 2))])

FAMILIES: dict[str, Callable[[], np.ndarray]] = {
    "spin": lambda: crop_cameras.spin_intrinsics(CENTRE, SIDE),
    "hmr2": lambda: crop_cameras.hmr2_intrinsics(WIDTH, HEIGHT, COUNT),
    "romp": lambda: crop_cameras.romp_intrinsics(WIDTH, HEIGHT, COUNT),
    "diagonal": lambda: crop_cameras.intrinsics(np.hypot(WIDTH, HEIGHT), np.tile([WIDTH / 2, HEIGHT / 2], (COUNT, 1))),
}


def project(points: np.ndarray, K: np.ndarray) -> np.ndarray:
    """(T, 2) pixels of (T, 3) points."""
    image = np.einsum("tij,tj->ti", K, points)
    return image[:, :2] / image[:, 2:]


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


def test_smplx_crop_camera_sees_the_crop() -> None:
    """A point on the 192 x 256 crop, scaled to the box, is the point in the image."""
    boxes = np.column_stack([CENTRE - 50, SIDE, SIDE * 256 / 192])
    points = np.column_stack([RNG.uniform(-0.5, 0.5, (COUNT, 2)), RNG.uniform(20, 50, COUNT)])
    in_crop = points[:, :2] / points[:, 2:] * 5000 + [96, 128]
    expected = boxes[:, :2] + in_crop / [192, 256] * boxes[:, 2:]
    np.testing.assert_allclose(project(points, crop_cameras.smplx_crop_intrinsics(boxes)), expected, atol=1e-9)


def test_refocus_keeps_place_and_size_in_the_image() -> None:
    points = np.column_stack([RNG.uniform(-3, 3, (COUNT, 2)), RNG.uniform(20, 50, COUNT)])
    before = crop_cameras.spin_intrinsics(CENTRE, SIDE)
    after = FAMILIES["diagonal"]()
    moved = crop_cameras.refocus(points, before, after)
    np.testing.assert_allclose(project(moved, after), project(points, before), atol=1e-8)
    np.testing.assert_allclose(after[:, 0, 0] / moved[:, 2], before[:, 0, 0] / points[:, 2])
    np.testing.assert_allclose(crop_cameras.refocus(moved, after, before), points, atol=1e-9)
