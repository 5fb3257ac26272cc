"""Rigid fits: known transforms are recovered for any points, despite outliers and gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lsmplify_refine.geometry.rigid import Rigid, fit_rigid
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat

few = settings(max_examples=25, deadline=None)
FRAMES, POINTS, FPS = 12, 6, 30.0
IDS = np.arange(FRAMES)
vectors = arrays(np.float64, 3, elements=st.floats(-3, 3))


def body(seed: int = 0) -> np.ndarray:
    """Points of a person's size that move about, (T, K, 3) metres."""
    generator = np.random.default_rng(seed)
    walk = np.cumsum(generator.normal(0, 0.1, (FRAMES, 1, 3)), axis=0)
    points: np.ndarray = (
        generator.normal(0, 0.4, (1, POINTS, 3)) + generator.normal(0, 0.05, (FRAMES, POINTS, 3)) + walk
    )
    return points


@given(vectors, vectors, st.floats(0.5, 2.0), st.integers(0, 100))
@few
def test_one_transform_for_the_track_is_found_again(
    turn: np.ndarray, move: np.ndarray, scale: float, seed: int
) -> None:
    source, rotation = body(seed), rotvec_to_rotmat(turn)
    target = scale * source @ rotation.T + move
    found = fit_rigid(source, target, np.ones((FRAMES, POINTS)), frame_ids=IDS, fps=FPS, per="track", scaled=True)
    assert found is not None and found.known.all()
    assert np.allclose(found.scale, scale, rtol=1e-6)
    assert np.allclose(found.rotation, rotation, atol=1e-6) and np.allclose(found.translation, move, atol=1e-5)
    assert np.allclose(found(source), target, atol=1e-5)


@given(vectors, st.integers(0, 100))
@few
def test_one_rotation_and_a_place_for_each_frame_are_found_again(turn: np.ndarray, seed: int) -> None:
    source, rotation = body(seed), rotvec_to_rotmat(turn)
    moves = np.random.default_rng(seed).normal(0, 2, (FRAMES, 3))
    found = fit_rigid(
        source, source @ rotation.T + moves[:, None], np.ones((FRAMES, POINTS)), frame_ids=IDS, fps=FPS, per="place"
    )
    assert found is not None and found.scale == 1.0
    assert np.allclose(found.rotation, rotation, atol=1e-6) and np.allclose(found.translation, moves, atol=1e-5)


def test_a_rotation_that_changes_slowly_is_followed() -> None:
    source = body()
    rotations = rotvec_to_rotmat(np.outer(0.02 * IDS, [0.0, 1.0, 0.0]))
    target = np.einsum("tij,tkj->tki", rotations, source)
    found = fit_rigid(source, target, np.ones((FRAMES, POINTS)), frame_ids=IDS, fps=FPS, per="frame")
    assert found is not None and np.linalg.norm(found(source) - target, axis=-1).max() < 0.03


@pytest.mark.parametrize("per", ["track", "place"])
def test_outliers_and_missing_points_do_not_count(per: str) -> None:
    source, generator = body(), np.random.default_rng(1)
    rotation, move = rotvec_to_rotmat([0.4, -1.0, 2.0]), np.array([1.0, 2.0, -3.0])
    target = source @ rotation.T + move
    weights = (generator.random((FRAMES, POINTS)) > 0.15).astype(np.float64)
    target[3, 2] += 5.0
    found = fit_rigid(
        source,
        np.where(weights[..., None] > 0, target, 0.0),
        weights,
        frame_ids=IDS,
        fps=FPS,
        per="track" if per == "track" else "place",
    )
    assert found is not None
    assert np.allclose(found.rotation, rotation, atol=0.02) and np.abs(found.translation - move).max() < 0.25


def test_a_frame_without_points_takes_what_lies_between_its_neighbours() -> None:
    source = body()
    moves = np.stack([0.1 * IDS, 0.0 * IDS, 0.0 * IDS], 1)
    weights = np.ones((FRAMES, POINTS))
    weights[5:7] = 0
    found = fit_rigid(source, source + moves[:, None], weights, frame_ids=IDS, fps=FPS, per="place")
    assert found is not None and found.known.tolist() == [not 5 <= row < 7 for row in range(FRAMES)]
    assert np.allclose(found.translation, moves, atol=1e-6)


@pytest.mark.parametrize("points", [np.zeros((FRAMES, POINTS, 3)), np.outer(np.arange(POINTS), [1.0, 0, 0])[None]])
def test_points_on_a_line_or_in_one_place_give_no_rotation(points: np.ndarray) -> None:
    source = np.broadcast_to(points, (FRAMES, POINTS, 3)).astype(np.float64, copy=True)
    weights = np.ones((FRAMES, POINTS))
    assert fit_rigid(source, source, weights, frame_ids=IDS, fps=FPS, per="track") is None
    assert fit_rigid(source, source, 0 * weights, frame_ids=IDS, fps=FPS, per="track") is None


def test_it_moves_points_frame_by_frame() -> None:
    rotation = rotvec_to_rotmat(np.random.default_rng(0).normal(size=(FRAMES, 3)))
    moved = Rigid(rotation, np.ones((FRAMES, 3)), 2.0, np.ones(FRAMES, dtype=bool))(body())
    assert np.allclose(moved[4, 1], 2.0 * rotation[4] @ body()[4, 1] + 1.0)
