"""SMPLify for 3D keypoints: the iterative optimisation that serves as a baseline.

This is a modern version of SMPLify (Bogo et al., ECCV 2016) as its successors use it for 3D keypoints. It optimises
axis-angle pose and translation through the mesh, from a given start: smplx's linear blend skinning, then the keypoint
regressor on the vertices. The energy has Geman-McClure keypoint errors weighted by confidence, a pose prior fitted to
motion capture, an exponential prior against elbows and knees that bend backwards, and a weak pull to the start. Root
and translation are fitted to the torso first, then everything, with a decreasing pose prior. The shape is given.

The energy of a frame, with x_k its keypoints, theta its body pose and theta_0 that of the start:

    keypoint^2 sum_k c_k^2 rho(|x_k - target_k|) + prior^2 m(theta) + angle^2 sum_b exp(s_b theta_b)^2
    + start^2 |theta - theta_0|^2,     rho(r) = sigma^2 r^2 / (sigma^2 + r^2),  m = half the squared Mahalanobis norm
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import roma
import torch
from torch import Tensor

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.smpl_joints import HINGES, JOINTS

_TORSO = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")


@dataclass(frozen=True)
class PosePrior:
    """A Gaussian over the 21 body joints' axis-angle vectors.

    Attributes:
        mean: (63,) radians.
        precision: (63, 63) inverse covariance.
    """

    mean: np.ndarray
    precision: np.ndarray


def fit_pose_prior(rotvec: np.ndarray, *, floor_rad: float = 0.1) -> PosePrior:
    """Fit the pose prior to motion.

    Args:
        rotvec: (F, 22, 3) axis-angle of root and body joints, such as `Take.rotvec` of the training subjects.
        floor_rad: Standard deviation added to every angle: a joint at rest in the motion may move in general.
    """
    poses = np.asarray(rotvec, np.float64)[:, 1:JOINTS].reshape(len(rotvec), -1)
    covariance = np.cov(poses, rowvar=False) + floor_rad**2 * np.eye(poses.shape[1])
    return PosePrior(poses.mean(0), np.linalg.inv(covariance))


@dataclass(frozen=True)
class Stage:
    """One run of the optimiser.

    Attributes:
        free: "root" fits root and translation to the torso's keypoints, "all" the whole pose to all of them.
        iterations: Max steps of the optimiser.
        prior: Weight of the pose prior.
        robust_m: Scale sigma of the Geman-McClure error, metres.
    """

    free: Literal["root", "all"]
    iterations: int
    prior: float
    robust_m: float


@dataclass(frozen=True)
class SmplifyConfig:
    """Everything that determines the result; weights are squared in the energy, as in the published code.

    The defaults of step, weights and stages were chosen on the validation subject (exact and 2 cm noisy keypoints,
    temporal and estimator-like starts). A prior of 4.78 at the end, as in the published code for 2D keypoints, costs
    8 to 17 mm of vertex error where 3D keypoints are exact; under 2 cm of noise `start` 80 is better still than 30.

    Attributes:
        optimizer: Adam: results do not depend on the batch. L-BFGS with strong Wolfe line search: a batch is one
            problem with a common step length. It is meant for batch size 1, where it is faster and fits better.
        step: Adam's first step, radians and metres; it decreases to 0 over a stage.
        keypoint: Weight of the keypoint errors, per metre.
        angle: Weight of the prior on elbows and knees.
        start: Weight of the pull to the start, per radian.
        stages: Stages in their order.
    """

    optimizer: Literal["adam", "lbfgs"] = "adam"
    step: float = 0.02
    keypoint: float = 600.0
    angle: float = 15.2
    start: float = 30.0
    stages: tuple[Stage, ...] = (
        Stage("root", iterations=50, prior=0.0, robust_m=1.0),
        Stage("all", iterations=100, prior=4.0, robust_m=1.0),
        Stage("all", iterations=100, prior=2.0, robust_m=0.5),
        Stage("all", iterations=200, prior=1.0, robust_m=0.2),
    )


def smplify(
    body: BodyModel,
    convention: str,
    targets: Tensor,
    confidence: Tensor,
    rotations: Tensor,
    pelvis: Tensor,
    betas: Tensor,
    *,
    prior: PosePrior | None = None,
    config: SmplifyConfig | None = None,
) -> tuple[Tensor, Tensor]:
    """Fit poses to 3D keypoints; N frames are fitted at once, independently.

    Args:
        body: The body model.
        convention: Keypoint convention of the targets.
        targets: (N, K, 3) metres; any value, even NaN, where missing.
        confidence: (N, K) confidence; 0 where missing.
        rotations: (N, J, 3, 3) parent-relative rotations to start from.
        pelvis: (N, 3) pelvis joint to start from, metres.
        betas: (B,) or (N, B) shape, which stays fixed.
        prior: Pose prior; without it, only the pull to the start constrains what no keypoint shows.
        config: Weights and stages.

    Returns:
        Rotations (N, J, 3, 3) and pelvis (N, 3).

    Raises:
        InputError: The targets do not have the shape of the convention's points.
    """
    config = config or SmplifyConfig()
    count = len(CONVENTIONS[convention].points)
    if targets.shape != (len(rotations), count, 3):
        raise InputError(f"{convention} targets have shape {tuple(targets.shape)}; expected (N, {count}, 3)")
    points_of = _MeshKeypoints(body, convention, betas.to(pelvis), len(pelvis))
    rotvec = roma.rotmat_to_rotvec(rotations[:, :JOINTS])
    root, pose, place = rotvec[:, 0].clone(), rotvec[:, 1:].clone(), pelvis.clone()
    priors = _Priors(config, rotvec[:, 1:], prior)
    seen = confidence > 0
    targets = torch.where(seen[..., None], targets, 0.0)

    def posed() -> Tensor:
        turned = roma.rotvec_to_rotmat(torch.cat([root[:, None], pose], 1))
        return torch.cat([turned, rotations[:, JOINTS:]], 1)

    for stage in config.stages:
        weights = _torso_confidence(convention, confidence) if stage.free == "root" else confidence

        def energy(stage: Stage = stage, weights: Tensor = weights) -> Tensor:
            squared = (points_of(posed(), place) - targets).square().sum(-1)
            robust = stage.robust_m**2 * squared / (stage.robust_m**2 + squared)
            data = config.keypoint**2 * (weights.square() * robust).sum()
            return data if stage.free == "root" else data + priors(pose, stage.prior)

        _minimise(energy, [root, place] if stage.free == "root" else [root, place, pose], stage, config)
    return posed(), place


class _MeshKeypoints:
    """Keypoints as in SMPLify: the whole mesh by smplx, then the regressor on its vertices and joints."""

    def __init__(self, body: BodyModel, convention: str, betas: Tensor, frames: int) -> None:
        self._mesh = {name: value.to(betas.device) for name, value in body.mesh_arrays.items()}
        self._mesh["shapedirs"] = self._mesh["shapedirs"][..., : betas.shape[-1]]
        self._betas = betas.expand(frames, betas.shape[-1])
        regressor = torch.tensor(body.arrays.keypoint_regressors[convention], device=betas.device)
        vertices = self._mesh["v_template"].shape[1]
        self._on_vertices, self._on_joints = regressor[:, :vertices], regressor[:, vertices:]

    def __call__(self, rotations: Tensor, pelvis: Tensor) -> Tensor:
        """Pose keypoints (N, K, 3), metres; joints without a rotation (hands, face) are at rest."""
        from smplx.lbs import lbs

        mesh = self._mesh
        rest = len(mesh["parents"]) - rotations.shape[1]
        full = torch.cat([rotations, torch.eye(3).to(rotations).expand(len(rotations), rest, 3, 3)], 1)
        vertices, joints = lbs(
            self._betas,
            full,
            mesh["v_template"],
            mesh["shapedirs"],
            mesh["posedirs"],
            mesh["J_regressor"],
            mesh["parents"],
            mesh["weights"],
            pose2rot=False,
        )
        points: Tensor = self._on_vertices @ vertices + self._on_joints @ joints - joints[:, :1] + pelvis[:, None]
        return points


class _Priors:
    """The terms of the energy that do not depend on keypoints."""

    def __init__(self, config: SmplifyConfig, start: Tensor, prior: PosePrior | None) -> None:
        self._config, self._start = config, start
        self._gaussian = prior and (torch.tensor(prior.mean).to(start), torch.tensor(prior.precision).to(start))

    def __call__(self, pose: Tensor, prior_weight: float) -> Tensor:
        """Sum over frames for body poses (N, 21, 3)."""
        # positive where elbow or knee bends the wrong way
        bends = torch.stack([-sign * pose[:, joint - 1, axis] for joint, axis, sign in HINGES], 1)
        total = self._config.angle**2 * (2 * bends).exp().sum()
        total = total + self._config.start**2 * (pose - self._start).square().sum()
        if self._gaussian:
            mean, precision = self._gaussian
            away = pose.flatten(1) - mean
            total = total + prior_weight**2 * 0.5 * ((away @ precision) * away).sum()
        return total


def _torso_confidence(convention: str, confidence: Tensor) -> Tensor:
    """Confidence of the torso's keypoints alone, in frames that show at least three of them."""
    torso = torch.tensor([point in _TORSO for point in CONVENTIONS[convention].points], device=confidence.device)
    enough = ((confidence > 0) & torso).sum(1, keepdim=True) >= 3
    return torch.where(enough, confidence * torso, confidence)


def _minimise(energy: Callable[[], Tensor], unknowns: list[Tensor], stage: Stage, config: SmplifyConfig) -> None:
    """Run one stage, in place."""
    for unknown in unknowns:
        unknown.requires_grad_(True)
    if config.optimizer == "lbfgs":
        lbfgs: torch.optim.Optimizer = torch.optim.LBFGS(
            unknowns, max_iter=stage.iterations, line_search_fn="strong_wolfe"
        )

        def evaluate() -> float:
            lbfgs.zero_grad()
            value = energy()
            torch.autograd.backward(value)
            return value.item()

        lbfgs.step(evaluate)
    else:
        adam = torch.optim.Adam(unknowns, lr=config.step)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, stage.iterations)
        for _ in range(stage.iterations):
            adam.zero_grad()
            torch.autograd.backward(energy())
            adam.step()
            schedule.step()
    for unknown in unknowns:
        unknown.requires_grad_(False)
