"""Least squares against the naive normal equations; its gradient against differences."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lsmplify_refine.solver.least_squares import factorise, minimiser, row_times, solve

FRAMES, OBSERVATIONS, UNKNOWNS, WAYS = 40, 12, 7, 2


def problem(seed: int, *, together: bool) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Jacobian, residual, prior weights and ways of turning together; float64."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(FRAMES, *shape, generator=generator, dtype=torch.float64)

    weight = draw(UNKNOWNS).exp()
    return draw(OBSERVATIONS, UNKNOWNS), draw(OBSERVATIONS), weight, draw(UNKNOWNS, WAYS) if together else None


def naive(jacobian: Tensor, residual: Tensor, weight: Tensor, together: Tensor | None) -> Tensor:
    """One frame at a time: (J^T J + C^-1)^-1 J^T r."""
    found = []
    for frame in range(len(jacobian)):
        covariance = torch.diag(1 / weight[frame])
        if together is not None:
            covariance = covariance + together[frame] @ together[frame].T
        J = jacobian[frame]
        found.append(torch.linalg.solve(J.T @ J + torch.linalg.inv(covariance), J.T @ residual[frame]))
    return torch.stack(found)


@given(st.integers(0, 1000), st.booleans())
@settings(max_examples=20, deadline=None)
def test_it_is_the_solution_of_the_normal_equations(seed: int, together: bool) -> None:
    given = problem(seed, together=together)
    assert torch.allclose(minimiser(*given), naive(*given), rtol=1e-3, atol=1e-4)


def test_unknowns_of_infinite_weight_stay() -> None:
    jacobian, residual, weight, _ = problem(0, together=False)
    weight[:, 2] = torch.inf
    found = minimiser(jacobian, residual, weight)
    assert (found[:, 2] == 0).all() and torch.isfinite(found).all()


def test_an_unseen_unknown_is_exactly_still() -> None:
    jacobian, residual, weight, _ = problem(1, together=False)
    jacobian[:, :, 4] = 0
    assert (minimiser(jacobian, residual, weight)[:, 4] == 0).all()


@pytest.mark.parametrize("together", [False, True])
def test_its_gradient_is_that_of_the_naive_solution(together: bool) -> None:
    jacobian, residual, weight, ways = problem(2, together=together)
    gradients = []
    for solver in (minimiser, naive):
        inputs = [value.clone().requires_grad_(True) for value in (jacobian, residual, weight)]
        found = solver(inputs[0], inputs[1], inputs[2], ways)
        gradients.append(torch.autograd.grad(found.square().sum(), inputs))
    for ours, theirs in zip(*gradients):
        assert torch.allclose(ours, theirs, rtol=1e-2, atol=1e-3)


def test_the_factor_solves_its_own_matrix() -> None:
    jacobian, residual, _, _ = problem(3, together=False)
    information, right = jacobian.transpose(1, 2) @ jacobian, row_times(residual, jacobian)
    assert torch.allclose(right, torch.einsum("no,nou->nu", residual, jacobian))
    before = information.clone()
    factor, unit = factorise(information, OBSERVATIONS)
    whole = before + unit[..., None] * torch.eye(UNKNOWNS, dtype=torch.float64)
    assert torch.allclose(torch.einsum("nij,nj->ni", whole, solve(factor, right)), right)
