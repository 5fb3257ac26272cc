"""Euler angles over time: the same rotations, without jumps, in an order that the motion does not make singular."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lsmplify_refine.geometry.euler import ORDERS, best_euler, continuous_euler, halfway_error


def about(axis: int, degrees: np.ndarray) -> np.ndarray:
    """Rotations about one axis."""
    rotations: np.ndarray = Rotation.from_euler("xyz"[axis], degrees[:, None], degrees=True).as_matrix()
    return rotations


@given(seed=st.integers(0, 1000), order=st.sampled_from(ORDERS))
def test_angles_are_the_rotations(seed: int, order: str) -> None:
    rotations = Rotation.random(7, np.random.default_rng(seed)).as_matrix()
    angles = continuous_euler(rotations, order)
    np.testing.assert_allclose(Rotation.from_euler(order, angles, degrees=True).as_matrix(), rotations, atol=1e-9)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_turns_about_one_axis_go_on_past_every_limit(order: str, axis: int) -> None:
    """Three turns: no angle jumps, whichever place the axis has, the middle one with its right angles included."""
    degrees = np.arange(0.0, 1080.0, 7.0)
    angles = continuous_euler(about(axis, degrees), order)
    place = order.lower().index("xyz"[axis])
    np.testing.assert_allclose(angles[:, place], degrees, atol=1e-6)
    np.testing.assert_allclose(np.delete(angles, place, 1), 0, atol=1e-6)


def test_the_preferred_order_stays_where_it_is_good() -> None:
    rotations = about(0, np.linspace(0, 140, 40))
    assert [best_euler(rotations, order)[0] for order in ORDERS] == list(ORDERS)


def test_another_order_is_taken_near_the_singularity() -> None:
    """A knee bent by 90 degrees that also twists a little: with its main axis in the middle, the outer ones spin."""
    time = np.linspace(0, 1, 30)
    knee = about(0, 90 + 3 * np.sin(20 * time)) @ about(1, 9 * np.sin(13 * time)) @ about(2, 9 * np.cos(17 * time))
    spun = continuous_euler(knee, "ZXY")
    assert halfway_error(knee, spun, "ZXY") > 1 and np.abs(np.diff(spun, axis=0)).max() > 30
    order, angles = best_euler(knee, "ZXY")
    assert order[1] != "X" and halfway_error(knee, angles, order) < 0.2 and np.abs(np.diff(angles, axis=0)).max() < 10


def test_one_frame_has_nothing_between() -> None:
    order, angles = best_euler(about(1, np.array([30.0])), "YZX")
    assert order == "YZX" and angles[0] == pytest.approx([30, 0, 0])
