"""Banded least squares over time: differences of an unknown tie it to its next frames only.

Several systems are set up at once, because set-up costs more than the solve where there are few frames.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import solveh_banded

#: Third differences reach three frames further, over two unknowns each.
_WIDTH = 6


class BandedSystem:
    """Normal equations of independent systems, each of two unknowns per frame that are tied over time.

    The unknowns take turns: first and second of frame 0, first and second of frame 1, and so on.

    Args:
        frames: Number of frames.
        systems: Number of systems.
    """

    def __init__(self, frames: int, systems: int) -> None:
        # LAPACK's upper form: row `_WIDTH - k` holds the k-th diagonal, one system after the other
        self._upper = np.zeros((_WIDTH + 1, systems, 2 * frames))

    def diagonal(self, weights: Float[np.ndarray, "frames systems"], unknown: int) -> None:
        """Add weighted squares of an unknown (0 or 1)."""
        self._upper[_WIDTH, :, unknown::2] += weights.T

    def coupling(self, weights: Float[np.ndarray, "frames systems"]) -> None:
        """Add weighted products of the two unknowns of each frame."""
        self._upper[_WIDTH - 1, :, 1::2] += weights.T

    def differences(self, order: int, weights: Float[np.ndarray, "rows systems"], unknown: int) -> None:
        """Add weighted squares of an unknown's differences over time, at most of the third order."""
        factors = _difference_factors(order)
        for left, first in enumerate(factors):
            for right in range(left, order + 1):
                column = slice(2 * right + unknown, 2 * (right + len(weights)) + unknown, 2)
                self._upper[_WIDTH - 2 * (right - left), :, column] += weights.T * (first * factors[right])

    def solved(self, right: Float[np.ndarray, "unknowns systems axes"]) -> Float[np.ndarray, "unknowns systems axes"]:
        """The unknowns for a right-hand side."""
        unknowns, systems, axes = right.shape
        # nothing ties one system to the next, so all are one
        together = np.moveaxis(right, 0, 1).reshape(-1, axes)
        solution = solveh_banded(self._upper.reshape(_WIDTH + 1, -1), together, check_finite=False)
        return np.moveaxis(solution.reshape(systems, unknowns, axes), 0, 1)


def _difference_factors(order: int) -> Float[np.ndarray, " factors"]:
    """Factors of the values in a difference: -1, 1 of the first, and so on."""
    factors: np.ndarray = np.diff(np.eye(order + 1), order, axis=0)[0]
    return factors


def transposed_difference(
    order: int, values: Float[np.ndarray, " rows *rest"], frames: int
) -> Float[np.ndarray, " frames *rest"]:
    """The transposed difference operator, applied to values."""
    total = np.zeros((frames, *values.shape[1:]))
    for offset, factor in enumerate(_difference_factors(order)):
        total[offset : offset + len(values)] += factor * values
    return total
