"""Evidence: the estimate recovers the noise and the prior that the data were drawn with."""

from __future__ import annotations

import pytest
import torch

from lsmplify_refine.solver.evidence import estimate_scales
from lsmplify_refine.solver.least_squares import minimiser

PROBLEMS, OBSERVED, UNKNOWNS = 400, 75, 45


def draw(noise_m: float, spread: float, hidden: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Jacobians like a body's, and residuals at the start of steps of `spread` radians seen with noise."""
    generator = torch.Generator().manual_seed(0)
    jacobian = 0.3 * torch.randn(PROBLEMS, OBSERVED, UNKNOWNS, generator=generator)
    step = spread * torch.randn(PROBLEMS, UNKNOWNS, 1, generator=generator)
    residual = (jacobian @ step)[..., 0] + noise_m * torch.randn(PROBLEMS, OBSERVED, generator=generator)
    jacobian[:, :hidden], residual[:, :hidden] = 0.0, 0.0
    return jacobian, residual


@pytest.mark.parametrize("hidden", [0, 15])
@pytest.mark.parametrize("noise_m", [0.005, 0.02, 0.04])
def test_the_noise_is_found(noise_m: float, hidden: int) -> None:
    jacobian, residual = draw(noise_m, 0.03, hidden)
    found, _ = estimate_scales(jacobian, residual, torch.ones(PROBLEMS, UNKNOWNS))
    assert found.noise_m.median().item() == pytest.approx(noise_m, rel=0.25)


def test_the_better_the_start_the_stronger_its_prior() -> None:
    strengths = []
    for spread in (0.3, 0.05, 0.01):
        jacobian, residual = draw(0.02, spread)
        found, _ = estimate_scales(jacobian, residual, torch.ones(PROBLEMS, UNKNOWNS))
        strengths.append(found.strength.median().item())
    assert strengths == sorted(strengths) and strengths[-1] > 30 * strengths[0]


@pytest.mark.parametrize("strength", [4e-3, 2e-2, 0.09, 0.4, 1.8])
def test_strengths_between_the_grids_are_found_too(strength: float) -> None:
    jacobian, residual = draw(0.02, 0.02 / strength**0.5)
    found, _ = estimate_scales(jacobian, residual, torch.ones(PROBLEMS, UNKNOWNS))
    assert 0.5 < found.strength.median().item() / strength < 2.0
    assert found.noise_m.log().std() < 0.2


def test_exact_keypoints_and_no_keypoints_are_finite() -> None:
    jacobian, residual = draw(0.0, 0.1)
    for seen in (residual, torch.zeros_like(residual)):
        found, _ = estimate_scales(jacobian * (seen != 0)[..., None], seen, torch.ones(PROBLEMS, UNKNOWNS))
        assert found.noise_m.isfinite().all() and found.strength.isfinite().all()
        assert found.noise_m.max() < 0.01


def test_the_step_is_about_the_least_squares_one_under_the_prior_found() -> None:
    jacobian, residual = draw(0.02, 0.05)
    relative = torch.rand(PROBLEMS, UNKNOWNS, generator=torch.Generator().manual_seed(1)) + 0.5
    found, step = estimate_scales(jacobian, residual, relative)
    expected = minimiser(jacobian, residual, relative * found.strength[:, None])
    assert (step - expected).norm() < 0.05 * expected.norm()
