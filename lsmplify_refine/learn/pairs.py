"""Training pairs: a start pose, its target keypoints, and what can go wrong with both.

Temporal sampling as in Learnable SMPLify ((t - s, t), s in 1..10, both ways), and pairs that look like an estimator's.
The corpus is small and of one style (collars and hands at rest), so poses are mirrored, recombined limb by limb, and
given *style offsets*: a random constant rotation per joint, the same on both poses of a pair. What cannot be seen must
then be kept from the input, which is what residual learning means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import roma
import torch
from torch import Tensor

from lsmplify_refine.body import BodyModel, _core
from lsmplify_refine.body._core import Skeleton
from lsmplify_refine.engine.project import Pose, Targets
from lsmplify_refine.keypoints import BODY25
from lsmplify_refine.learn.motion import Take

#: Radians of style offset per joint (one sigma before a factor of up to 1.6), root and 21 body joints.
_STYLE = (
    0, .10, .10, .10, .10, .10, .10, .12, .12, .10, .10, .10, .20, .28, .28, .20, .20, .20, .12, .12, .30, .30,
)  # fmt: skip
_MIRROR = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20)
#: Limbs that may come from another frame: joints of the skeleton.
_LIMB_JOINTS = ((13, 16, 18, 20), (14, 17, 19, 21), (1, 4, 7, 10), (2, 5, 8, 11), (12, 15), (3, 6, 9))
#: Limbs that may be hidden: points of BODY_25.
_LIMB_POINTS = ((2, 3, 4), (5, 6, 7), (9, 10, 11, 22, 23, 24), (12, 13, 14, 19, 20, 21), (0, 15, 16, 17, 18))
_FEET = (19, 20, 21, 22, 23, 24)


@dataclass(frozen=True)
class PairConfig:
    """How pairs are made; probabilities per pair unless said otherwise, lengths in metres, angles in radians."""

    most_stride: int = 10
    same_frame: float = 0.5
    point_offset_m: float = 0.01
    recombined: float = 0.3
    style_factor: float = 1.6
    as_recorded: float = 0.35
    estimator_error: float = 0.6
    estimator_angle: float = 0.15
    estimator_shift_m: float = 0.05
    wrong_shape: float = 0.3
    wrong_shape_sigma: float = 0.4
    shape_sigma: float = 0.9
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
    """Draws pairs from takes; prepared once (every draw advances its generator)."""

    def __init__(self, takes: Sequence[Take], body: BodyModel, config: PairConfig, *, seed: int = 0) -> None:
        self.config = config
        self.shapes = ShapeSampler(body)
        self.generator = torch.Generator().manual_seed(seed)
        self._rotvec = torch.as_tensor(np.concatenate([take.rotvec for take in takes]))
        self._pelvis = torch.as_tensor(np.concatenate([take.pelvis for take in takes]))
        lengths = torch.tensor([len(take.rotvec) for take in takes])
        self._end = lengths.cumsum(0).repeat_interleave(lengths)
        self._begin = self._end - lengths.repeat_interleave(lengths)

    def __len__(self) -> int:
        return len(self._rotvec)

    def draw(self, count: int) -> Pairs:
        """`count` pairs."""
        c, g = self.config, self.generator
        wrong = _chance(count, c.estimator_error, g)
        # most estimates are of the very frame that the keypoints are of
        still = (wrong * _chance(count, c.same_frame, g))[:, 0] > 0
        first, second = self._indices(still)
        start, truth = self._rotvec[first], self._rotvec[second]
        pelvis = self._pelvis[first], self._pelvis[second]
        start, truth = self._recombine(start, truth, still)
        start, truth, pelvis = _mirrored(start, truth, pelvis, _chance(count, 0.5, g))
        start_r, true_r = roma.rotvec_to_rotmat(start), roma.rotvec_to_rotmat(truth)
        style = torch.randn(count, 22, 3, generator=g) * torch.tensor(_STYLE)[:, None]
        # without any pair as recorded the corpus' own style would be as unlikely as any other
        changed = 1 - _chance(count, c.as_recorded, g)[..., None]
        style = roma.rotvec_to_rotmat(style * c.style_factor * torch.rand(count, 1, 1, generator=g) * changed)
        start_r, true_r = start_r @ style, true_r @ style
        start_r = start_r @ roma.rotvec_to_rotmat(estimator_error(count, c.estimator_angle, g) * wrong[:, None])
        shift = c.estimator_shift_m * wrong * torch.randn(count, 3, generator=g)
        start_pose = _with_hands(start_r, pelvis[0] + shift)
        true_pose = _with_hands(true_r, pelvis[1])
        betas = c.shape_sigma * torch.randn(count, self.shapes.count, generator=g)
        told = betas + c.wrong_shape_sigma * torch.randn(betas.shape, generator=g) * _chance(count, c.wrong_shape, g)
        if float(torch.rand(1, generator=g)) < c.image_batches:
            start_pose, true_pose = self._before_a_camera(start_pose, true_pose)
            return self._observed(told, betas, start_pose, true_pose, image=True)
        return self._observed(told, betas, start_pose, true_pose, image=False)

    def _indices(self, still: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of start and truth; the same one where still (N,)."""
        g, count = self.generator, len(still)
        second = torch.randint(0, len(self), (count,), generator=g)
        # short strides somewhat more often than long ones: small errors are the hardest to tell from noise
        stride = 1 + (self.config.most_stride * torch.rand(count, generator=g) ** 2).long()
        stride = stride * (2 * torch.randint(0, 2, (count,), generator=g) - 1)
        first = torch.maximum(torch.minimum(second + stride, self._end[second] - 1), self._begin[second])
        return torch.where(still, second, first), second

    def _recombine(self, start: Tensor, truth: Tensor, still: Tensor) -> tuple[Tensor, Tensor]:
        """Give some pairs the limbs of other pairs."""
        others = self._indices(still)
        start, truth = start.clone(), truth.clone()
        for limb in _LIMB_JOINTS:
            rows = torch.rand(len(start), generator=self.generator) < self.config.recombined
            for joint in limb:
                start[rows, joint] = self._rotvec[others[0]][rows, joint]
                truth[rows, joint] = self._rotvec[others[1]][rows, joint]
        return start, truth

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
        """Noisy, incomplete targets of the true pose on the true shape."""
        c, g, count = self.config, self.generator, len(told)
        offsets = c.point_offset_m * torch.rand(count, 1, 1, generator=g) * torch.randn(count, 25, 3, generator=g)
        skeleton, told_skeleton = (_moved_points(self.shapes.skeleton(b), offsets) for b in (betas, told))
        points = _core.keypoints(skeleton, truth.rotations) + truth.pelvis[:, None]
        sigma = c.noise_m * torch.rand(count, 1, 1, generator=g) * (1 - _chance(count, c.noise_free, g))[:, None]
        points = points + sigma * torch.randn(points.shape, generator=g)
        far = _chance(count, c.outliers, g) * (torch.rand(points.shape[:2], generator=g) < c.outlier_share)
        points = points + c.outlier_m * far[..., None] * torch.randn(points.shape, generator=g)
        positions = points[..., :2] / points[..., 2:] if image else points
        return Pairs(told, told_skeleton, start, truth, Targets(positions, self._confidence(count)))

    def _confidence(self, count: int) -> Tensor:
        c, g = self.config, self.generator
        dropped = c.most_dropped * torch.rand(count, 1, generator=g) * _chance(count, c.dropout, g)
        seen = torch.rand(count, len(BODY25.points), generator=g) >= dropped
        for limb in _LIMB_POINTS:
            seen[:, limb] &= torch.rand(count, 1, generator=g) >= c.hidden_limb / len(_LIMB_POINTS)
        seen[:, _FEET] &= torch.rand(count, 1, generator=g) >= c.no_feet
        return seen.float()


