"""The training loss: what a result costs, and what a start that was better costs on top."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lsmplify_refine.learn.loss import PoseLoss
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.solver.problem import Pose, Targets
from tests.support.scenes import open_body

COUNT = 4


@pytest.fixture(scope="module")
def loss_of() -> PoseLoss:
    return PoseLoss(open_body())


def bent_by(radians: float) -> Pose:
    """The body at rest but for its left hip."""
    rotations = torch.eye(3).repeat(COUNT, 24, 1, 1)
    turn = torch.tensor(radians)
    rotations[:, 1, 1:, 1:] = torch.tensor([[turn.cos(), -turn.sin()], [turn.sin(), turn.cos()]])
    return Pose(rotations, torch.zeros(COUNT, 3))


def pairs(start: Pose) -> Pairs:
    """Pairs whose truth is the body at rest."""
    betas = torch.zeros(COUNT, 10)
    skeleton = open_body().skeleton("body25", betas[0].numpy())
    return Pairs(betas, skeleton, start, bent_by(0.0), Targets(torch.zeros(COUNT, 25, 3), torch.ones(COUNT, 25)))


def cost(loss_of: PoseLoss, *, start: float, result: float) -> float:
    """What a result adds to the loss of the truth, both without their logarithm."""
    drawn = pairs(bent_by(start))
    (there, _), (true, _) = loss_of(drawn, bent_by(result), drawn.truth)
    return float(there.exp() - true.exp())


def test_what_is_worse_than_its_start_costs_twice(loss_of: PoseLoss) -> None:
    no_worse, half_as_good, from_the_truth = (cost(loss_of, start=start, result=0.4) for start in (0.4, 0.2, 0.0))
    # joints and vertices move alike; only the vertices count twice
    assert from_the_truth > 1.5 * no_worse
    assert half_as_good - no_worse == pytest.approx(0.5 * (from_the_truth - no_worse), rel=0.02)


def test_what_is_better_than_its_start_costs_what_is_left(loss_of: PoseLoss) -> None:
    costs = [cost(loss_of, start=start, result=0.2) for start in (0.2, 0.4, 0.8)]
    assert costs == pytest.approx(costs[:1] * 3, abs=1e-5)


def test_the_loss_sees_pose_and_place(loss_of: PoseLoss) -> None:
    drawn = pairs(bent_by(0.4))
    aside = replace(drawn.truth, pelvis=drawn.truth.pelvis + 0.1)
    (true, no_error), (moved, in_place), (bent, wrong) = loss_of(drawn, drawn.truth, aside, bent_by(0.4))
    assert true < moved < bent
    assert no_error == in_place == pytest.approx(0.0, abs=1e-6)  # the mesh is compared about the pelvis
    assert wrong > 0.01


def test_an_exact_result_is_told_from_one_that_is_a_millimetre_off(loss_of: PoseLoss) -> None:
    """By the logarithm: a millimetre weighs more where little is wrong."""
    losses = []
    for error in (0.0, 0.01, 0.4, 0.41):
        (loss, _) = loss_of(pairs(bent_by(0.8)), bent_by(error))[0]
        losses.append(float(loss))
    assert losses[1] - losses[0] > 3 * (losses[3] - losses[2]) > 0
