"""Training pairs: a start pose, the true pose, and keypoints of the true pose."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.learn.keypoint_noise import KeypointNoiseConfig
from lsmplify_refine.solver.problem import Pose, Rows, Targets
from lsmplify_refine.solver.running_mean import RunningMean

#: Settings of `PairConfig` that are whole numbers above 0, and those that are sizes. All others are probabilities or
#: shares.
_COUNTS = ("most_stride", "sequence_frames")
_SIZES = (
    "point_offset_m", "noise_m", "outlier_m", "estimator_angle", "estimator_shift_m",
    "style_factor", "sway", "shape_sigma", "wrong_shape_sigma",
)  # fmt: skip


@dataclass(frozen=True)
class PairConfig(KeypointNoiseConfig):
    """How to make pairs: probabilities per pair unless stated otherwise, lengths in metres, angles in radians.

    Weights store these names in their header, and `train --pair NAME=VALUE` sets them.

    Attributes:
        most_stride: Max frames between start and truth.
        estimator_error: Probability of an estimator's error of pose and position on the start.
        same_frame: Probability of stride 0 for a start with such an error.
        from_rest: Probability of a start without an estimate, initialised from the keypoints as in a stream.
        estimator_angle: Max angle of the estimator's error (one sigma, before the factors of spine and wrists).
        estimator_shift_m: Sigma of the estimator's error of the pelvis.
        in_sequence: Share of a batch that continues from the network's own results.
        sequence_frames: Frames that are refined one after another.
        known_first: Probability that the network gets the first pose of a sequence as a true pose, if it is true.
        recombined: Probability per limb of coming from another frame.
        unbent: Probability of a motion that is scaled towards the rest pose.
        contorted: Probability of random turns of all joints. Without `unbent` and `contorted`, the network takes any
            pose that differs from the corpus for a wrong start, and discards it.
        handed_on: Probability that joints along spine, neck and shoulders share their rotation differently.
        style_factor: Max factor on the style offsets.
        as_recorded: Probability of neither style offset nor sway. It does not depend on the estimator's error:
            otherwise the style of a start would reveal the error.
        sway: Max size of slow movements of every joint, as a share of its style offset.
        shape_sigma: Sigma of the betas.
        wrong_shape: Probability that the network gets another shape, if the keypoints are not clean.
        wrong_shape_sigma: Sigma of that difference.
        image_batches: Probability of a batch with 2D instead of 3D keypoints.
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
            minimum, maximum = (1, math.inf) if name in _COUNTS else (0, math.inf if name in _SIZES else 1)
            if not (math.isfinite(value) and minimum <= value <= maximum):
                allowed = f"{minimum} or more" if maximum > 1 else "from 0 to 1"
                raise ValueError(f"{name} is {value}; it must be {allowed}")


@dataclass(frozen=True)
class Pairs:
    """N pairs.

    Attributes:
        betas: (N, 10) the shape that the refiner gets.
        skeleton: Batched BODY_25 skeleton of that shape.
        start: The initial pose.
        truth: The true pose.
        targets: The observed keypoints of the true pose.
        earlier: Running mean of the results before the start, if the start continues from any.
    """

    betas: Tensor
    skeleton: Skeleton
    start: Pose
    truth: Pose
    targets: Targets
    earlier: RunningMean | None = None

    def to(self, device: torch.device) -> Pairs:
        """Move all tensors to a device."""
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
