"""Whole takes from 2D keypoints: every kind of estimator, every method, true figures."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine import Estimate, Refiner
from lsmplify_refine.evaluate.image_takes import ESTIMATORS, image_take
from lsmplify_refine.evaluate.motion import (
    ACCEL_ERROR,
    JITTER,
    METRICS,
    PA_MPJPE,
    REFINED,
    SPEED_RATIO,
    MotionResult,
    evaluate_motion,
)
from lsmplify_refine.evaluate.scores import MPJPE
from lsmplify_refine.evaluate.table import motion_tables
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from tests.support.motion_sets import take_set
from tests.support.scenes import open_body

METHODS = [
    "do nothing",
    "Savitzky-Golay",
    "one-euro",
    "refined",
    "refined, then Savitzky-Golay",
    "refined, then one-euro",
]


@pytest.fixture(scope="module")
def results() -> list[MotionResult]:
    refiner = Refiner(open_body(), weights="none")
    return evaluate_motion([take_set()], refiner, takes=0, take_seconds=0, seed=0)


def test_every_kind_has_every_method_and_metric(results: list[MotionResult]) -> None:
    assert [row.name for row in results] == ["smooth", "jittery", "very jittery", "wild"]
    for row in results:
        assert row.frames == 65 and list(row.scores) == METHODS
        assert all(tuple(metrics) == METRICS for metrics in row.scores.values())
        assert row.truth[JITTER] > 0


def test_do_nothing_is_the_estimates_own_error(results: list[MotionResult]) -> None:
    """Scored here by other code: the shorter take counts for its frames."""
    for kind, row in zip(ESTIMATORS, results, strict=True):
        errors, accels = [], []
        for take in take_set().takes:
            made = image_take(take, open_body(), kind, 0)
            wrong = made.rotations.copy()
            wrong[:, 0] = rotvec_to_rotmat(made.estimate.global_orient)
            wrong[:, 1:22] = rotvec_to_rotmat(made.estimate.body_pose)
            got, true = (
                open_body().joints(r, np.zeros((len(r), 3)), made.betas)[:, :22] for r in (wrong, made.rotations)
            )
            apart = (got - got[:, :1]) - (true - true[:, :1])
            errors.append(np.linalg.norm(apart, axis=-1).mean(1))
            accels.append(np.full(len(got), np.linalg.norm(np.diff(apart, n=2, axis=0), axis=-1).mean()))
        assert row.scores["do nothing"][MPJPE] == pytest.approx(1000 * np.concatenate(errors).mean(), rel=1e-3)
        assert row.scores["do nothing"][ACCEL_ERROR] == pytest.approx(1000 * np.concatenate(accels).mean(), rel=1e-3)


def test_the_rows_tell_jitter_accuracy_and_amplitude_apart(results: list[MotionResult]) -> None:
    smooth, _, very_jittery, _ = (row.scores for row in results)
    assert smooth[REFINED][MPJPE] < 0.8 * smooth["do nothing"][MPJPE]
    assert smooth[REFINED][PA_MPJPE] < smooth[REFINED][MPJPE]
    assert very_jittery["Savitzky-Golay"][JITTER] < 0.3 * very_jittery["do nothing"][JITTER]
    fast = {name: metrics[SPEED_RATIO] for name, metrics in very_jittery.items()}
    assert fast["do nothing"] > 1.5 * fast["Savitzky-Golay"] > 1.5


def test_filters_run_behind_the_refiner(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a refiner that finds the true pose of jittery estimates, only what the filter does to it is left."""
    refiner = Refiner(open_body(), weights="none")
    truth = {take.name: image_take(take, open_body(), ESTIMATORS[0], 0).rotations for take in take_set().takes}

    class Perfect:
        def __init__(self, estimate: Estimate) -> None:
            (rotations,) = (r for r in truth.values() if len(r) == len(estimate))
            rotvec = rotmat_to_rotvec(rotations[:, :22])
            self.refined = estimate.replace(global_orient=rotvec[:, 0], body_pose=rotvec[:, 1:])

    monkeypatch.setattr(refiner, "refine", Perfect)
    (row,) = evaluate_motion([take_set()], refiner, takes=0, take_seconds=0, seed=0)[:1]
    assert row.scores["refined"][MPJPE] < 0.01 and row.scores["refined"][SPEED_RATIO] == pytest.approx(1, abs=1e-3)
    assert 0.02 < row.scores["refined, then Savitzky-Golay"][MPJPE] < 10
    assert row.scores["do nothing"][MPJPE] > 30


def test_quick_measures_the_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[str, int, int]] = []
    refiner = Refiner(open_body(), weights="none")
    found = evaluate_motion(
        [take_set()],
        refiner,
        takes=1,
        take_seconds=0.3,
        seed=0,
        quick=True,
        progress=lambda *step: steps.append(step),
    )
    assert [(row.name, row.frames) for row in found] == [("smooth", 9), ("wild", 9)]
    assert steps == [("generated: motion", 1, 2), ("generated: motion", 2, 2)]


def test_the_table_has_a_row_for_each_kind_and_method(results: list[MotionResult]) -> None:
    (table,) = motion_tables(results)
    assert table.headings == ("", *METRICS)
    assert [row[0] for row in table.rows] == [f"{row.name}: {method}" for row in results for method in METHODS]
    assert table.rows[3][1] == f"{results[0].scores['refined'][MPJPE]:.2f}"
