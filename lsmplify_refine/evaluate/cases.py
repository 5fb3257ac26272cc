"""Cases on single frames: a start, keypoints, and the errors of both. One case is one row of the table.

Every purpose has its own stream of random numbers, so that cases differ only in what their names say. A sweep uses the
same pairs, shapes and noise directions at every level. A shifted row uses those of its unshifted row, except at another
frame rate, which has other frames.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import roma
import torch
from torch import Tensor

from lsmplify_refine.body import skinning
from lsmplify_refine.errors import InputError
from lsmplify_refine.evaluate.datasets import at_rate
from lsmplify_refine.learn.augment import estimator_error, mirrored, style_offsets
from lsmplify_refine.learn.keypoint_noise import LIMB_POINTS
from lsmplify_refine.learn.motion import TAKE_FPS, Take
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.learn.shape_batches import ShapeSampler, with_hands
from lsmplify_refine.solver.problem import Pose, Targets

_LIMBS = dict(zip(("right arm", "left arm", "right leg", "left leg", "head"), LIMB_POINTS))
_POINTS = 25


@dataclass(frozen=True)
class Protocol:
    """Standard deviations of all random values, metres and radians."""

    shape_sigma: float = 0.8
    other_shape_sigma: float = 1.6
    estimator_angle: float = 0.15
    estimator_shift_m: float = 0.05
    outlier_m: float = 0.3


@dataclass(frozen=True)
class Case:
    """One task for a refiner.

    Attributes:
        stride: Frames from the start pose to the true pose.
        estimator: Whether the start also has an estimator's error.
        noise_m: Standard deviation of each keypoint's coordinates.
        missing: Share of missing keypoints.
        hidden: A limb without keypoints, or "".
        outliers: Share of keypoints that are outliers with full confidence.
        shift: "style" (a constant rotation per joint on both poses), "mirrored", "shapes" (wider ones), or "".
        fps: Frame rate of the motion.
    """

    stride: int = 0
    estimator: bool = False
    noise_m: float = 0.0
    missing: float = 0.0
    hidden: str = ""
    outliers: float = 0.0
    shift: str = ""
    fps: float = TAKE_FPS

    @property
    def name(self) -> str:
        """The case in words, unique in the table."""
        parts = ["plug-in" if self.estimator else f"s={self.stride}"]
        parts.append(f"{100 * self.noise_m:g} cm noise" if self.noise_m else "exact")
        parts += [f"{100 * self.missing:g} % missing"] if self.missing else []
        parts += [f"no {self.hidden}"] if self.hidden else []
        parts += [f"{100 * self.outliers:g} % garbage"] if self.outliers else []
        parts += [self.shift] if self.shift else []
        parts += [f"{self.fps:g} fps"] if self.fps != TAKE_FPS else []
        return ", ".join(parts)


@dataclass(frozen=True)
class Row:
    """A case in its group; a shifted case names its unshifted reference."""

    group: str
    case: Case
    reference: Case | None = None


_PLUG_IN = Case(estimator=True)
_NOISY = Case(estimator=True, noise_m=0.02)


def standard_rows() -> list[Row]:
    """List every row; the same case may be in several groups."""
    groups: dict[str, list[Case]] = {
        "strides": [Case(stride) for stride in (1, 2, 3, 5, 7, 9, 10)],
        "plug-in": [_PLUG_IN, _NOISY, replace(_NOISY, missing=0.3), Case(1, noise_m=0.02)],
        "noise": [
            replace(base, noise_m=noise)
            for base in (Case(1), Case(5), _PLUG_IN)
            for noise in (0.0, 0.005, 0.01, 0.02, 0.03, 0.04)
        ],
        "dropout": [
            replace(base, missing=share) for base in (_PLUG_IN, _NOISY) for share in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
        ],
        "hidden limb": [replace(base, hidden=limb) for base in (_PLUG_IN, _NOISY) for limb in _LIMBS],
        "garbage": [replace(base, outliers=share) for base in (_PLUG_IN, _NOISY) for share in (0.0, 0.05, 0.1, 0.2)],
    }
    rows = [Row(group, case) for group, cases in groups.items() for case in cases]
    for base in (Case(1), Case(5), _PLUG_IN, _NOISY):
        rows += [Row("shift", replace(base, shift=shift), base) for shift in ("style", "mirrored", "shapes")]
    for base in (Case(1), Case(5)):
        # the same distance in time
        longer = replace(base, stride=2 * base.stride)
        rows += [Row("shift", replace(base, fps=15.0), longer), Row("shift", replace(longer, fps=60.0), base)]
    return rows


def stream(seed: int, purpose: str) -> torch.Generator:
    """Make the generator of one purpose."""
    return torch.Generator().manual_seed(zlib.crc32(f"{seed} {purpose}".encode()))


def draw_pairs(
    case: Case, takes: Sequence[Take], shapes: ShapeSampler, count: int, *, seed: int, protocol: Protocol
) -> Pairs:
    """Draw the pairs of a case; the same seed gives the same pairs.

    Raises:
        InputError: No take is longer than the stride.
    """
    rotvec, pelvis = _frames(case, takes, count, seed)
    if case.shift == "mirrored":
        rotvec, pelvis = mirrored(rotvec, pelvis)
    start, truth = roma.rotvec_to_rotmat(rotvec)
    if case.shift == "style":
        offsets = style_offsets(torch.ones(count), stream(seed, "style"))
        start, truth = start @ offsets, truth @ offsets
    place = pelvis[0]
    if case.estimator:
        generator = stream(seed, "estimator")
        start = start @ roma.rotvec_to_rotmat(estimator_error(count, protocol.estimator_angle, generator))
        place = place + protocol.estimator_shift_m * torch.randn(count, 3, generator=generator)
    sigma = protocol.other_shape_sigma if case.shift == "shapes" else protocol.shape_sigma
    betas = sigma * torch.randn(count, shapes.count, generator=stream(seed, "shape"))
    return observed(
        case,
        betas,
        Pose(with_hands(start), place),
        Pose(with_hands(truth), pelvis[1]),
        shapes,
        seed=seed,
        protocol=protocol,
    )


def observed(
    case: Case, betas: Tensor, start: Pose, truth: Pose, shapes: ShapeSampler, *, seed: int, protocol: Protocol
) -> Pairs:
    """Add the keypoints that a case shows to start and truth."""
    count, skeleton = len(betas), shapes.skeleton(betas)
    points = skinning.keypoints(skeleton, truth.rotations) + truth.pelvis[:, None]
    points = points + case.noise_m * torch.randn(points.shape, generator=stream(seed, "noise"))
    far = torch.rand(count, _POINTS, 1, generator=stream(seed, "outliers")) < case.outliers
    points = points + protocol.outlier_m * far * torch.randn(points.shape, generator=stream(seed, "garbage"))
    seen = torch.rand(count, _POINTS, generator=stream(seed, "missing")) >= case.missing
    if case.hidden:
        seen[:, _LIMBS[case.hidden]] = False
    return Pairs(betas, skeleton, start, truth, Targets(points, seen.float()))


def _frames(case: Case, takes: Sequence[Take], count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Rotation vectors (2, N, 22, 3) and pelvis (2, N, 3) of starts and truths; all pairs are equally likely."""
    takes = [take if take.fps == case.fps else at_rate(take, case.fps) for take in takes]
    ends = np.cumsum([len(take) for take in takes])
    first = np.concatenate([np.arange(end - len(take), end - case.stride) for take, end in zip(takes, ends)])
    if not len(first):
        raise InputError(f"no take has more than {case.stride} frames; give longer motion")
    chosen = torch.from_numpy(first)[torch.randint(len(first), (count,), generator=stream(seed, "pairs"))]
    rotvec = torch.from_numpy(np.concatenate([take.rotvec for take in takes]).astype(np.float32))
    pelvis = torch.from_numpy(np.concatenate([take.pelvis for take in takes]).astype(np.float32))
    rows = torch.stack([chosen, chosen + case.stride])
    return rotvec[rows], pelvis[rows]
