"""The banded system gives what dense least squares give."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine.solver.banded import BandedSystem, transposed_difference

FRAMES, SYSTEMS = 12, 2


@pytest.mark.parametrize("order", [1, 2, 3])
def test_it_solves_what_dense_normal_equations_solve(order: int) -> None:
    rng = np.random.default_rng(0)
    heard, seen = rng.uniform(1, 2, (2, FRAMES, SYSTEMS))
    stiff = rng.uniform(1, 2, (FRAMES - order, SYSTEMS))
    difference = np.diff(np.eye(FRAMES), order, axis=0)
    system = BandedSystem(FRAMES, SYSTEMS)
    system.diagonal(seen + heard, 0)
    system.diagonal(heard, 1)
    system.coupling(heard)
    system.differences(order, stiff, 1)
    right = rng.normal(size=(2 * FRAMES, SYSTEMS, 3))
    solved = system.solved(right)
    for one in range(SYSTEMS):
        dense = np.zeros((2 * FRAMES, 2 * FRAMES))
        dense[0::2, 0::2] = np.diag(seen[:, one] + heard[:, one])
        dense[1::2, 1::2] = difference.T @ np.diag(stiff[:, one]) @ difference + np.diag(heard[:, one])
        dense[0::2, 1::2] = dense[1::2, 0::2] = np.diag(heard[:, one])
        np.testing.assert_allclose(solved[:, one], np.linalg.solve(dense, right[:, one]), atol=1e-9)


def test_the_transposed_difference_is_the_transpose() -> None:
    values = np.random.default_rng(0).normal(size=(FRAMES - 3, 2))
    expected = np.diff(np.eye(FRAMES), 3, axis=0).T @ values
    np.testing.assert_allclose(transposed_difference(3, values, FRAMES), expected, atol=1e-12)
