"""Rotations: round trips, against naive references, at every singularity."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lsmplify_refine.geometry.rotations import (
    RotationKind,
    nearest_rotvec,
    rotmat_to_rotvec,
    rotmat_to_sixd,
    rotvec_to_rotmat,
    sixd_to_rotmat,
)

SIXD = [kind for kind in get_args(RotationKind) if kind.startswith("6d")]
few = settings(max_examples=40, deadline=None)
vectors = arrays(np.float64, (5, 3), elements=st.floats(-6, 6))
axes = st.sampled_from([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.6, 0.0, 0.8), (0.48, 0.6, 0.64)])


def rodrigues(rotvec: np.ndarray) -> np.ndarray:
    """The textbook formula, one rotation at a time."""
    angle = np.linalg.norm(rotvec)
    if angle == 0:
        return np.eye(3)
    x, y, z = rotvec / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix: np.ndarray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return matrix


@given(vectors)
@few
def test_matrices_are_rodrigues_formula(rotvec: np.ndarray) -> None:
    matrices = rotvec_to_rotmat(rotvec)
    assert np.allclose(matrices, np.stack([rodrigues(vector) for vector in rotvec]), atol=1e-9)
    assert np.allclose(matrices @ np.swapaxes(matrices, -1, -2), np.eye(3), atol=1e-9)
    assert np.allclose(np.linalg.det(matrices), 1.0)


@given(vectors)
@few
def test_a_vector_and_back_is_the_same_rotation_of_at_most_half_a_turn(rotvec: np.ndarray) -> None:
    back = rotmat_to_rotvec(rotvec_to_rotmat(rotvec))
    assert (np.linalg.norm(back, axis=-1) <= np.pi + 1e-9).all()
    assert np.allclose(rotvec_to_rotmat(back), rotvec_to_rotmat(rotvec), atol=1e-7)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-8, 1e-4, 1.0, np.pi - 1e-4, np.pi - 1e-8, np.pi])
@given(axis=axes)
@few
def test_singular_angles_come_back(angle: float, axis: tuple[float, float, float]) -> None:
    rotvec = angle * np.array(axis)
    back = rotmat_to_rotvec(rotvec_to_rotmat(rotvec))
    # at half a turn both ways round are the same rotation
    assert min(np.abs(back - rotvec).max(), np.abs(back + rotvec).max() if angle > 3 else np.inf) < 1e-6


def test_single_and_nested_batches_have_their_shapes() -> None:
    assert rotvec_to_rotmat([0.0, 0.0, 1.0]).shape == (3, 3)
    assert rotmat_to_rotvec(np.tile(np.eye(3), (2, 4, 1, 1))).shape == (2, 4, 3)
    assert rotmat_to_rotvec(np.zeros((0, 3, 3))).shape == (0, 3)


@given(vectors)
@few
def test_the_nearest_vector_of_a_rotation_is_the_vector_itself(rotvec: np.ndarray) -> None:
    # beyond a turn and a half another vector is as near to rest
    rotvec = rotvec * np.minimum(1, 6 / np.maximum(np.linalg.norm(rotvec, axis=-1, keepdims=True), 1e-9))
    assert np.allclose(nearest_rotvec(rotvec_to_rotmat(rotvec), rotvec), rotvec, atol=1e-5)


@pytest.mark.parametrize("kind", SIXD)
@given(rotvec=vectors)
@few
def test_six_numbers_and_back_are_the_same_rotation(kind: RotationKind, rotvec: np.ndarray) -> None:
    matrices = rotvec_to_rotmat(rotvec)
    assert np.allclose(sixd_to_rotmat(rotmat_to_sixd(matrices, kind), kind), matrices, atol=1e-9)


@pytest.mark.parametrize("kind", SIXD)
@given(numbers=arrays(np.float64, (5, 6), elements=st.floats(-3, 3)))
@few
def test_any_six_numbers_make_a_rotation(kind: RotationKind, numbers: np.ndarray) -> None:
    pairs = numbers.reshape(5, 3, 2) if kind == "6d-interleaved" else np.swapaxes(numbers.reshape(5, 2, 3), -1, -2)
    numbers = numbers[np.linalg.norm(np.cross(pairs[..., 0], pairs[..., 1]), axis=-1) > 1e-3]
    matrices = sixd_to_rotmat(numbers, kind)
    assert np.allclose(matrices @ np.swapaxes(matrices, -1, -2), np.eye(3), atol=1e-9)
    assert np.allclose(np.linalg.det(matrices), 1.0)


def test_where_the_numbers_lie_in_each_layout() -> None:
    matrix = rotvec_to_rotmat([0.3, -0.5, 0.7])
    assert rotmat_to_sixd(matrix, "6d-interleaved").tolist() == matrix[:, :2].ravel().tolist()
    assert rotmat_to_sixd(matrix, "6d-columns").tolist() == [*matrix[:, 0], *matrix[:, 1]]
    assert rotmat_to_sixd(matrix, "6d-rows").tolist() == [*matrix[0], *matrix[1]]
