"""Evidence: how noisy the keypoints are, and how far off the start is, read from the observations themselves.

Near a solution the keypoints are linear in the step y from the start, r = J y + n. With n of variance noise^2 and y of
variance noise^2 / (strength * relative prior), r is Gaussian with covariance noise^2 (I + J P J^T / strength). The
noise has its maximum-likelihood value in closed form; the strength of the prior is the most likely one (type II maximum
likelihood; MacKay 1992), where a parabola through three points of a coarse grid of its logarithm has its top. Noise and
step are interpolated there too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lsmplify_refine.solver.least_squares import factorise, in_slices, row_times, solve

#: m^2/rad^2, each as much larger than the one before: from keypoints that decide everything to a start that is as good
#: as they are.
_STRENGTHS = (1e-3, 2e-2, 0.4, 8.0)


@dataclass(frozen=True)
class Scales:
    """What the observations say about N frames.

    Attributes:
        noise_m: (N,) standard deviation of a keypoint's coordinate, metres.
        strength: (N,) prior weight of a unit of relative prior, m^2/rad^2.
    """

    noise_m: Tensor
    strength: Tensor


def estimate_scales(jacobian: Tensor, residual: Tensor, relative: Tensor) -> tuple[Scales, Tensor]:
    """Noise and prior of the most likely linear model, and its y (N, U).

    Args:
        jacobian: (N, O, U) weighted, as in `LinearModel`.
        residual: (N, O) weighted residual at the start, metres; 0 where nothing was observed.
        relative: (N, U) prior weights up to the common factor sought.
    """
    noise, strength, step = zip(*(_scales(*some) for some in in_slices(jacobian, residual, relative)))
    return Scales(torch.cat(noise), torch.cat(strength)), torch.cat(step)


def _scales(jacobian: Tensor, residual: Tensor, relative: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Noise (N,), strength (N,) and step (N, U) of a few frames.

    By the matrix determinant lemma and Woodbury's identity, determinant and quadratic form of the observations'
    covariance C come from the unknowns': r^T C^-1 r = |r - S x|^2 + |x|^2 at the x with the least of it.
    """
    deviation = relative.rsqrt()
    scaled = jacobian * deviation[:, None]
    information, right = scaled.transpose(1, 2) @ scaled, row_times(residual, scaled)
    observations, unknowns = jacobian.shape[1:]
    strengths = torch.tensor(_STRENGTHS).to(residual)

    def by_strength(value: Tensor) -> Tensor:
        return value.unflatten(0, (-1, len(strengths)))

    factor, unit = factorise((information[:, None] / strengths[:, None, None]).flatten(0, 1), observations)
    step = by_strength(solve(factor, (right[:, None] / strengths[:, None]).flatten(0, 1)))
    unit = by_strength(unit)[..., 0]
    left = residual[:, None] - step @ scaled.transpose(1, 2)
    square = left.square().sum(2) / unit + strengths * step.square().sum(2)
    count = (residual != 0).sum(1, keepdim=True).clamp(min=1)
    mean_square = square / count + 1e-12
    log_volume = (
        by_strength(factor.diagonal(dim1=1, dim2=2).log().sum(1)) + 0.5 * (observations - unknowns) * unit.log()
    )
    there = _interpolation_at_top(-0.5 * count * mean_square.log() - log_volume)
    step = deviation * (there[..., None] * step).sum(1)
    return (0.5 * (there * mean_square.log()).sum(1)).exp(), (there @ strengths.log()).exp(), step


def _interpolation_at_top(likelihood: Tensor) -> Tensor:
    """Where, between the points of an even grid, logarithms of likelihoods (N, G) are highest.

    Returns:
        (N, G) factors that interpolate any values (N, G) there: Lagrange's, of the best inner point and its neighbours.
    """
    best = likelihood.argmax(1, keepdim=True).clamp(1, likelihood.shape[1] - 2)
    below, here, above = (likelihood.gather(1, best + side) for side in (-1, 0, 1))
    bend = (2 * here - below - above).clamp(min=1e-6)
    x = (0.5 * (above - below) / bend).clamp(-1.0, 1.0)
    factors = torch.cat([0.5 * x * (x - 1), 1 - x.square(), 0.5 * x * (x + 1)], 1)
    return torch.zeros_like(likelihood).scatter(1, best + torch.arange(-1, 2, device=best.device), factors)
