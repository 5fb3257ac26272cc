"""The robust kernel: square near zero, bounded far off, its weight the derivative of its error."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lsmplify_refine.geometry.robust import robust_square, robust_weight, weighted_median

few = settings(max_examples=40, deadline=None)
errors = arrays(np.float64, 6, elements=st.floats(0, 1e3))
radii = st.floats(1e-2, 1e2)


@given(errors, radii)
@few
def test_it_is_the_formula_of_geman_and_mcclure(error: np.ndarray, radius: float) -> None:
    expected = [radius**2 * e**2 / (radius**2 + e**2) for e in error]
    assert np.allclose(robust_square(error**2, radius), expected)
    weights = [(radius**2 / (radius**2 + e**2)) ** 2 for e in error]
    assert np.allclose(robust_weight((error / radius) ** 2), weights)


@given(errors, radii)
@few
def test_an_error_counts_at_most_as_its_square_and_as_the_radius(error: np.ndarray, radius: float) -> None:
    bounded, weight = robust_square(error**2, radius), robust_weight((error / radius) ** 2)
    assert (bounded <= error**2).all() and (bounded <= radius**2 * (1 + 1e-12)).all()
    assert ((weight > 0) & (weight <= 1)).all()
    assert np.allclose(robust_square(np.sort(error) ** 2, radius), np.sort(bounded))


def test_the_weight_is_the_slope_of_the_error_by_its_square() -> None:
    """So least squares with these weights takes Gauss-Newton steps on the robust error."""
    squared = torch.linspace(0, 9, 20, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(robust_square(squared, 1.5).sum(), squared)
    assert torch.allclose(slope, robust_weight(squared.detach() / 1.5**2))


def test_tensors_and_arrays_agree_and_weights_multiply() -> None:
    squared, weight = np.array([0.0, 1.0, 4.0]), np.array([1.0, 0.5, 0.0])
    assert np.array_equal(robust_weight(squared, weight), weight / (1 + squared) ** 2)
    assert np.array_equal(robust_weight(torch.tensor(squared)).numpy(), robust_weight(squared))


def test_a_weighted_median_ignores_what_less_than_half_of_the_weight_says() -> None:
    values = np.array([[3.0, 1.0, 2.0, 900.0], [5.0, 7.0, 9.0, 900.0], [1.0, 2.0, 3.0, 4.0]])
    weights = np.array([[1.0, 1.0, 1.0, 0.5], [0.0, 1.0, 0.0, 0.9], [0.0, 0.0, 0.0, 0.0]])
    assert weighted_median(values, weights).tolist() == [2.0, 7.0, 0.0]
