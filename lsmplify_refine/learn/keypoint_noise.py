"""Flaws: what is wrong with the keypoints of training pairs.

Whoever is refined in sequence has the same detector, the same limb hidden and the same noise for many frames: a network
that was trained on another kind of keypoints in each frame would never see where its own results then lead.
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
class FlawConfig:
    """Probabilities per sample unless said otherwise, lengths in metres.

    Attributes:
        clean: Of nothing wrong with the keypoints: exact, all seen, where the body says.
        point_offset_m: How far, at most (one sigma), keypoints lie from BODY_25's, as other conventions' do.
        noise_free: Of no noise among those with flaws.
        noise_m: Noise of each coordinate, at most (one sigma).
        slow_noise: Of noise that is alike from frame to frame.
        dropout: Of missing keypoints; `most_dropped` is their largest share.
        hidden_limb: Of a limb that is not seen.
        outliers: Of garbage at full confidence: a share of the points, so far off (one sigma).
        no_feet: Of a detector that knows none.
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
class Flaws:
    """Of N samples.

    Attributes:
        clean: (N,) True where nothing is wrong.
        offset_m: (N, 25, 3) how far keypoints lie from BODY_25's on the body at rest; the refiner knows.
        sigma_m: (N,) standard deviation of noise.
        direction: (N, 25, 3) present noise in standard deviations.
        kept: (N,) how much of it the next frame keeps.
        far_m: (N,) standard deviation of garbage; 0 for none.
        dropped: (N,) share of keypoints that are missing, others in each frame.
        hidden: (N, 25) True where a keypoint is never seen.
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
    def draw(cls, config: FlawConfig, count: int, generator: torch.Generator) -> Flaws:
        """For `count` samples."""
        c, g = config, generator
        flawed = ~chance(count, c.clean, g)
        hidden = torch.zeros(count, _POINTS, dtype=torch.bool)
        for limb in LIMB_POINTS:
            hidden[:, limb] |= chance(count, c.hidden_limb / len(LIMB_POINTS), g)[:, None]
        hidden[:, _FEET] |= chance(count, c.no_feet, g)[:, None]
        offset = c.point_offset_m * torch.rand(count, 1, 1, generator=g) * torch.randn(count, _POINTS, 3, generator=g)
        return cls(
            clean=~flawed,
            offset_m=offset * flawed[:, None, None],
            sigma_m=c.noise_m * torch.rand(count, generator=g) * (flawed & ~chance(count, c.noise_free, g)),
            direction=torch.randn(count, _POINTS, 3, generator=g),
            kept=torch.rand(count, generator=g) * chance(count, c.slow_noise, g),
            far_m=c.outlier_m * (flawed & chance(count, c.outliers, g)),
            dropped=c.most_dropped * torch.rand(count, generator=g) * (flawed & chance(count, c.dropout, g)),
            hidden=hidden & flawed[:, None],
        )

    @classmethod
    def joined(cls, flaws: Sequence[Flaws]) -> Flaws:
        """Those of some samples after those of others."""
        return cls(**{field.name: torch.cat([getattr(some, field.name) for some in flaws]) for field in fields(cls)})

    def observe(self, points: Tensor, config: FlawConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (N, 25, 3) as they are detected, and the confidence (N, 25) of each, 0 or 1."""
        shape = points.shape[:2]
        far = torch.rand(*shape, generator=generator) < config.outlier_share
        noise = self.sigma_m[:, None, None] * self.direction
        garbage = (self.far_m[:, None] * far)[..., None] * torch.randn(points.shape, generator=generator)
        seen = torch.rand(*shape, generator=generator) >= self.dropped[:, None]
        return points + noise + garbage, (seen & ~self.hidden).float()

    def later(self, generator: torch.Generator) -> Flaws:
        """One frame later."""
        kept = self.kept[:, None, None]
        fresh = torch.randn(self.direction.shape, generator=generator)
        return replace(self, direction=kept * self.direction + (1 - kept**2).sqrt() * fresh)


def chance(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """(N,) True or False."""
    return torch.rand(count, generator=generator) < probability
