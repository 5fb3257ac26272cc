"""Whole takes: errors over time, sequences, and the smoothed correction."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import roma
import torch

from lsmplify_refine.evaluate.cases import Protocol
from lsmplify_refine.evaluate.scores import PVE, Scorer
from lsmplify_refine.evaluate.takes import (
    TakeCase,
    Tracks,
    choose_takes,
    lay_out,
    refine_by_engine,
    refine_tracks,
    smooth_correction,
    standard_take_rows,
)
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.regressor.network import NetworkConfig, ResidualRegressor
from lsmplify_refine.solver.problem import Pose
from tests.support.motion_sets import take, take_set
from tests.support.scenes import open_body

PLUG_IN = TakeCase("plug-in", noise_m=0.02)


def tracks(case: TakeCase) -> Tracks:
    return lay_out(case, take_set().takes, ShapeSampler(open_body()), seed=0, protocol=Protocol())


def test_standard_rows() -> None:
    rows = standard_take_rows()
    assert len(rows) == 11 == len({row.case.name for row in rows})
    assert [row.reference is not None for row in rows] == [False] * 7 + [True] * 4


def test_takes_are_chosen_evenly_and_cut() -> None:
    takes = [take(60, subject=str(i)) for i in range(9)]
    chosen = choose_takes(takes, 3, 1.0)
    assert [(one.subject, len(one)) for one in chosen] == [("0", 30), ("4", 30), ("8", 30)]
    assert [len(one) for one in choose_takes(takes, 0, 0)] == [60] * 9


def test_layout() -> None:
    laid = tracks(PLUG_IN)
    assert len(laid.index) == 65 and laid.index.tolist() == [*range(40), *range(25)]
    assert laid.frame_ids[39] + 1 < laid.frame_ids[40]
    assert laid.second_half.tolist() == [i >= 20 for i in range(40)] + [i >= 13 for i in range(25)]
    assert len(torch.unique(laid.pairs.betas, dim=0)) == 2, "one shape a take"


@pytest.mark.parametrize("fps", [15.0, 60.0])
def test_another_frame_rate_has_the_same_errors_in_time(fps: float) -> None:
    usual, other = tracks(PLUG_IN), tracks(replace(PLUG_IN, fps=fps))
    assert len(other.index) == {15.0: 20 + 13, 60.0: 79 + 49}[fps]
    at, beside = (slice(0, 40, 2), slice(0, 20)) if fps == 15.0 else (slice(0, 40), slice(0, 79, 2))
    assert torch.allclose(usual.pairs.start.rotations[at], other.pairs.start.rotations[beside], atol=1e-4)
    assert torch.allclose(usual.pairs.start.pelvis[at], other.pairs.start.pelvis[beside], atol=1e-4)


def test_errors_are_as_large_smooth_as_independent() -> None:
    def error(kind: Literal["smooth", "independent"]) -> tuple[torch.Tensor, torch.Tensor]:
        laid = lay_out(
            replace(PLUG_IN, error=kind), [take(200)] * 4, ShapeSampler(open_body()), seed=0, protocol=Protocol()
        )
        truth, start = laid.pairs.truth, laid.pairs.start
        turn = roma.rotmat_to_rotvec(truth.rotations.transpose(-1, -2) @ start.rotations)[:, :22]
        return turn[:200], (start.pelvis - truth.pelvis)[:200]

    (slow, slow_shift), (fast, fast_shift) = error("smooth"), error("independent")
    assert slow.abs().mean() == pytest.approx(float(fast.abs().mean()), rel=0.2)
    assert slow_shift.abs().mean() == pytest.approx(float(fast_shift.abs().mean()), rel=0.5)
    assert slow.diff(dim=0).abs().mean() < 0.1 * fast.diff(dim=0).abs().mean()


def test_a_sequence_feeds_back_what_was_refined() -> None:
    """With a solver that corrects half of the error, the first error halves in every frame of a still take."""
    still = replace(take(6), rotvec=take(6).rotvec[:1].repeat(6, 0), pelvis=take(6).pelvis[:1].repeat(6, 0))
    case = TakeCase("sequential", first="estimated")
    laid = lay_out(case, [still, replace(still, pelvis=still.pelvis[:4], rotvec=still.rotvec[:4])],
                   ShapeSampler(open_body()), seed=0, protocol=Protocol())  # fmt: skip
    seen: list[int] = []

    def half_way(pairs: Pairs) -> Pose:
        seen.append(len(pairs.betas))
        return Pose(pairs.start.rotations, (pairs.start.pelvis + pairs.truth.pelvis) / 2)

    pose = refine_tracks(case, laid, half_way)
    left = (pose.pelvis - laid.pairs.truth.pelvis).norm(dim=-1)
    first = (laid.pairs.start.pelvis - laid.pairs.truth.pelvis).norm(dim=-1)
    for begin, count in ((0, 6), (6, 4)):
        wanted = first[begin] * 0.5 ** torch.arange(1, count + 1)
        assert torch.allclose(left[begin : begin + count], wanted, atol=1e-6)
    assert seen == [2, 2, 2, 2, 1, 1], "all takes as a batch, while they last"


def test_doing_nothing_stays_and_smoothing_a_perfect_correction_of_a_slow_error_keeps_it() -> None:
    laid = tracks(PLUG_IN)
    start, truth = laid.pairs.start, laid.pairs.truth
    same = smooth_correction(laid, start)
    assert torch.allclose(same.rotations, start.rotations, atol=1e-3)
    assert torch.allclose(same.pelvis, start.pelvis, atol=1e-3)
    smoothed = smooth_correction(laid, truth)
    found = Scorer(open_body()).scores(laid.pairs.betas, truth, {"start": start, "smoothed": smoothed})
    assert found["smoothed"][PVE].mean() < 0.1 * found["start"][PVE].mean()


def test_a_sequence_may_start_from_the_true_pose() -> None:
    case = TakeCase("sequential")
    laid = lay_out(case, [take(5)], ShapeSampler(open_body()), seed=0, protocol=Protocol())
    held = refine_tracks(case, laid, lambda pairs: pairs.start)
    assert torch.equal(held.rotations, laid.pairs.truth.rotations[:1].expand(5, -1, -1, -1))


def test_takes_refined_by_the_engine_are_refined_one_by_one() -> None:
    """Two takes give the same as each take alone, and are closer to the truth than the estimates."""
    case = TakeCase("plug-in", noise_m=0.01, smoothed=True)
    laid = lay_out(case, [take(20), take(15)], ShapeSampler(open_body()), seed=0, protocol=Protocol())
    network = ResidualRegressor(NetworkConfig(width=16, depth=1)).eval()
    for chosen in (network, None):
        both = refine_by_engine(laid, chosen)
        second = torch.arange(20, 35)
        alone = refine_by_engine(
            replace(laid, pairs=laid.pairs[second], index=laid.index[second], frame_ids=laid.frame_ids[20:]),
            chosen,
        )
        assert torch.allclose(both.rotations[20:], alone.rotations, atol=1e-3)
        errors = [
            roma.rotmat_geodesic_distance(pose.rotations, laid.pairs.truth.rotations).mean()
            for pose in (laid.pairs.start, both)
        ]
        assert errors[1] < errors[0]
