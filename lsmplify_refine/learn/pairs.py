"""Training pairs: a start pose, its target keypoints, and what can go wrong with both.

Temporal sampling as in Learnable SMPLify ((t - s, t), s in 1..10, both ways), pairs that look like an estimator's, and
sequences that start from the network's own results. See `variety` for how a small corpus is made to go further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import roma
import torch
from torch import Tensor

from lsmplify_refine.body import BodyModel, _core
from lsmplify_refine.body._core import Skeleton
from lsmplify_refine.engine.project import Pose, Targets
from lsmplify_refine.engine.stream import joined
from lsmplify_refine.keypoints import BODY25
from lsmplify_refine.learn.motion import Take
from lsmplify_refine.learn.sequences import Motions, Sequences
from lsmplify_refine.learn.shapes import ShapeSampler, moved_points, with_hands
from lsmplify_refine.learn.variety import estimator_error, handed_on, mirrored, recombined, style_offsets, swaying

#: Limbs that may be hidden: points of BODY_25.
LIMB_POINTS = ((2, 3, 4), (5, 6, 7), (9, 10, 11, 22, 23, 24), (12, 13, 14, 19, 20, 21), (0, 15, 16, 17, 18))
_FEET = (19, 20, 21, 22, 23, 24)


@dataclass(frozen=True)
class PairConfig:
    """How pairs are made; probabilities per pair unless said otherwise, lengths in metres, angles in radians.

    Attributes:
        most_stride: Frames between start and truth, at most.
        estimator_error: Of an error of pose and place on the start.
        same_frame: Of no stride at all, where there is such an error.
        sway: Slow movements of every joint, at most, as a share of the constant offset that it gets.
        handed_on: Of other shares of what neighbours along spine, neck and shoulders do together.
        in_sequence: Share of a batch that goes on from the network's own results.
        sequence_frames: Frames refined one after another.
        clean: Of nothing wrong with the keypoints: exact, all seen, where the body says, for the shape told.
    """

    most_stride: int = 12
    estimator_error: float = 0.6
    same_frame: float = 0.5
    estimator_angle: float = 0.15
    estimator_shift_m: float = 0.05
    in_sequence: float = 0.25
    sequence_frames: int = 120
    recombined: float = 0.4
    handed_on: float = 0.8
    style_factor: float = 2.0
    as_recorded: float = 0.2
    sway: float = 0.3
    shape_sigma: float = 0.9
    wrong_shape: float = 0.3
    wrong_shape_sigma: float = 0.4
    clean: float = 0.45
    point_offset_m: float = 0.01
    noise_free: float = 0.3
    noise_m: float = 0.04
    dropout: float = 0.6
    most_dropped: float = 0.5
    hidden_limb: float = 0.2
    outliers: float = 0.2
    outlier_share: float = 0.15
    outlier_m: float = 0.3
    no_feet: float = 0.15
    image_batches: float = 0.2


@dataclass(frozen=True)
class Pairs:
    """N pairs.

    Attributes:
        betas: (N, 10) the shape that the refiner is told.
        skeleton: Batched BODY_25 skeleton of that shape.
        start: The initial pose.
        truth: The pose sought.
        targets: What is observed of it.
    """

    betas: Tensor
    skeleton: Skeleton
    start: Pose
    truth: Pose
    targets: Targets


class PairSampler:
    """Draws pairs from takes; every draw advances its generator.

    Args:
        takes: Motion of 30 frames per second.
        body: The body model.
        config: How pairs are made.
        seed: Of the generator.
    """

    def __init__(self, takes: Sequence[Take], body: BodyModel, config: PairConfig, *, seed: int = 0) -> None:
        self.config = config
        self.shapes = ShapeSampler(body)
        self.generator = torch.Generator().manual_seed(seed)
        self._rotvec = torch.as_tensor(np.concatenate([take.rotvec for take in takes]))
        self._pelvis = torch.as_tensor(np.concatenate([take.pelvis for take in takes]))
        lengths = torch.tensor([len(take.rotvec) for take in takes])
        self._end = lengths.cumsum(0).repeat_interleave(lengths)
        self._begin = self._end - lengths.repeat_interleave(lengths)
        self._sequences: Sequences | None = None
        self._followed = 0

    def __len__(self) -> int:
        return len(self._rotvec)

    def draw(self, count: int) -> Pairs:
        """`count` pairs; the last of them may belong to sequences (see `follow`)."""
        c, g = self.config, self.generator
        image = float(torch.rand(1, generator=g)) < c.image_batches
        self._followed = 0 if image else round(c.in_sequence * count)
        motions = [self._strides(count - self._followed)]
        frames = [1]
        if self._followed:
            if self._sequences is None:
                self._sequences = Sequences(lambda: self._runs(round(c.in_sequence * count)))
            motions.append(self._sequences.motions)
            frames.append(self._sequences.frame)
        truth = joined([m.truth(frame) for m, frame in zip(motions, frames)])
        start = joined([m.start for m in motions])
        betas, told = (torch.cat([getattr(m, name) for m in motions]) for name in ("betas", "told"))
        if image:
            start, truth = self._before_a_camera(start, truth)
        return self._observed(told, betas, start, truth, image=image)

    def follow(self, result: Pose) -> None:
        """Give back the network's result for the pairs drawn last: its sequences go on from it."""
        if self._followed and self._sequences is not None:
            self._sequences.follow(result[-self._followed :])

    def state_dict(self) -> dict[str, Any]:
        """What the next draws depend on."""
        state: dict[str, Any] = {"generator": self.generator.get_state()}
        if self._sequences is not None:
            state["sequences"] = self._sequences.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self._sequences = None
        if "sequences" in state:
            count = len(state["sequences"]["motions"]["betas"])
            self._sequences = Sequences(lambda: self._runs(count))
            self._sequences.load_state_dict(state["sequences"])
        self.generator.set_state(state["generator"])

    def _strides(self, count: int) -> Motions:
        """Two frames some stride apart, or an estimate of the very frame."""
        c, g = self.config, self.generator
        wrong = _chance(count, c.estimator_error, g)
        # most estimates are of the very frame that the keypoints are of
        still = wrong * _chance(count, c.same_frame, g)
        # short strides somewhat more often than long ones: small errors are the hardest to tell from noise
        stride = 1 + (c.most_stride * torch.rand(count, generator=g) ** 2).long()
        offsets = torch.stack([stride * (1 - still.long()), torch.zeros_like(stride)], 1)
        return self._moving(offsets, wrong)

    def _runs(self, count: int) -> Motions:
        """Consecutive frames, as recorded or at half the rate."""
        c, g = self.config, self.generator
        pace = torch.randint(1, 3, (count, 1), generator=g)
        return self._moving(pace * torch.arange(c.sequence_frames + 1), _chance(count, c.estimator_error, g))

    def _moving(self, offsets: Tensor, wrong: Tensor) -> Motions:
        """Motions over rows at offsets (N, T) from a random one, either way; starts are in error where wrong (N,)."""
        c, g, count = self.config, self.generator, len(offsets)
        rotvec, pelvis = self._frames(offsets)
        rotvec = recombined(rotvec, self._frames(offsets)[0], c.recombined, g)
        other_side = mirrored(rotvec, pelvis)
        side = _chance(count, 0.5, g)[:, None, None] > 0
        rotvec = torch.where(side[..., None], other_side[0], rotvec)
        pelvis = torch.where(side, other_side[1], pelvis)
        # without any sample as recorded the corpus' own style would be as unlikely as any other
        size = c.style_factor * torch.rand(count, generator=g) * (1 - _chance(count, c.as_recorded, g))
        rotations = handed_on(roma.rotvec_to_rotmat(rotvec), c.handed_on, g) @ style_offsets(size, g)[:, None]
        sway = c.sway * torch.rand(count, generator=g) * size
        rotations = rotations @ swaying(sway, offsets, g)
        error = roma.rotvec_to_rotmat(estimator_error(count, c.estimator_angle, g) * wrong[:, None, None])
        shift = c.estimator_shift_m * wrong[:, None] * torch.randn(count, 3, generator=g)
        betas = c.shape_sigma * torch.randn(count, self.shapes.count, generator=g)
        told = (
            betas
            + c.wrong_shape_sigma * torch.randn(betas.shape, generator=g) * (_chance(count, c.wrong_shape, g)[:, None])
        )
        start = Pose(with_hands(rotations[:, 0] @ error), pelvis[:, 0] + shift)
        return Motions(with_hands(rotations), pelvis, betas, told, start)

    def _frames(self, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """Rotation vectors (N, T, 22, 3) and pelvis (N, T, 3) at offsets from random rows, kept within their takes."""
        first = torch.randint(0, len(self), (len(offsets), 1), generator=self.generator)
        direction = 2 * torch.randint(0, 2, (len(offsets), 1), generator=self.generator) - 1
        rows = torch.maximum(torch.minimum(first + direction * offsets, self._end[first] - 1), self._begin[first])
        return self._rotvec[rows], self._pelvis[rows]

    def _before_a_camera(self, start: Pose, truth: Pose) -> tuple[Pose, Pose]:
        """Both poses turned to a random side of a camera some metres away (x right, y down, z forward)."""
        g, count = self.generator, len(start.pelvis)
        yaw = torch.zeros(count, 3)
        yaw[:, 1] = 2 * torch.pi * torch.rand(count, generator=g)
        tilt = torch.zeros(count, 3)
        tilt[:, 0] = torch.pi + 0.3 * torch.randn(count, generator=g)
        turn = roma.rotvec_to_rotmat(tilt) @ roma.rotvec_to_rotmat(yaw)
        place = torch.randn(count, 3, generator=g) * torch.tensor([0.5, 0.3, 0.0])
        place[:, 2] = 3 + 4 * torch.rand(count, generator=g)
        poses = []
        for pose in (start, truth):
            rotations = pose.rotations.clone()
            rotations[:, 0] = turn @ rotations[:, 0]
            pelvis = (turn @ (pose.pelvis - truth.pelvis)[..., None])[..., 0] + place
            poses.append(Pose(rotations, pelvis))
        return poses[0], poses[1]

    def _observed(self, told: Tensor, betas: Tensor, start: Pose, truth: Pose, *, image: bool) -> Pairs:
        """Noisy, incomplete targets of the true pose on the true shape; none of it for clean pairs."""
        c, g, count = self.config, self.generator, len(told)
        clean = _chance(count, c.clean, g)
        told = torch.where(clean[:, None] > 0, betas, told)
        flawed = (1 - clean)[:, None, None]
        offsets = c.point_offset_m * torch.rand(count, 1, 1, generator=g) * torch.randn(count, 25, 3, generator=g)
        skeleton, told_skeleton = (moved_points(self.shapes.skeleton(b), flawed * offsets) for b in (betas, told))
        points = _core.keypoints(skeleton, truth.rotations) + truth.pelvis[:, None]
        noisy = (1 - _chance(count, c.noise_free, g))[:, None, None]
        sigma = c.noise_m * torch.rand(count, 1, 1, generator=g) * noisy
        far = (torch.rand(*points.shape[:2], 1, generator=g) < c.outlier_share) * _chance(count, c.outliers, g)[
            :, None, None
        ]
        points = points + flawed * (sigma + c.outlier_m * far) * torch.randn(points.shape, generator=g)
        positions = points[..., :2] / points[..., 2:] if image else points
        seen = torch.maximum(self._confidence(count), clean[:, None])
        return Pairs(told, told_skeleton, start, truth, Targets(positions, seen))

    def _confidence(self, count: int) -> Tensor:
        c, g = self.config, self.generator
        dropped = c.most_dropped * torch.rand(count, 1, generator=g) * _chance(count, c.dropout, g)[:, None]
        seen = torch.rand(count, len(BODY25.points), generator=g) >= dropped
        for limb in LIMB_POINTS:
            seen[:, limb] &= torch.rand(count, 1, generator=g) >= c.hidden_limb / len(LIMB_POINTS)
        seen[:, _FEET] &= torch.rand(count, 1, generator=g) >= c.no_feet
        return seen.float()


def _chance(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """(N,) ones and zeros."""
    return (torch.rand(count, generator=generator) < probability).float()
