"""Keypoint noise of training pairs: detector noise, missing points, outliers, and another convention's points.

The noise of a sample persists over time: the same detector, the same hidden limb, the same noise level. With fresh
noise in every frame, the network would never see where its own results lead in a sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from lsmplify_refine.values.conventions import BODY25

#: Limbs that may be hidden: points of BODY_25.
LIMB_POINTS = ((2, 3, 4), (5, 6, 7), (9, 10, 11, 22, 23, 24), (12, 13, 14, 19, 20, 21), (0, 15, 16, 17, 18))
_FEET = (19, 20, 21, 22, 23, 24)
_POINTS = len(BODY25.points)


@dataclass(frozen=True)
class KeypointNoiseConfig:
    """Probabilities per sample unless stated otherwise, lengths in metres.

    Weights store these names in their header, and `train --pair NAME=VALUE` sets them.

    Attributes:
        clean: Probability of exact keypoints: all visible, on BODY_25's points, on the shape that the network gets.
        point_offset_m: Max sigma of the distance from BODY_25's points, as another convention's points have.
        noise_free: Probability of no noise in a sample that is not clean.
        noise_m: Max sigma of the noise of each coordinate.
        slow_noise: Probability of noise that is correlated over time.
        dropout: Probability of missing keypoints.
        most_dropped: Max share of missing keypoints.
        hidden_limb: Probability of a limb without keypoints.
        outliers: Probability of outliers with full confidence.
        outlier_share: Share of points that are outliers.
        outlier_m: Sigma of an outlier's distance.
        no_feet: Probability of a detector without foot keypoints.
    """

    clean: float = 0.4
    point_offset_m: float = 0.01
    noise_free: float = 0.3
    noise_m: float = 0.04
    slow_noise: float = 0.3
    dropout: float = 0.6
    most_dropped: float = 0.5
    hidden_limb: float = 0.2
    outliers: float = 0.2
    outlier_share: float = 0.15
    outlier_m: float = 0.3
    no_feet: float = 0.15


@dataclass(frozen=True)
class KeypointNoise:
    """Keypoint noise of N samples.

    Attributes:
        clean: (N,) True where the keypoints are exact.
        offset_m: (N, 25, 3) offsets of the points from BODY_25's on the body at rest; the network gets them.
        sigma_m: (N,) standard deviation of the noise.
        direction: (N, 25, 3) noise of the current frame in standard deviations.
        kept: (N,) share of it that the next frame keeps.
        far_m: (N,) standard deviation of outliers; 0 for none.
        dropped: (N,) share of missing keypoints, drawn again in each frame.
        hidden: (N, 25) True where a keypoint is never visible.
    """

    clean: Tensor
    offset_m: Tensor
    sigma_m: Tensor
    direction: Tensor
    kept: Tensor
    far_m: Tensor
    dropped: Tensor
    hidden: Tensor

    @classmethod
    def draw(cls, config: KeypointNoiseConfig, count: int, generator: torch.Generator) -> KeypointNoise:
        """Draw the noise of `count` samples."""
        c, g = config, generator
        noisy = ~chance(count, c.clean, g)
        hidden = torch.zeros(count, _POINTS, dtype=torch.bool)
        for limb in LIMB_POINTS:
            hidden[:, limb] |= chance(count, c.hidden_limb / len(LIMB_POINTS), g)[:, None]
        hidden[:, _FEET] |= chance(count, c.no_feet, g)[:, None]
        offset = c.point_offset_m * torch.rand(count, 1, 1, generator=g) * torch.randn(count, _POINTS, 3, generator=g)
        return cls(
            clean=~noisy,
            offset_m=offset * noisy[:, None, None],
            sigma_m=c.noise_m * torch.rand(count, generator=g) * (noisy & ~chance(count, c.noise_free, g)),
            direction=torch.randn(count, _POINTS, 3, generator=g),
            kept=torch.rand(count, generator=g) * chance(count, c.slow_noise, g),
            far_m=c.outlier_m * (noisy & chance(count, c.outliers, g)),
            dropped=c.most_dropped * torch.rand(count, generator=g) * (noisy & chance(count, c.dropout, g)),
            hidden=hidden & noisy[:, None],
        )

    @classmethod
    def joined(cls, parts: Sequence[KeypointNoise]) -> KeypointNoise:
        """Concatenate the samples of several parts."""
        return cls(**{field.name: torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)})

    def observe(self, points: Tensor, config: KeypointNoiseConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Detect true points (N, 25, 3), metres.

        Returns:
            The detected points (N, 25, 3), and the confidence (N, 25) of each, 0 or 1.
        """
        shape = points.shape[:2]
        far = torch.rand(*shape, generator=generator) < config.outlier_share
        noise = self.sigma_m[:, None, None] * self.direction
        outliers = (self.far_m[:, None] * far)[..., None] * torch.randn(points.shape, generator=generator)
        seen = torch.rand(*shape, generator=generator) >= self.dropped[:, None]
        return points + noise + outliers, (seen & ~self.hidden).float()

    def later(self, generator: torch.Generator) -> KeypointNoise:
        """The noise of the next frame."""
        kept = self.kept[:, None, None]
        fresh = torch.randn(self.direction.shape, generator=generator)
        return replace(self, direction=kept * self.direction + (1 - kept**2).sqrt() * fresh)


def chance(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """(N,) booleans that are True with a probability."""
    return torch.rand(count, generator=generator) < probability
