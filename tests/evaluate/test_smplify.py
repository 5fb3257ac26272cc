"""SMPLify fits a perturbed pose back onto its keypoints, on the open body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pytest
import roma
import torch
from torch import Tensor

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.evaluate.methods import point_body
from lsmplify_refine.evaluate.smplify import SmplifyConfig, Stage, fit_pose_prior, smplify
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.scenes import open_body, true_motion

BETAS = torch.tensor([1.0, -0.5, 0.3, 0, 0, 0, 0, 0, 0, 0])
FRAMES = 4
#: Enough iterations to show what changes the result.
SHORT = SmplifyConfig(stages=tuple(replace(stage, iterations=15) for stage in SmplifyConfig().stages))


def problem(seed: int = 0) -> dict[str, Tensor]:
    """Frames of a smooth motion; starts with about 10 degrees of error per joint and 5 cm at the pelvis."""
    generator = np.random.default_rng(seed)
    rotvec, pelvis = (values[:: 45 // FRAMES][:FRAMES] for values in true_motion(45))
    rotvec = rotvec + np.pad(generator.normal(0, 0.15, (FRAMES, 21, 3)), ((0, 0), (1, 2), (0, 0)))
    error = np.zeros((FRAMES, 24, 3))
    # 0.1 rad per axis: 10 degrees in all
    error[:, :22] = generator.normal(0, 0.1, (FRAMES, 22, 3))
    true_rotations = rotvec_to_rotmat(rotvec)
    values = {
        "rotations": true_rotations @ rotvec_to_rotmat(error),
        "pelvis": pelvis + generator.normal(0, 0.05, pelvis.shape),
        "true_rotations": true_rotations,
        "true_pelvis": pelvis,
        "targets": open_body().keypoints("body25", true_rotations, pelvis, BETAS.numpy()),
    }
    return {key: torch.as_tensor(value).float() for key, value in values.items()}


@lru_cache(maxsize=1)
def points_alone() -> BodyModel:
    """The open body's keypoints without its mesh: the same results in a fraction of the time."""
    return point_body(open_body(), "body25")


def fit(
    case: dict[str, Tensor],
    config: SmplifyConfig | None = None,
    *,
    targets: Tensor | None = None,
    confidence: Tensor | None = None,
    body: BodyModel | None = None,
) -> tuple[Tensor, Tensor]:
    targets = case["targets"] if targets is None else targets
    confidence = torch.ones(targets.shape[:2]) if confidence is None else confidence
    body = body or points_alone()
    return smplify(body, "body25", targets, confidence, case["rotations"], case["pelvis"], BETAS, config=config)


def errors_mm(case: dict[str, Tensor], rotations: Tensor, pelvis: Tensor) -> list[float]:
    """Mean keypoint error, and mean vertex error with the pelvis aligned."""
    args = rotations.numpy(), pelvis.numpy(), BETAS.numpy()
    points = open_body().keypoints("body25", *args) - case["targets"].numpy()
    true = case["true_rotations"].numpy(), case["true_pelvis"].numpy(), BETAS.numpy()
    moved = open_body().vertices(*args) - open_body().vertices(*true)
    moved = moved - (pelvis - case["true_pelvis"]).numpy()[:, None]
    return [1000 * float(np.linalg.norm(error, axis=-1).mean()) for error in (points, moved)]


@pytest.mark.parametrize(
    ("optimizer", "body_of"),
    [
        ("lbfgs", points_alone),
        pytest.param("lbfgs", open_body, marks=pytest.mark.slow),
        pytest.param("adam", open_body, marks=pytest.mark.slow),
    ],
)
def test_fits_the_keypoints_and_brings_the_mesh_nearer(
    optimizer: Literal["adam", "lbfgs"], body_of: Callable[[], BodyModel]
) -> None:
    case = problem()
    before = errors_mm(case, case["rotations"], case["pelvis"])
    after = errors_mm(case, *fit(case, SmplifyConfig(optimizer=optimizer), body=body_of()))
    assert after[0] < 10 and after[1] < before[1] / 2


