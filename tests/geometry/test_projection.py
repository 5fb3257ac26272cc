"""Projection: rays and pixels are inverse to each other; intrinsics have the right entries."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lsmplify_refine.geometry.projection import (
    default_intrinsics,
    intrinsics,
    intrinsics_from_pixels,
    intrinsics_of_rows,
    pixels_to_rays,
    points_to_rays,
    project_to_image,
)

few = settings(max_examples=40, deadline=None)
FRAMES, POINTS = 3, 4
across = arrays(np.float64, (FRAMES, POINTS, 2), elements=st.floats(-2, 2))
depths = arrays(np.float64, (FRAMES, POINTS, 1), elements=st.floats(0.5, 20))
focals = arrays(np.float64, (FRAMES, 2), elements=st.floats(100, 5000))
centres = arrays(np.float64, (FRAMES, 2), elements=st.floats(-200, 2000))


@given(across, depths, focals, centres)
@few
def test_projection_is_the_pinhole_formula_and_rays_undo_it(
    across: np.ndarray, depth: np.ndarray, focal: np.ndarray, centre: np.ndarray
) -> None:
    points, K = np.concatenate([across, depth], -1), intrinsics(focal, centre)
    pixels = project_to_image(points, K)
    for frame in range(FRAMES):
        for point in range(POINTS):
            x, y, z = points[frame, point]
            expected = focal[frame] * [x / z, y / z] + centre[frame]
            assert np.allclose(pixels[frame, point], expected, rtol=1e-9, atol=1e-6)
    assert np.allclose(pixels_to_rays(pixels, K), points[..., :2] / points[..., 2:], atol=1e-6)


@given(across, depths)
@few
def test_rays_and_depth_are_the_point(across: np.ndarray, depth: np.ndarray) -> None:
    points = torch.tensor(np.concatenate([across, depth], -1))
    rays, found = points_to_rays(points)
    assert torch.allclose(torch.cat([rays * found, found], -1), points)


def test_points_behind_the_camera_have_finite_rays() -> None:
    rays, depth = points_to_rays(torch.tensor([[1.0, 2.0, -3.0], [1.0, 2.0, 0.0]]))
    assert torch.isfinite(rays).all() and (depth > 0).all()


def test_intrinsics_of_numbers_frames_and_pairs() -> None:
    centre = np.array([10.0, 20.0])
    assert intrinsics(100.0, centre).tolist() == [[[100, 0, 10], [0, 100, 20], [0, 0, 1]]]
    assert intrinsics(np.array([1.0, 2.0]), centre)[:, 0, 0].tolist() == [1, 2]
    assert intrinsics(np.array([[1.0, 2.0]]), centre)[0, (0, 1), (0, 1)].tolist() == [1, 2]
    assert intrinsics(5.0, np.tile(centre, (3, 1))).shape == (3, 3, 3)
    assert np.array_equal(default_intrinsics(20, 40, 1, 100.0), intrinsics(100.0, centre))


def test_pixels_give_the_camera_back() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(70, 3)) * 0.4 + [-2.5, 1.2, 8.0]
    K = intrinsics(2535.25, np.array([960.0, 445.0]))
    pixels = project_to_image(points[None], K)[0]
    points[3], pixels[5] = np.nan, np.inf
    points[7, 2] = -1.0
    found = intrinsics_from_pixels(points, pixels)
    assert found is not None and np.abs(found - K).max() < 1e-6


def test_pixels_of_one_ray_give_no_camera() -> None:
    points = np.array([[1.0, 1.0, 2.0], [2.0, 2.0, 4.0], [3.0, 3.0, 6.0]])
    assert intrinsics_from_pixels(points, np.full((3, 2), 100.0)) is None
    assert intrinsics_from_pixels(points[:2], np.full((2, 2), 100.0)) is None


def test_rows_share_a_camera_or_have_one_per_frame_or_none() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (6, 8, 3)) + np.array([0, 0, 4])
    frames = np.array([0, 0, 1, 1, 2, 2])
    zoom = intrinsics(np.array([800.0, 800, 900, 900, 1000, 1000]), np.array([320.0, 240]))
    still = np.repeat(zoom[:1], 6, axis=0)
    for true in (still, zoom):
        pixels = project_to_image(points, true)
        pixels[1, 3] = np.nan  # a point that was not found
        found = intrinsics_of_rows(frames, points, pixels)
        assert found is not None and np.abs(found - true).max() < 1e-6
    pixels[4] += np.random.default_rng(1).normal(0, 20, (8, 2))
    assert intrinsics_of_rows(frames, points, pixels) is None
