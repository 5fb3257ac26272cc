"""Training pairs: a start pose, its target keypoints, and what can go wrong with both.

Temporal sampling as in Learnable SMPLify ((t - s, t), s in 1..10, both ways), pairs that look like an estimator's, and
sequences that start from the network's own results. See `variety` for how a small corpus is made to go further.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import roma
import torch
from torch import Tensor

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.geometry.projection import points_to_rays
from lsmplify_refine.learn.augment import (
    contortions,
    estimator_error,
    handed_on,
    mirrored,
    recombined,
    style_offsets,
    swaying,
    unbent,
)
from lsmplify_refine.learn.keypoint_noise import FlawConfig, Flaws, chance
from lsmplify_refine.learn.motion import Take
from lsmplify_refine.learn.rollouts import Motions, Sequences
from lsmplify_refine.learn.shape_batches import ShapeSampler, moved_points, with_hands
from lsmplify_refine.solver.initialise import from_rest
from lsmplify_refine.solver.problem import Pose, Rows, Targets
from lsmplify_refine.solver.running_mean import RunningMean

#: Settings of `PairConfig` that are whole numbers above 0, and those that are sizes; all others are probabilities or
#: shares.
_COUNTS = ("most_stride", "sequence_frames")
_SIZES = (
    "point_offset_m", "noise_m", "outlier_m", "estimator_angle", "estimator_shift_m",
    "style_factor", "sway", "shape_sigma", "wrong_shape_sigma",
)  # fmt: skip


@dataclass(frozen=True)
class PairConfig(FlawConfig):
    """How pairs are made; probabilities per pair unless said otherwise, lengths in metres, angles in radians.

    Attributes:
        most_stride: Frames between start and truth, at most.
        estimator_error: Of an error of pose and place on the start.
        same_frame: Of no stride at all, where there is such an error.
        from_rest: Of a start without any estimate, as a stream makes it from the keypoints.
        unbent: Of a motion drawn towards the body at rest, by any share.
        contorted: Of joints that are all turned as nobody turns them. Without these two the network takes whoever looks
            unlike the corpus for a wrong start, and lets it go.
        sway: Slow movements of every joint, at most, as a share of the constant offset that it gets.
        handed_on: Of other shares of what neighbours along spine, neck and shoulders do together.
        in_sequence: Share of a batch that goes on from the network's own results.
        sequence_frames: Frames refined one after another.
        known_first: Of being told that the pose which a sequence begins with is true, where it is.
        as_recorded: Of no style offset and no sway, as often where the start has an estimator's error as where it has
            none: otherwise the style of a start would tell which.
        wrong_shape: Of being told another shape, where the keypoints are not clean.
    """

    most_stride: int = 12
    estimator_error: float = 0.6
    same_frame: float = 0.5
    from_rest: float = 0.05
    estimator_angle: float = 0.15
    estimator_shift_m: float = 0.05
    in_sequence: float = 0.25
    sequence_frames: int = 200
    known_first: float = 0.5
    recombined: float = 0.4
    unbent: float = 0.15
    contorted: float = 0.15
    handed_on: float = 0.8
    style_factor: float = 2.0
    as_recorded: float = 0.2
    sway: float = 0.3
    shape_sigma: float = 0.9
    wrong_shape: float = 0.3
    wrong_shape_sigma: float = 0.4
    image_batches: float = 0.2

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least, most = (1, math.inf) if name in _COUNTS else (0, math.inf if name in _SIZES else 1)
            if not (math.isfinite(value) and least <= value <= most):
                raise ValueError(f"{name} is {value}; it must be {f'{least} or more' if most > 1 else 'from 0 to 1'}")


@dataclass(frozen=True)
class Pairs:
    """N pairs.

    Attributes:
        betas: (N, 10) the shape that the refiner is told.
        skeleton: Batched BODY_25 skeleton of that shape.
        start: The initial pose.
        truth: The pose sought.
        targets: What is observed of it.
        earlier: Mean of the earlier results that the start goes on from, if there are any.
    """

    betas: Tensor
    skeleton: Skeleton
    start: Pose
    truth: Pose
    targets: Targets
    earlier: RunningMean | None = None

    def to(self, device: torch.device) -> Pairs:
        """On a device."""
        return Pairs(
            self.betas.to(device),
            self.skeleton.to(device),
            self.start.to(device),
            self.truth.to(device),
            self.targets.to(device),
            self.earlier and self.earlier.to(device),
        )

    def __getitem__(self, rows: Rows) -> Pairs:
        return Pairs(
            self.betas[rows],
            self.skeleton[rows],
            self.start[rows],
            self.truth[rows],
            self.targets[rows],
            self.earlier and self.earlier[rows],
        )


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
        motions, frames, earlier = [self._strides(count - self._followed)], [1], None
        if self._followed:
            if self._sequences is None:
                self._sequences = self._new_sequences(self._followed)
            motions.append(self._sequences.motions)
            frames.append(self._sequences.frame)
            earlier = RunningMean.of(motions[0].start, 0).beside(self._sequences.mean)
        truth = Pose.joined([m.truth(frame) for m, frame in zip(motions, frames)])
        start = Pose.joined([m.start for m in motions])
        betas, told = (torch.cat([getattr(m, name) for m in motions]) for name in ("betas", "told"))
        if image:
            start, truth = self._before_a_camera(start, truth)
        skeleton, targets = self._observed(told, betas, truth, Flaws.joined([m.flaws for m in motions]), image=image)
        going_on = self._followed if frames[-1] > 1 else 0
        start, earlier = self._some_from_rest(start, earlier, skeleton, targets, count - going_on)
        return Pairs(told, skeleton, start, truth, targets, earlier)

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
            self._sequences = self._new_sequences(len(state["sequences"]["motions"]["betas"]))
            self._sequences.load_state_dict(state["sequences"])
        self.generator.set_state(state["generator"])

    def _new_sequences(self, count: int) -> Sequences:
        return Sequences(lambda: self._runs(count), self.generator)

    def _strides(self, count: int) -> Motions:
        """Two frames some stride apart, or an estimate of the very frame."""
        c, g = self.config, self.generator
        wrong = chance(count, c.estimator_error, g)
        # most estimates are of the very frame that the keypoints are of
        still = wrong & chance(count, c.same_frame, g)
        # short strides somewhat more often than long ones: small errors are the hardest to tell from noise
        stride = 1 + (c.most_stride * torch.rand(count, generator=g) ** 1.7).long()
        offsets = torch.stack([stride * ~still, torch.zeros_like(stride)], 1)
        return self._moving(offsets, wrong, known=torch.zeros_like(wrong))

    def _runs(self, count: int) -> Motions:
        """Consecutive frames, as recorded or at half the rate."""
        c, g = self.config, self.generator
        pace = torch.randint(1, 3, (count, 1), generator=g)
        offsets = pace * torch.arange(c.sequence_frames + 1)
        wrong = chance(count, c.estimator_error, g)
        return self._moving(offsets, wrong, known=~wrong & chance(count, c.known_first, g))

    def _moving(self, offsets: Tensor, wrong: Tensor, *, known: Tensor) -> Motions:
        """Motions over rows at offsets (N, T) from a random one, either way; starts are in error where wrong (N,)."""
        c, g, count = self.config, self.generator, len(offsets)
        rotvec, pelvis = self._frames(offsets)
        rotvec = recombined(rotvec, self._frames(offsets)[0], c.recombined, g)
        rotvec = unbent(rotvec, c.unbent, g)
        other_side = mirrored(rotvec, pelvis)
        side = chance(count, 0.5, g)[:, None, None]
        rotvec = torch.where(side[..., None], other_side[0], rotvec)
        pelvis = torch.where(side, other_side[1], pelvis)
        # without any sample as recorded the corpus' own style would be as unlikely as any other
        size = c.style_factor * torch.rand(count, generator=g) * ~chance(count, c.as_recorded, g)
        rotations = handed_on(roma.rotvec_to_rotmat(rotvec), c.handed_on, g) @ style_offsets(size, g)[:, None]
        rotations = rotations @ contortions(count, c.contorted, g)[:, None]
        sway = c.sway * torch.rand(count, generator=g) * size
        rotations = rotations @ swaying(sway, offsets, g)
        error = roma.rotvec_to_rotmat(estimator_error(count, c.estimator_angle, g) * wrong[:, None, None])
        shift = c.estimator_shift_m * wrong[:, None] * torch.randn(count, 3, generator=g)
        betas = c.shape_sigma * torch.randn(count, self.shapes.count, generator=g)
        flaws = Flaws.draw(c, count, g)
        mistaken = ~flaws.clean & chance(count, c.wrong_shape, g)
        told = betas + c.wrong_shape_sigma * torch.randn(betas.shape, generator=g) * mistaken[:, None]
        start = Pose(with_hands(rotations[:, 0] @ error), pelvis[:, 0] + shift)
        return Motions(with_hands(rotations), pelvis, betas, told, flaws, start, known)

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

    def _observed(
        self, told: Tensor, betas: Tensor, truth: Pose, flaws: Flaws, *, image: bool
    ) -> tuple[Skeleton, Targets]:
        """The skeleton that the refiner is told, and what is detected of the true pose on the true shape."""
        skeleton, told_skeleton = (moved_points(self.shapes.skeleton(b), flaws.offset_m) for b in (betas, told))
        points = skinning.keypoints(skeleton, truth.rotations) + truth.pelvis[:, None]
        points, seen = flaws.observe(points, self.config, self.generator)
        positions = points_to_rays(points)[0] if image else points
        return told_skeleton, Targets(positions, seen)

    def _some_from_rest(
        self, start: Pose, earlier: RunningMean | None, skeleton: Skeleton, targets: Targets, count: int
    ) -> tuple[Pose, RunningMean | None]:
        """The starts, some of the first `count` made from the keypoints alone, and what they go on from."""
        chosen = torch.nonzero(chance(count, self.config.from_rest, self.generator))[:, 0]
        if not len(chosen):
            return start, earlier
        start = start.with_rows(chosen, from_rest(skeleton[chosen], targets[chosen]))
        made = torch.zeros(len(start.pelvis), dtype=torch.bool).index_fill(0, chosen, True)
        return start, RunningMean.of_start_from_keypoints(start).where(made, earlier or RunningMean.of(start, 0))
