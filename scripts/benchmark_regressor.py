"""Measure the regressor's speed and accuracy beside SMPLify and the published network, all in one run.

    python scripts/benchmark_regressor.py MOTION [--threads 2]

MOTION holds takes in AMASS's layout (see scripts/prepare_motion.py); only test subjects are used. Every frame starts
with an estimator's error and has 3D BODY_25 keypoints with 1 cm of noise. A stream gets the frames of takes one by one;
in its worst case, every frame is a new track. PVE is in mm, pelvis-aligned.
Figures depend on the machine: compare only figures of one run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from lsmplify_refine import BodyModel
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.engine.follow import Follower, Solver, in_batches
from lsmplify_refine.evaluate.cases import Case, Protocol, draw_pairs
from lsmplify_refine.evaluate.scores import PVE, Scorer
from lsmplify_refine.evaluate.smplify import SmplifyConfig, fit_pose_prior, smplify
from lsmplify_refine.evaluate.takes import TakeCase, Tracks, choose_takes, lay_out
from lsmplify_refine.learn.motion import Split, Take, load_takes, split_by_subject
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.regressor.fusion import FrameSolver
from lsmplify_refine.regressor.published import PublishedNetwork, published_pose
from lsmplify_refine.regressor.weights import open_network
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.solver.running_mean import RunningMean

#: One shape for all frames, as in a track.
_MEAN_SHAPE = Protocol(shape_sigma=0.0)
#: Number of streamed takes, and seconds of each.
_TAKES, _SECONDS = 6, 2.0


def row(pairs: Pairs, index: int) -> tuple[Pose, Targets]:
    """Start and targets of one frame."""
    one = pairs[index : index + 1]
    return one.start, one.targets


def timed(work: Callable[[], Pose], repeats: int = 1) -> tuple[float, Pose]:
    """Time the fastest of several runs; returns seconds and the result."""
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        pose = work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), pose


def one_by_one(solve: Callable[[Pose, Targets], Pose], pairs: Pairs, count: int) -> Pose:
    """Solve the first frames, at batch size 1."""
    return Pose.joined([solve(*row(pairs, index)) for index in range(count)])


def streamed(skeleton: Skeleton, solver: Solver, tracks: Tracks, *, estimated: bool) -> Pose:
    """Stream takes frame by frame, with estimates or with keypoints alone."""
    poses = []
    for index in range(len(tracks.index)):
        if tracks.index[index] == 0:
            live = Follower(skeleton, solver)
        start, targets = row(tracks.pairs, index)
        poses.append(live.step(targets, start if estimated else None).pose)
    return Pose.joined(poses)


def published_alone(network: PublishedNetwork, skeleton: Skeleton) -> Solver:
    """Make a solver of the published network without projection."""

    def solve(start: Pose, targets: Targets, earlier: RunningMean | None = None) -> Pose:
        with torch.no_grad():
            return published_pose(network, skeleton, start, targets, torch.zeros(len(start.pelvis), 10))

    return solve


class Report:
    """The table of all measurements.

    Args:
        scorer: Scores the poses.
        pairs: The single frames.
        threads: Number of threads, for the title.
    """

    def __init__(self, scorer: Scorer, pairs: Pairs, threads: int) -> None:
        self._scorer, self._pairs = scorer, pairs
        self.table = Table(title=f"{threads} threads, start with an estimator's error, 1 cm of keypoint noise")
        for heading in ("what", "batch", "frames/s", "ms/frame", "PVE, mm", "do nothing", "frames"):
            self.table.add_column(heading, justify="left" if heading == "what" else "right")

    def add(
        self, name: str, batch: str, count: int, seconds: float, pose: Pose | None, pairs: Pairs | None = None
    ) -> None:
        """Add a row about the first `count` pairs; without a pose it has no errors."""
        pairs = (pairs or self._pairs)[:count]
        errors = ["-", "-"] if pose is None else [f"{self._error_mm(p, pairs):.1f}" for p in (pose, pairs.start)]
        self.table.add_row(name, batch, f"{count / seconds:.1f}", f"{1000 * seconds / count:.2f}", *errors, str(count))

    def _error_mm(self, pose: Pose, pairs: Pairs) -> float:
        return float(self._scorer.scores(pairs.betas, pairs.truth, {"": pose})[""][PVE].mean())


def smplify_alone(body: BodyModel, motion: Sequence[Take]) -> Callable[[Pose, Targets], Pose]:
    """Make a solver of SMPLify with L-BFGS, through the whole mesh."""
    prior = fit_pose_prior(np.concatenate([take.rotvec for take in motion]))
    config = SmplifyConfig(optimizer="lbfgs")

    def solve(start: Pose, targets: Targets) -> Pose:
        given = (targets.positions, targets.weights, start.rotations, start.pelvis, torch.zeros(10))
        return Pose(*smplify(body, "body25", *given, prior=prior, config=config))

    return solve


def measure(body: BodyModel, split: Split, weights: str, threads: int, smplify_frames: int) -> tuple[Table, float]:
    """Measure everything; returns the table, and how many times faster than SMPLify we are at batch size 1."""
    pairs = draw_pairs(
        Case(estimator=True, noise_m=0.01), split.test, ShapeSampler(body), 3072, seed=0, protocol=_MEAN_SHAPE
    )
    skeleton = body.skeleton("body25", np.zeros(10))
    solver = FrameSolver(open_network(weights), skeleton, torch.zeros(10))
    published = published_alone(PublishedNetwork().eval().requires_grad_(False), skeleton)
    solver(*row(pairs, 0)), published(*row(pairs, 0))
    report = Report(Scorer(body), pairs, threads)
    work = partial(one_by_one, smplify_alone(body, split.train), pairs, smplify_frames)
    slow, pose = timed(work)
    report.add("SMPLify (L-BFGS)", "1", smplify_frames, slow, pose)
    work = partial(one_by_one, solver, pairs, smplify_frames)
    report.add("regressor + projection, same frames", "1", smplify_frames, *timed(work, 5))
    fast, pose = timed(partial(one_by_one, solver, pairs, 300), 3)
    report.add("regressor + projection", "1", 300, fast, pose)
    measure_streams(report, body, split, skeleton, solver, pairs)
    count = len(pairs.betas)
    report.add(
        "regressor + projection", "many", count, *timed(lambda: in_batches(solver, pairs.start, pairs.targets), 3)
    )
    seconds, _ = timed(partial(one_by_one, published, pairs, 100))
    report.add("published network alone (untrained)", "1", 100, seconds, None)
    seconds, _ = timed(lambda: in_batches(published, pairs.start, pairs.targets))
    report.add("published network alone (untrained)", "many", count, seconds, None)
    return report.table, slow / smplify_frames / (fast / 300)


def measure_streams(
    report: Report, body: BodyModel, split: Split, skeleton: Skeleton, solver: Solver, pairs: Pairs
) -> None:
    """Add the rows about streams."""
    takes = choose_takes(split.test, _TAKES, _SECONDS)
    tracks = lay_out(TakeCase("plug-in", noise_m=0.01), takes, ShapeSampler(body), seed=0, protocol=_MEAN_SHAPE)
    for name, estimated in (("with estimates", True), ("keypoints alone", False)):
        work = partial(streamed, skeleton, solver, tracks, estimated=estimated)
        report.add(f"a streaming step, takes, {name}", "1", len(tracks.index), *timed(work, 3), tracks.pairs)

    def new_track(start: Pose, targets: Targets) -> Pose:
        return Follower(skeleton, solver).step(targets).pose

    work = partial(one_by_one, new_track, pairs, 100)
    report.add("a streaming step from the body at rest", "1", 100, *timed(work, 3))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motion", type=Path, help="folder of motion in AMASS's layout")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    parser.add_argument("--weights", default="shipped", help="weights of the regressor, a file (default: shipped)")
    parser.add_argument("--smplify-frames", type=int, default=8, help="frames that SMPLify gets (default: 8)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    split = split_by_subject(load_takes(args.motion))
    table, factor = measure(BodyModel.open(), split, args.weights, args.threads, args.smplify_frames)
    console = Console()
    console.print(table)
    console.print(f"at batch size 1, regressor + projection is {factor:.0f} times as fast as SMPLify")


if __name__ == "__main__":
    main()
