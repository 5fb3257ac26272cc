"""Draws training pairs from motion.

Strides are as in Learnable SMPLify: frames t - s and t, s in 1, 2, ..., in both directions. Other pairs start with an
estimator's errors, or continue from the network's own results (`rollouts`). `augment` widens the corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from lsmplify_refine.learn.keypoint_noise import KeypointNoise, chance
from lsmplify_refine.learn.motion import Take
from lsmplify_refine.learn.pairs import PairConfig, Pairs
from lsmplify_refine.learn.rollouts import Motions, Rollouts
from lsmplify_refine.learn.shape_batches import ShapeSampler, moved_points, with_hands
from lsmplify_refine.solver.initialise import from_rest
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.solver.running_mean import RunningMean


class PairSampler:
    """Draws pairs from takes; every draw advances the generator.

    Args:
        takes: Motion at `motion.TAKE_FPS`.
        body: The body model.
        config: How to make pairs.
        seed: Seed of the generator.
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
        self._rollouts: Rollouts | None = None
        self._followed = 0

    def __len__(self) -> int:
        return len(self._rotvec)

    def draw(self, count: int) -> Pairs:
        """Draw `count` pairs; the last of them may belong to rollouts (see `follow`)."""
        c, g = self.config, self.generator
        image = float(torch.rand(1, generator=g)) < c.image_batches
        self._followed = 0 if image else round(c.in_sequence * count)
        motions, frames, earlier = [self._strides(count - self._followed)], [1], None
        if self._followed:
            if self._rollouts is None:
                self._rollouts = self._new_rollouts(self._followed)
            motions.append(self._rollouts.motions)
            frames.append(self._rollouts.frame)
            earlier = RunningMean.of(motions[0].start, 0).beside(self._rollouts.mean)
        truth = Pose.joined([m.truth(frame) for m, frame in zip(motions, frames)])
        start = Pose.joined([m.start for m in motions])
        betas, given = (torch.cat([getattr(m, name) for m in motions]) for name in ("betas", "given_betas"))
        if image:
            start, truth = self._before_a_camera(start, truth)
        noise = KeypointNoise.joined([m.noise for m in motions])
        skeleton, targets = self._observed(given, betas, truth, noise, image=image)
        continued = self._followed if frames[-1] > 1 else 0
        start, earlier = self._some_from_rest(start, earlier, skeleton, targets, count - continued)
        return Pairs(given, skeleton, start, truth, targets, earlier)

    def follow(self, result: Pose) -> None:
        """Take the network's result for the pairs drawn last: rollouts continue from it."""
        if self._followed and self._rollouts is not None:
            self._rollouts.follow(result[-self._followed :])

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next draws depend on."""
        state: dict[str, Any] = {"generator": self.generator.get_state()}
        if self._rollouts is not None:
            state["sequences"] = self._rollouts.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self._rollouts = None
        if "sequences" in state:
            self._rollouts = self._new_rollouts(len(state["sequences"]["motions"]["betas"]))
            self._rollouts.load_state_dict(state["sequences"])
        self.generator.set_state(state["generator"])

    def _new_rollouts(self, count: int) -> Rollouts:
        return Rollouts(lambda: self._runs(count), self.generator)

    def _strides(self, count: int) -> Motions:
        """Draw two frames some stride apart, or an estimate of the same frame."""
        c, g = self.config, self.generator
        wrong = chance(count, c.estimator_error, g)
        # most estimates are of the keypoints' own frame
        still = wrong & chance(count, c.same_frame, g)
        # short strides are more frequent: small errors are the hardest to tell from noise
        stride = 1 + (c.most_stride * torch.rand(count, generator=g) ** 1.7).long()
        offsets = torch.stack([stride * ~still, torch.zeros_like(stride)], 1)
        return self._moving(offsets, wrong, known=torch.zeros_like(wrong))

    def _runs(self, count: int) -> Motions:
        """Draw consecutive frames, as recorded or at half the rate."""
        c, g = self.config, self.generator
        pace = torch.randint(1, 3, (count, 1), generator=g)
        offsets = pace * torch.arange(c.sequence_frames + 1)
        wrong = chance(count, c.estimator_error, g)
        return self._moving(offsets, wrong, known=~wrong & chance(count, c.known_first, g))

    def _moving(self, offsets: Tensor, wrong: Tensor, *, known: Tensor) -> Motions:
        """Draw augmented motions.

        Args:
            offsets: (N, T) frames from a random first frame, forwards or backwards.
            wrong: (N,) True for a start with an estimator's error.
            known: (N,) True where the network gets the start as a true pose.
        """
        c, g, count = self.config, self.generator, len(offsets)
        rotvec, pelvis = self._frames(offsets)
        rotvec = recombined(rotvec, self._frames(offsets)[0], c.recombined, g)
        rotvec = unbent(rotvec, c.unbent, g)
        other_side = mirrored(rotvec, pelvis)
        side = chance(count, 0.5, g)[:, None, None]
        rotvec = torch.where(side[..., None], other_side[0], rotvec)
        pelvis = torch.where(side, other_side[1], pelvis)
        # with no sample as recorded, the corpus' own style would be as unlikely as any other
        size = c.style_factor * torch.rand(count, generator=g) * ~chance(count, c.as_recorded, g)
        rotations = handed_on(roma.rotvec_to_rotmat(rotvec), c.handed_on, g) @ style_offsets(size, g)[:, None]
        rotations = rotations @ contortions(count, c.contorted, g)[:, None]
        sway = c.sway * torch.rand(count, generator=g) * size
        rotations = rotations @ swaying(sway, offsets, g)
        error = roma.rotvec_to_rotmat(estimator_error(count, c.estimator_angle, g) * wrong[:, None, None])
        shift = c.estimator_shift_m * wrong[:, None] * torch.randn(count, 3, generator=g)
        betas = c.shape_sigma * torch.randn(count, self.shapes.count, generator=g)
        noise = KeypointNoise.draw(c, count, g)
        mistaken = ~noise.clean & chance(count, c.wrong_shape, g)
        given = betas + c.wrong_shape_sigma * torch.randn(betas.shape, generator=g) * mistaken[:, None]
        start = Pose(with_hands(rotations[:, 0] @ error), pelvis[:, 0] + shift)
        return Motions(with_hands(rotations), pelvis, betas, given, noise, start, known)

    def _frames(self, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """Rotation vectors (N, T, 22, 3) and pelvis (N, T, 3) at offsets from random frames, within their takes."""
        first = torch.randint(0, len(self), (len(offsets), 1), generator=self.generator)
        direction = 2 * torch.randint(0, 2, (len(offsets), 1), generator=self.generator) - 1
        rows = torch.maximum(torch.minimum(first + direction * offsets, self._end[first] - 1), self._begin[first])
        return self._rotvec[rows], self._pelvis[rows]

    def _before_a_camera(self, start: Pose, truth: Pose) -> tuple[Pose, Pose]:
        """Turn both poses at random and place them some metres before a camera (x right, y down, z forward)."""
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
        self, given: Tensor, betas: Tensor, truth: Pose, noise: KeypointNoise, *, image: bool
    ) -> tuple[Skeleton, Targets]:
        """The skeleton that the refiner gets, and the keypoints detected of the true pose on the true shape."""
        skeleton, given_skeleton = (moved_points(self.shapes.skeleton(b), noise.offset_m) for b in (betas, given))
        points = skinning.keypoints(skeleton, truth.rotations) + truth.pelvis[:, None]
        points, seen = noise.observe(points, self.config, self.generator)
        positions = points_to_rays(points)[0] if image else points
        return given_skeleton, Targets(positions, seen)

    def _some_from_rest(
        self, start: Pose, earlier: RunningMean | None, skeleton: Skeleton, targets: Targets, count: int
    ) -> tuple[Pose, RunningMean | None]:
        """Initialise some of the first `count` starts from the keypoints alone; returns starts and earlier results."""
        chosen = torch.nonzero(chance(count, self.config.from_rest, self.generator))[:, 0]
        if not len(chosen):
            return start, earlier
        start = start.with_rows(chosen, from_rest(skeleton[chosen], targets[chosen]))
        made = torch.zeros(len(start.pelvis), dtype=torch.bool).index_fill(0, chosen, True)
        return start, RunningMean.of_start_from_keypoints(start).where(made, earlier or RunningMean.of(start, 0))