class ShapeSampler:
    """Batched skeletons of a body for batches of betas."""

    def __init__(self, body: BodyModel, convention: str = "body25") -> None:
        self.count = 10
        basis = [body.skeleton(convention, b) for b in np.vstack([np.zeros(10), np.eye(10)])]
        self._mean = basis[0]
        self._joints = torch.stack([s.rest_joints - self._mean.rest_joints for s in basis[1:]], -1)
        self._points = torch.stack([s.points - self._mean.points for s in basis[1:]], -1)

    def skeleton(self, betas: Tensor) -> Skeleton:
        """The skeletons of betas (N, 10)."""
        mean = self._mean
        return Skeleton(
            mean.parents,
            mean.rest_joints + torch.einsum("jcs,ns->njc", self._joints, betas),
            mean.points + torch.einsum("kjcs,ns->nkjc", self._points, betas),
            mean.shares,
            mean.pose_points,
        )


def estimator_error(count: int, angle: float, generator: torch.Generator) -> Tensor:
    """Rotation vectors (N, 22, 3) of what estimators get wrong: whole chains, wrists most, the spine least."""
    own = torch.randn(count, 22, 3, generator=generator)
    own[:, [20, 21]] *= 1.5
    own[:, [3, 6, 9]] *= 0.6
    return angle * torch.rand(count, 1, 1, generator=generator) * own


def _chance(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """(N, 1) ones and zeros."""
    return (torch.rand(count, 1, generator=generator) < probability).float()


def _mirrored(
    start: Tensor, truth: Tensor, pelvis: tuple[Tensor, Tensor], chosen: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Left and right exchanged for the chosen pairs (N, 1): x becomes -x."""
    turn, move = torch.tensor([1.0, -1.0, -1.0]), torch.tensor([-1.0, 1.0, 1.0])
    pick = chosen[..., None] > 0
    poses = [torch.where(pick, (p * turn)[:, _MIRROR], p) for p in (start, truth)]
    places = [torch.where(chosen > 0, p * move, p) for p in pelvis]
    return poses[0], poses[1], (places[0], places[1])


def _moved_points(skeleton: Skeleton, offsets: Tensor) -> Skeleton:
    """A skeleton whose keypoints lie (N, K, 3) metres elsewhere on their bones, as other conventions' do."""
    return replace(skeleton, points=skeleton.points + offsets[:, :, None] * skeleton.shares[..., None])


def _with_hands(rotations: Tensor, pelvis: Tensor) -> Pose:
    """A pose of the 24 SMPL joints with the hands at rest."""
    hands = torch.eye(3).expand(len(rotations), 2, 3, 3)
    return Pose(torch.cat([rotations, hands], 1), pelvis)
