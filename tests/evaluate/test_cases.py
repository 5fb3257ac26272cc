"""Cases are reproducible, differ only in what their names say, and have the protocol's sizes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import roma
import torch

from lsmplify_refine import InputError
from lsmplify_refine.body import skinning
from lsmplify_refine.evaluate.cases import Case, Protocol, draw_pairs, standard_rows
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.learn.shape_batches import ShapeSampler
from tests.support.motion_sets import take, take_set
from tests.support.scenes import open_body

PLUG_IN = Case(estimator=True)


@pytest.fixture(scope="module")
def shapes() -> ShapeSampler:
    return ShapeSampler(open_body())


def draw(case: Case, shapes: ShapeSampler, count: int = 300, seed: int = 0) -> Pairs:
    return draw_pairs(case, take_set().takes, shapes, count, seed=seed, protocol=Protocol())


def true_points(pairs: Pairs) -> torch.Tensor:
    return skinning.keypoints(pairs.skeleton, pairs.truth.rotations) + pairs.truth.pelvis[:, None]


def test_standard_rows_are_those_of_the_protocol() -> None:
    rows = standard_rows()
    groups = Counter(row.group for row in rows)
    assert groups == {
        "strides": 7, "plug-in": 4, "noise": 18, "dropout": 12, "hidden limb": 10, "garbage": 8, "shift": 16
    }  # fmt: skip
    assert len({row.case for row in rows}) == len({row.case.name for row in rows}), "names are unique"
    assert all((row.reference is not None) == (row.group == "shift") for row in rows)
    for row in rows:
        if row.reference is not None:
            assert (
                row.case.stride / row.case.fps == row.reference.stride / row.reference.fps
            )  # the same distance in time


def test_the_same_seed_gives_the_same_pairs(shapes: ShapeSampler) -> None:
    case = Case(3, estimator=True, noise_m=0.02, missing=0.3, outliers=0.1, shift="style")
    first, second, other = draw(case, shapes), draw(case, shapes), draw(case, shapes, seed=1)
    for a, b, c in (
        (first.betas, second.betas, other.betas),
        (first.start.rotations, second.start.rotations, other.start.rotations),
        (first.start.pelvis, second.start.pelvis, other.start.pelvis),
        (first.targets.positions, second.targets.positions, other.targets.positions),
        (first.targets.weights, second.targets.weights, other.targets.weights),
    ):
        assert torch.equal(a, b) and not torch.equal(a, c)


def test_strides_are_frames_of_one_take(shapes: ShapeSampler) -> None:
    pairs = draw(Case(9), shapes)
    frames = {tuple(np.round(row.pelvis[i], 4)): (row.name, i) for row in take_set().takes for i in range(len(row))}
    places = [
        [frames[tuple(np.round(place.numpy(), 4))] for place in pose.pelvis] for pose in (pairs.start, pairs.truth)
    ]
    # the two takes overlap in time, so only the distance is told
    assert {after[1] - before[1] for before, after in zip(*places)} <= {9, 16, 2}
    assert torch.equal(pairs.targets.positions, true_points(pairs)) and (pairs.targets.weights == 1).all()


def test_estimator_error_has_the_size_of_the_protocol(shapes: ShapeSampler) -> None:
    pairs = draw(PLUG_IN, shapes, 2000)
    turn = roma.rotmat_to_rotvec(pairs.truth.rotations.transpose(-1, -2) @ pairs.start.rotations)
    # an angle of 0.15 U(0, 1) has the root mean square 0.15 / sqrt(3); wrists half as much again, spine 0.6
    size = turn.square().mean((0, 2)).sqrt() / (0.15 / 3**0.5)
    assert torch.allclose(size[[1, 4, 16, 18]], torch.ones(4), atol=0.06)
    assert torch.allclose(size[[20, 3]], torch.tensor([1.5, 0.6]), atol=0.09)
    assert (size[22:] < 1e-5).all()
    assert (pairs.start.pelvis - pairs.truth.pelvis).std() == pytest.approx(0.05, rel=0.05)
    assert pairs.betas.std() == pytest.approx(0.8, rel=0.05)


@pytest.mark.parametrize(
    "changed",
    [{"noise_m": 0.02}, {"missing": 0.4}, {"outliers": 0.2}, {"hidden": "left leg"}],
    ids=lambda value: next(iter(value)),
)
def test_a_sweep_changes_only_the_keypoints(shapes: ShapeSampler, changed: dict[str, Any]) -> None:
    plain, harder = draw(PLUG_IN, shapes), draw(replace(PLUG_IN, **changed), shapes)
    assert torch.equal(plain.start.rotations, harder.start.rotations)
    assert torch.equal(plain.truth.pelvis, harder.truth.pelvis) and torch.equal(plain.betas, harder.betas)
    moved = harder.targets.positions - plain.targets.positions
    far = (moved.norm(dim=-1) > 0).float().mean()
    gone = 1 - harder.targets.weights.mean()
    expected = {
        "noise_m": (1.0, 0.0),
        "missing": (0.0, 0.4),
        "outliers": (0.2, 0.0),
        "hidden": (0.0, 6 / 25),
    }[next(iter(changed))]
    assert (float(far), float(gone)) == pytest.approx(expected, abs=0.02)
    if "noise_m" in changed:
        assert moved.std() == pytest.approx(0.02, rel=0.03)
    if "hidden" in changed:
        assert torch.nonzero(harder.targets.weights[0] == 0)[:, 0].tolist() == [12, 13, 14, 19, 20, 21]


def test_shifts_change_what_they_say(shapes: ShapeSampler) -> None:
    plain = draw(Case(5), shapes)
    style, mirrored, wide = (draw(Case(5, shift=shift), shapes) for shift in ("style", "mirrored", "shapes"))
    # the style is the same on both poses
    turns = [
        p.rotations.transpose(-1, -2) @ s.rotations for p, s in ((plain.start, style.start), (plain.truth, style.truth))
    ]
    assert torch.allclose(turns[0], turns[1], atol=1e-5) and (turns[0] - torch.eye(3)).abs().max() > 0.3
    flip = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(mirrored.truth.pelvis, plain.truth.pelvis * flip)
    left, right = (roma.rotmat_to_rotvec(p.truth.rotations[:, j]) for p, j in ((plain, 18), (mirrored, 19)))
    assert torch.allclose(right, left * torch.tensor([1.0, -1.0, -1.0]), atol=1e-5)
    assert torch.allclose(wide.betas, 2 * plain.betas)


def test_a_frame_rate_makes_a_stride_another_time(shapes: ShapeSampler) -> None:
    moved = {
        fps: (p.start.rotations - p.truth.rotations).norm()
        for fps in (15.0, 30.0, 60.0)
        for p in [draw(Case(1, fps=fps), shapes)]
    }
    assert moved[15.0] > 1.5 * moved[30.0] > 2.2 * moved[60.0]


def test_too_short_takes_get_one_line(shapes: ShapeSampler) -> None:
    with pytest.raises(InputError, match="no take has more than 9 frames"):
        draw_pairs(Case(9), (take(9),), shapes, 4, seed=0, protocol=Protocol())


def test_rows_are_whole_pairs(shapes: ShapeSampler) -> None:
    pairs = draw(replace(PLUG_IN, noise_m=0.02), shapes, 10)
    part = pairs[torch.tensor([7, 2])]
    alone = skinning.keypoints(part.skeleton, part.truth.rotations) + part.truth.pelvis[:, None]
    assert torch.allclose(alone, true_points(pairs)[[7, 2]], atol=1e-6)
    assert torch.equal(part.targets.positions, pairs.targets.positions[[7, 2]])
