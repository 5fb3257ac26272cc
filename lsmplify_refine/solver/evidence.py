"""Evidence: estimate keypoint noise and prior strength from the observations.

Near a solution the keypoints are linear in the step y from the start: r = J y + n. Let n have variance noise^2 and y
variance noise^2 / (strength * relative prior). Then r is Gaussian with covariance noise^2 (I + J P J^T / strength). The
noise has its maximum-likelihood value in closed form. The strength of the prior is the most likely one (type II maximum
likelihood; MacKay 1992): the maximum of a parabola through three points of a coarse logarithmic grid. Noise and step
are interpolated there too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from lsmplify_refine.solver.least_squares import factorise, in_slices, row_times, solve

#: Grid of strengths, m^2/rad^2, evenly spaced in the logarithm: from a start of no use to one as good as the keypoints.
_STRENGTHS = (1e-3, 2e-2, 0.4, 8.0)


@dataclass(frozen=True)
class Scales:
    """Keypoint noise and prior strength of N frames.

    Attributes:
        noise_m: Standard deviation of a keypoint's coordinate, metres.
        strength: Prior weight of a unit of relative prior, m^2/rad^2.
    """

    noise_m: Float[Tensor, " frames"]
    strength: Float[Tensor, " frames"]


def estimate_scales(
    jacobian: Float[Tensor, "frames observations unknowns"],
    residual: Float[Tensor, "frames observations"],
    relative: Float[Tensor, "frames unknowns"],
) -> tuple[Scales, Float[Tensor, "frames unknowns"]]:
    """Noise and prior of the most likely linear model, and its y.

    Args:
        jacobian: Weighted, as in `LinearModel`.
        residual: Weighted residual at the start, metres; 0 where nothing was observed.
        relative: Prior weights up to the common factor sought.
    """
    noise, strength, step = zip(*(_scales(*some) for some in in_slices(jacobian, residual, relative)))
    return Scales(torch.cat(noise), torch.cat(strength)), torch.cat(step)


def _scales(
    jacobian: Float[Tensor, "frames observations unknowns"],
    residual: Float[Tensor, "frames observations"],
    relative: Float[Tensor, "frames unknowns"],
) -> tuple[Float[Tensor, " frames"], Float[Tensor, " frames"], Float[Tensor, "frames unknowns"]]:
    """Noise, strength and step of a few frames.

    The likelihood needs the determinant and the quadratic form of the observations' covariance C. The matrix
    determinant lemma and Woodbury's identity reduce both to the size of the unknowns. So r^T C^-1 r is the minimum over
    x of |r - S x|^2 + |x|^2.
    """
    deviation = relative.rsqrt()
    scaled = jacobian * deviation[:, None]
    information, right = scaled.transpose(1, 2) @ scaled, row_times(residual, scaled)
    observations, unknowns = jacobian.shape[1:]
    strengths = torch.tensor(_STRENGTHS).to(residual)

    def by_strength(value: Tensor) -> Tensor:
        return torch.unflatten(value, 0, (-1, len(strengths)))

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
    factors = _interpolation_at_maximum(-0.5 * count * mean_square.log() - log_volume)
    step = deviation * (factors[..., None] * step).sum(1)
    return (0.5 * (factors * mean_square.log()).sum(1)).exp(), (factors @ strengths.log()).exp(), step


def _interpolation_at_maximum(likelihood: Float[Tensor, "frames grid"]) -> Float[Tensor, "frames grid"]:
    """Find the maximum of log-likelihoods between the points of an evenly spaced grid.

    Returns:
        Lagrange factors of the best inner point and its neighbours: they interpolate any values on the grid there.
    """
    best = likelihood.argmax(1, keepdim=True).clamp(1, likelihood.shape[1] - 2)
    below, here, above = (likelihood.gather(1, best + side) for side in (-1, 0, 1))
    bend = (2 * here - below - above).clamp(min=1e-6)
    x = (0.5 * (above - below) / bend).clamp(-1.0, 1.0)
    factors = torch.cat([0.5 * x * (x - 1), 1 - x.square(), 0.5 * x * (x + 1)], 1)
    return torch.zeros_like(likelihood).scatter(1, best + torch.arange(-1, 2, device=best.device), factors)
