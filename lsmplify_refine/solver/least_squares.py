"""Least squares of many frames, each held to a prior: min_y |residual - J y|^2 + y^T C^-1 y.

The prior's covariance is C = D D^T + T T^T. D = weight^-1/2 varies each unknown on its own; T varies several together.
The normal equations are solved in units of the prior's standard deviations. With S = J [D T], the solution is
y = [D T] z, z = (I + S^T S)^-1 S^T residual. A nearly free unknown (the pelvis) then makes only its own row large, and
the others keep their precision. In observation space (I + S S^T), single precision would lose it.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

#: Frames per slice: few enough for the cache of a core.
_SLICE = 32
#: Added to the unit variance of an observation, as a share of its mean variance under the prior.
_RIDGE = 1e-6


def in_slices(*values: Tensor) -> zip[tuple[Tensor, ...]]:
    """Split tensors into slices of a few frames."""
    return zip(*(torch.split(value, _SLICE) for value in values))


def minimiser(
    jacobian: Float[Tensor, "frames observations unknowns"],
    residual: Float[Tensor, "frames observations"],
    weight: Float[Tensor, "frames unknowns"],
    together: Float[Tensor, "frames unknowns ways"] | None = None,
) -> Float[Tensor, "frames unknowns"]:
    """The y that minimises the cost.

    Args:
        jacobian: J.
        residual: At y = 0.
        weight: Of the prior; where it is infinite, y is 0.
        together: Columns T that add to the covariance of y.
    """
    parts = (jacobian, residual, weight) if together is None else (jacobian, residual, weight, together)
    return torch.cat([_minimiser(*some) for some in in_slices(*parts)])


def _minimiser(
    jacobian: Float[Tensor, "frames observations unknowns"],
    residual: Float[Tensor, "frames observations"],
    weight: Float[Tensor, "frames unknowns"],
    together: Float[Tensor, "frames unknowns ways"] | None = None,
) -> Float[Tensor, "frames unknowns"]:
    deviation = weight.rsqrt()
    # unknowns first, as the Jacobian lies in memory
    scaled = jacobian.transpose(1, 2) * deviation[..., None]
    if together is not None:
        scaled = torch.cat([scaled, together.transpose(1, 2) @ jacobian.transpose(1, 2)], 1)
    information, right = scaled @ scaled.transpose(1, 2), row_times(residual, scaled.transpose(1, 2))
    # without gradients, skip the overhead of autograd
    solver = _Solution.apply if torch.is_grad_enabled() else _solution
    found: Tensor = solver(information, right, residual.shape[1])
    if together is None:
        return deviation * found
    alone, joint = torch.split(found, [weight.shape[1], together.shape[2]], 1)
    return deviation * alone + row_times(joint, together.transpose(1, 2))


def _solution(
    information: Float[Tensor, "frames unknowns unknowns"], right: Float[Tensor, "frames unknowns"], observations: int
) -> Float[Tensor, "frames unknowns"]:
    """The x of (unit * I + information) x = right."""
    return solve(factorise(information, observations)[0], right)


class _Solution(torch.autograd.Function):
    """`_solution` with a cheap gradient: one more solve, instead of one per unknown through the factor."""

    @staticmethod
    def forward(ctx: Any, information: Tensor, right: Tensor, observations: int) -> Tensor:
        factor, _ = factorise(information, observations)
        found = solve(factor, right)
        ctx.save_for_backward(factor, found)
        return found

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        factor, found = ctx.saved_tensors
        by_right = solve(factor, gradient)
        return -by_right[..., None] * found[:, None], by_right, None


def factorise(
    information: Float[Tensor, "frames unknowns unknowns"], observations: int
) -> tuple[Float[Tensor, "frames unknowns unknowns"], Float[Tensor, "frames 1"]]:
    """Upper Cholesky factor of unit * I + information, and the unit.

    Args:
        information: S^T S; it is overwritten.
        observations: Rows of S.
    """
    diagonal = information.diagonal(dim1=1, dim2=2)
    unit = 1.0 + _RIDGE / observations * diagonal.detach().sum(1, keepdim=True)
    diagonal.add_(unit)
    # the lower factor takes longer
    return torch.linalg.cholesky(information, upper=True), unit


def solve(
    factor: Float[Tensor, "frames unknowns unknowns"], right: Float[Tensor, "frames unknowns"]
) -> Float[Tensor, "frames unknowns"]:
    """The x with F^T F x = right for an upper factor F."""
    half = torch.linalg.solve_triangular(factor.transpose(1, 2), right[..., None], upper=False)
    found: Tensor = torch.linalg.solve_triangular(factor, half, upper=True)
    return found[..., 0]


def row_times(
    row: Float[Tensor, "frames rows"], matrix: Float[Tensor, "frames rows columns"]
) -> Float[Tensor, "frames columns"]:
    """Row vectors times matrices, several times faster than matrices times column vectors."""
    return (row[:, None] @ matrix)[:, 0]
