"""Run every method on every row of every test set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.evaluate import takes as whole
from lsmplify_refine.evaluate.cases import Case, Protocol, Row, draw_pairs, standard_rows
from lsmplify_refine.evaluate.datasets import TakeSet
from lsmplify_refine.evaluate.methods import BOTH, HINDSIGHT, NOTHING, SMPLIFY, Panel, in_batches
from lsmplify_refine.evaluate.scores import ACCEL, FIRST_HALF, PVE, SECOND_HALF, Scorer
from lsmplify_refine.evaluate.takes import TakeCase, TakeRow, Tracks, standard_take_rows
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.solver.problem import Pose

#: Called with a test set's name, the number of finished rows, and the number of all rows.
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class EvaluateConfig:
    """How much is measured.

    Attributes:
        pairs: Pairs in each row.
        takes: Max whole takes per test set; 0 for all.
        take_seconds: Max seconds of each whole take; 0 for all.
        smplify_frames: Pairs of each row that SMPLify gets; 0 omits SMPLify.
        seed: Seed of all random values.
        quick: Whether to measure only the first and last row of each group, as a check that everything runs.
        protocol: Sizes of all random values.
    """

    pairs: int = 2000
    takes: int = 12
    take_seconds: float = 10.0
    smplify_frames: int = 50
    seed: int = 0
    quick: bool = False
    protocol: Protocol = field(default_factory=Protocol)


@dataclass(frozen=True)
class Score:
    """One method in one row.

    Attributes:
        frames: Number of scored frames.
        solver: The best of the method's solvers.
        metrics: Metric name -> mean.
    """

    frames: int
    solver: str
    metrics: dict[str, float]


@dataclass(frozen=True)
class Result:
    """One row.

    Attributes:
        test_set: Name of the test set.
        group: As in `Row`.
        name: The case in words.
        case: The task.
        scores: Column -> score.
        gain_percent: How much lower the PVE of regressor and projection is than the PVE of the best of {do nothing,
            projection with its best damping, SMPLify}, on the same frames.
        gain_over_single_frames_percent: For a smoothed row, the same against these methods without smoothing.
        truth: Metrics of the true motion, over whole takes.
        reference: Name of the row that this row is compared with, if any.
        ratio: Column -> PVE as a multiple of the reference's.
    """

    test_set: str
    group: str
    name: str
    case: Case | TakeCase
    scores: dict[str, Score]
    gain_percent: float
    gain_over_single_frames_percent: float | None = None
    truth: dict[str, float] = field(default_factory=dict)
    reference: str | None = None
    ratio: dict[str, float] = field(default_factory=dict)


def evaluate(
    sets: Sequence[TakeSet],
    body: BodyModel,
    panel: Panel,
    take_panel: Panel,
    config: EvaluateConfig | None = None,
    progress: Report | None = None,
) -> list[Result]:
    """Measure every row on every test set.

    Args:
        sets: Test sets.
        body: The body of truth, start and keypoints.
        panel: Methods for single frames.
        take_panel: Methods for whole takes.
        config: How much to measure.
        progress: Called after each row.

    Raises:
        InputError: A test set is too short for the strides.
    """
    config = config or EvaluateConfig()
    rows: list[Row | TakeRow] = [*standard_rows(), *standard_take_rows()]
    rows = _first_and_last(rows) if config.quick else rows
    for takes in sets:
        _check_length(takes, [row.case for row in rows if isinstance(row, Row)])
    bench = _Bench(body, panel, take_panel, config)
    results = []
    for takes in sets:
        done: dict[Case | TakeCase, Result] = {}
        for index, row in enumerate(rows):
            results.append(_in_row(row, bench, takes, done))
            if progress:
                progress(takes.name, index + 1, len(rows))
    return results


def _check_length(found: TakeSet, cases: Sequence[Case]) -> None:
    """Reject a test set that is too short for a row before measuring anything."""
    needed = max(case.stride / case.fps for case in cases)
    if max((len(take) - 1) / take.fps for take in found.takes) < needed:
        raise InputError(f"{found.name}: no take is longer than {needed:.2g} s; give longer motion")


class _Bench:
    """Everything that all rows share, prepared once."""

    def __init__(self, body: BodyModel, panel: Panel, take_panel: Panel, config: EvaluateConfig) -> None:
        self.panel, self.take_panel, self.config = panel, take_panel, config
        self.shapes, self.scorer = ShapeSampler(body), Scorer(body)
        #: The takes solved last: a row and its smoothed row share the work.
        self._solved: tuple[TakeSet, TakeCase, Tracks, dict[str, Pose]] | None = None

    def measure(self, case: Case | TakeCase, takes: TakeSet) -> Result:
        """Measure a case on a test set."""
        return self._on_pairs(case, takes) if isinstance(case, Case) else self._on_takes(case, takes)

    def _on_pairs(self, case: Case, takes: TakeSet) -> Result:
        config = self.config
        pairs = draw_pairs(case, takes.takes, self.shapes, config.pairs, seed=config.seed, protocol=config.protocol)
        poses = {}
        for name, solve in self.panel.solvers.items():
            maximum = self.panel.max_frames.get(name)
            poses[name] = in_batches(solve, pairs if maximum is None else pairs[:maximum])
        scores, errors = self._compared(pairs, poses, self.panel)
        return Result(takes.name, "", case.name, case, scores, _gain_percent(errors[BOTH], errors))

    def _on_takes(self, case: TakeCase, takes: TakeSet) -> Result:
        tracks, poses = self._solve_takes(replace(case, smoothed=False), takes)
        pairs = tracks.pairs
        scores, errors = self._compared(pairs, poses, self.take_panel, tracks.second_half)
        single_frames = None
        if case.smoothed:
            per_frame = errors
            panel = self.take_panel
            poses = {name: whole.smooth_correction(tracks, pose) for name, pose in poses.items()}
            poses[panel.plain] = whole.refine_by_engine(tracks, None)
            poses[BOTH] = whole.refine_by_engine(tracks, panel.network)
            scores, errors = self._compared(pairs, poses, self.take_panel, tracks.second_half)
            single_frames = _gain_percent(errors[BOTH], per_frame)
        for score in scores.values():
            score.metrics[ACCEL] = self.scorer.accel(pairs.betas, poses[score.solver], tracks.frame_ids)
        truth = {ACCEL: self.scorer.accel(pairs.betas, pairs.truth, tracks.frame_ids)}
        gain = _gain_percent(errors[BOTH], errors)
        return Result(takes.name, "", case.name, case, scores, gain, single_frames, truth)

    def _solve_takes(self, case: TakeCase, takes: TakeSet) -> tuple[Tracks, dict[str, Pose]]:
        """Run every solver on whole takes."""
        if self._solved is None or self._solved[:2] != (takes, case):
            config = self.config
            chosen = whole.choose_takes(takes.takes, config.takes, config.take_seconds)
            tracks = whole.lay_out(case, chosen, self.shapes, seed=config.seed, protocol=config.protocol)
            poses = {name: whole.refine_tracks(case, tracks, s) for name, s in self.take_panel.solvers.items()}
            self._solved = takes, case, tracks, poses
        return self._solved[2:]

    def _compared(
        self, pairs: Pairs, poses: dict[str, Pose], panel: Panel, halves: Tensor | None = None
    ) -> tuple[dict[str, Score], dict[str, Tensor]]:
        """The score of each column's best solver, and its error in every frame."""
        by_frame = self.scorer.scores(pairs.betas, pairs.truth, poses)
        scores, errors = {}, {}
        for column in panel.columns:
            best = min(column.solvers, key=lambda name: _finite_mean(by_frame[name][PVE]))
            error = errors[column.name] = by_frame[best][PVE]
            metrics = {name: float(value.mean()) for name, value in by_frame[best].items()}
            if halves is not None:
                metrics[FIRST_HALF], metrics[SECOND_HALF] = (float(error[rows].mean()) for rows in (~halves, halves))
            scores[column.name] = Score(len(error), best, metrics)
        return scores, errors


