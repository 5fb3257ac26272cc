"""Evidence: how noisy the keypoints are, and how far off the start is, read from the observations themselves.

Near a solution the keypoints are linear in the step y from the start, r = J y + n. With n of variance noise^2 and y of
variance noise^2 / (strength * relative prior), r is Gaussian with covariance noise^2 (I + J P J^T / strength). The
noise has its maximum-likelihood value in closed form; the strength of the prior is averaged, in logarithms, over a
coarse grid with the likelihood as weight (type II maximum likelihood; MacKay 1992).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lsmplify_refine.engine.project import factorise

#: m^2/rad^2: from keypoints that decide everything to a start that is as good as they are.
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


def estimate_scales(jacobian: Tensor, residual: Tensor, relative: Tensor) -> Scales:
    """Noise and prior of the most likely linear model.

    Args:
        jacobian: (N, O, U) weighted, as in `LinearModel`.
        residual: (N, O) weighted residual at the start, metres; 0 where nothing was observed.
        relative: (N, U) prior weights up to the common factor sought.
    """
    spread = (jacobian / relative[:, None]) @ jacobian.transpose(1, 2)
    count = (residual != 0).sum(1).clamp(min=1)
    likelihood, noise = [], []
    for strength in _STRENGTHS:
        factor = factorise(spread / strength)
        white = torch.linalg.solve_triangular(factor, residual[..., None], upper=False)[..., 0]
        mean_square = white.square().sum(1) / count + 1e-12
        log_volume = factor.diagonal(dim1=1, dim2=2).log().sum(1)
        likelihood.append(-0.5 * count * mean_square.log() - log_volume)
        noise.append(mean_square.sqrt())
    share = torch.stack(likelihood, 1).softmax(1)
    grid = torch.tensor(_STRENGTHS, device=residual.device).log()
    return Scales((share * torch.stack(noise, 1)).sum(1), (share @ grid).exp())
