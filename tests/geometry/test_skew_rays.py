"""Distances between the rays of two cameras."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine.geometry.skew_rays import centre_of, ray_directions, rays_apart
from tests.support.cameras import camera_at


def test_rays_of_the_same_points_meet() -> None:
    points = np.random.default_rng(0).normal(0, 0.3, (4, 6, 3))
    one, other = (camera_at(name, degrees, np.zeros(3)) for name, degrees in (("a", 0.0), ("b", 70.0)))
    rays = [ray_directions(camera, camera.project(points)) for camera in (one, other)]
    apart = rays_apart(centre_of(one), rays[0], centre_of(other), rays[1])
    assert apart.max() < 1e-4
    moved = ray_directions(other, other.project(points + np.array([0, 0.1, 0])))
    assert rays_apart(centre_of(one), rays[0], centre_of(other), moved).min() > 0.05


@pytest.mark.parametrize("direction", [[0.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])
def test_parallel_rays_and_those_that_meet_behind_do_not(direction: list[float]) -> None:
    ahead = np.array([[[0.0, 0.0, 1.0]]])
    other = np.array([[direction]]) / np.linalg.norm(direction)
    # the second camera stands to the left: its ray to the left leads away from the first one's
    assert np.isinf(rays_apart(np.zeros(3), ahead, np.array([-1.0, 0.0, 0.0]), other)).all()


def test_the_distance_of_rays_that_pass_each_other() -> None:
    ahead, across = np.array([[[0.0, 0.0, 1.0]]]), np.array([[[1.0, 0.0, 0.0]]])
    apart = rays_apart(np.zeros(3), ahead, np.array([-2.0, 0.25, 3.0]), across)
    assert apart == pytest.approx(0.25)
