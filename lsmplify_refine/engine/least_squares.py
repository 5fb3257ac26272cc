"""Least squares of many frames, each held to a prior: min_y |residual - J y|^2 + y^T diag(weight) y.

The normal equations are solved in units of the prior's standard deviations, y = D (I + S^T S)^-1 S^T residual with
D = weight^-1/2 and S = J D: an unknown that is nearly free (the pelvis) makes its own row large and leaves the others
their digits. Single precision would lose them in observation space (I + S S^T), though that is often smaller.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Frames at a time: so many matrices fit the cache of a core.
_SLICE = 32
#: Added to the unit variance of an observation, as a share of its mean variance under the prior.
_RIDGE = 1e-6


def in_slices(*values: Tensor) -> zip[tuple[Tensor, ...]]:
    """A few frames of each at a time."""
    return zip(*(value.split(_SLICE) for value in values))


def minimiser(jacobian: Tensor, residual: Tensor, weight: Tensor) -> Tensor:
    """The y (N, U) for a Jacobian (N, O, U), a residual (N, O), and weights (N, U) of which infinite ones give 0."""
    return torch.cat([_minimiser(*some) for some in in_slices(jacobian, residual, weight)])


def _minimiser(jacobian: Tensor, residual: Tensor, weight: Tensor) -> Tensor:
    deviation = weight.rsqrt()
    scaled = jacobian * deviation[:, None]
    factor, _ = factorise(scaled.transpose(1, 2) @ scaled, residual.shape[1])
    return deviation * solve(factor, row_times(residual, scaled))


def factorise(information: Tensor, observations: int) -> tuple[Tensor, Tensor]:
    """Upper Cholesky factor (N, U, U) of unit * I + information, which is overwritten, and the unit (N, 1).

    Args:
        information: (N, U, U) S^T S.
        observations: Rows of S.
    """
    diagonal = information.diagonal(dim1=1, dim2=2)
    unit = 1.0 + _RIDGE / observations * diagonal.detach().sum(1, keepdim=True)
    diagonal.add_(unit)
    # the lower factor takes longer
    return torch.linalg.cholesky(information, upper=True), unit


def solve(factor: Tensor, right: Tensor) -> Tensor:
    """The x (N, U) with F^T F x = right (N, U) for an upper factor F (N, U, U)."""
    half = torch.linalg.solve_triangular(factor.transpose(1, 2), right[..., None], upper=False)
    return torch.linalg.solve_triangular(factor, half, upper=True)[..., 0]


def row_times(row: Tensor, matrix: Tensor) -> Tensor:
    """(N, B) row vectors (N, A) times matrices (N, A, B): batches of column vectors take several times as long."""
    return (row[:, None] @ matrix)[:, 0]