def _in_row(row: Row | TakeRow, bench: _Bench, takes: TakeSet, done: dict[Case | TakeCase, Result]) -> Result:
    """The result of a row; a case in several groups is measured once."""
    for case in (row.case, row.reference):
        if case is not None and case not in done:
            done[case] = bench.measure(case, takes)
    result = done[row.case]
    if row.reference is None:
        return replace(result, group=row.group)
    reference = done[row.reference]
    ratio = {
        column: score.metrics[PVE] / max(reference.scores[column].metrics[PVE], 1e-9)
        for column, score in result.scores.items()
    }
    return replace(result, group=row.group, reference=reference.name, ratio=ratio)


def _gain_percent(ours: Tensor, errors: dict[str, Tensor]) -> float:
    """How much lower our error is than that of the best baseline, on the baseline's frames."""
    baselines = [error for name, error in errors.items() if name in (NOTHING, HINDSIGHT) or name.startswith(SMPLIFY)]
    return 100 * min(float(1 - ours[: len(other)].mean() / other.mean().clamp(min=1e-9)) for other in baselines)


def _finite_mean(values: Tensor) -> float:
    return float(torch.nan_to_num(values.mean(), nan=torch.inf))


def _first_and_last(rows: list[Row | TakeRow]) -> list[Row | TakeRow]:
    groups: dict[str, list[Row | TakeRow]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return [row for group in groups.values() for row in (group[0], group[-1])]