def test_missing_keypoints_are_ignored() -> None:
    case = problem()
    confidence = torch.ones(FRAMES, 25)
    confidence[:, [4, 11, 20]] = 0
    results = []
    for value in (0.0, 7.0, torch.nan):
        targets = case["targets"].clone()
        targets[:, [4, 11, 20]] = value
        results.append(fit(case, SHORT, targets=targets, confidence=confidence))
    for rotations, pelvis in results[1:]:
        assert torch.equal(rotations, results[0][0]) and torch.equal(pelvis, results[0][1])


def test_an_outlier_counts_less_than_its_distance() -> None:
    case = problem()
    targets = case["targets"].clone()
    targets[:, 4] += torch.tensor([1.0, 0, 0])
    rotations, pelvis = fit(case, targets=targets)
    good = [k for k in range(25) if k not in (3, 4)]
    points = open_body().keypoints("body25", rotations.numpy(), pelvis.numpy(), BETAS.numpy())
    assert np.linalg.norm(points - case["targets"].numpy(), axis=-1)[:, good].mean() < 0.015


def test_a_batch_equals_its_frames_one_by_one() -> None:
    case = problem()
    rotations, pelvis = fit(case, SHORT)
    for frame in range(FRAMES):
        alone = fit({key: value[frame : frame + 1] for key, value in case.items()}, SHORT)
        assert torch.allclose(alone[1], pelvis[frame : frame + 1], atol=1e-3)
        assert roma.rotmat_geodesic_distance(alone[0], rotations[frame : frame + 1]).max() < np.radians(0.5)


def test_the_prior_decides_what_is_not_seen() -> None:
    case = problem()
    usual = np.full((22, 3), -0.4)
    prior = fit_pose_prior(usual + np.random.default_rng(1).normal(0, 0.05, (500, 22, 3)), floor_rad=0.05)
    assert np.allclose(np.sqrt(np.diag(np.linalg.inv(prior.precision))), 0.05 * np.sqrt(2), rtol=0.2)
    confidence = torch.ones(FRAMES, 25)
    confidence[:, 4] = 0  # without the wrist, the skin of the elbow hardly shows its angle
    args = (points_alone(), "body25", case["targets"], confidence, case["rotations"], case["pelvis"], BETAS)
    config = SmplifyConfig(step=0.05, start=5.0, angle=0.0, stages=(Stage("all", 100, prior=10.0, robust_m=1.0),))
    elbows = [roma.rotmat_to_rotvec(smplify(*args, prior=p, config=config)[0][:, 19]) for p in (prior, None)]
    start = roma.rotmat_to_rotvec(case["rotations"][:, 19])
    assert (start + 0.4).norm(dim=-1).min() > 1.0
    assert (elbows[0] + 0.4).norm(dim=-1).max() < 0.15 and (elbows[1] - start).norm(dim=-1).max() < 0.3


def test_a_knee_resists_bending_backwards() -> None:
    """A straight leg whose foot is detected too far forward; the weights make the bend cost more than the foot."""
    rotations, pelvis = torch.eye(3).repeat(1, 24, 1, 1), torch.zeros(1, 3)
    bent = rotations.clone()
    bent[:, 4] = roma.rotvec_to_rotmat(torch.tensor([-0.6, 0, 0]))
    targets = torch.as_tensor(open_body().keypoints("body25", bent.numpy(), pelvis.numpy(), BETAS.numpy())).float()
    case = {"targets": targets, "rotations": rotations, "pelvis": pelvis}
    config = replace(SHORT, optimizer="lbfgs", start=0.0)
    free, held = (roma.rotmat_to_rotvec(fit(case, replace(config, angle=a))[0])[0, 4, 0] for a in (0.0, 150.0))
    assert free < -0.4 and held > free / 2


def test_targets_of_another_convention_get_one_line() -> None:
    case = problem()
    with pytest.raises(InputError, match=r"body25 targets have shape \(4, 17, 3\); expected \(N, 25, 3\)"):
        fit(case, targets=case["targets"][:, :17])
