"""Measure the regressor's speed and accuracy beside SMPLify and the published network, all in one run.

    python scripts/benchmark_regressor.py MOTION [--threads 2]

MOTION holds takes in AMASS's layout (see scripts/prepare_motion.py); only test subjects are used. Every frame starts
from an estimator-like error and has BODY_25 keypoints in space with 1 cm of noise; a stream is given the frames of
takes one by one, and for its worst case a new track every time. PVE is in mm, pelvis-aligned.
Figures depend on the machine; compare figures of one run only.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from lsmplify_refine import BodyModel
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.engine.stream import Solver, Stream, in_batches
from lsmplify_refine.evaluate.cases import Case, Protocol, draw_pairs
from lsmplify_refine.evaluate.scores import PVE, Scorer
from lsmplify_refine.evaluate.smplify import SmplifyConfig, fit_pose_prior, smplify
from lsmplify_refine.evaluate.takes import TakeCase, Tracks, choose_takes, lay_out
from lsmplify_refine.learn.motion import load_takes, split_by_subject
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.regressor.fusion import FrameSolver
from lsmplify_refine.regressor.published import PublishedNetwork
from lsmplify_refine.regressor.weights import open_network
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.solver.running_mean import RunningMean

#: One shape for all frames, as in a track.
_MEAN_SHAPE = Protocol(shape_sigma=0.0)
#: Takes that are streamed, and how much of each.
_TAKES, _SECONDS = 6, 2.0


def row(pairs: Pairs, index: int) -> tuple[Pose, Targets]:
    """One frame."""
    one = pairs[index : index + 1]
    return one.start, one.targets


def timed(work: Callable[[], Pose], repeats: int = 1) -> tuple[float, Pose]:
    """Seconds of the fastest of some runs, and the result."""
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        pose = work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), pose


def one_by_one(solve: Callable[[Pose, Targets], Pose], pairs: Pairs, count: int) -> Pose:
    """The first frames, at batch size 1."""
    return Pose.joined([solve(*row(pairs, index)) for index in range(count)])


def streamed(skeleton: Skeleton, solver: Solver, tracks: Tracks, *, estimated: bool) -> Pose:
    """Takes frame by frame, each frame with its estimate or with keypoints alone."""
    poses = []
    for index in range(len(tracks.index)):
        if tracks.index[index] == 0:
            live = Stream(skeleton, solver)
        start, targets = row(tracks.pairs, index)
        poses.append(live.step(targets, start if estimated else None).pose)
    return Pose.joined(poses)


def published_alone(network: PublishedNetwork, skeleton: Skeleton) -> Solver:
    """The published network without any projection."""
    from lsmplify_refine.regressor.published import published_pose

    def solve(start: Pose, targets: Targets, earlier: RunningMean | None = None) -> Pose:
        with torch.no_grad():
            return published_pose(network, skeleton, start, targets, torch.zeros(len(start.pelvis), 10))

    return solve


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motion", type=Path, help="folder of motion in AMASS's layout")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--weights", default="shipped", help="of the regressor")
    parser.add_argument("--smplify-frames", type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    body = BodyModel.open()
    split = split_by_subject(load_takes(args.motion))
    case = Case(estimator=True, noise_m=0.01)
    pairs = draw_pairs(case, split.test, ShapeSampler(body), 3072, seed=0, protocol=_MEAN_SHAPE)
    skeleton = body.skeleton("body25", np.zeros(10))
    solver = FrameSolver(open_network(args.weights), skeleton, torch.zeros(10))
    published = published_alone(PublishedNetwork().eval().requires_grad_(False), skeleton)
    prior = fit_pose_prior(np.concatenate([take.rotvec for take in split.train]))
    scorer = Scorer(body)

    def error_mm(pose: Pose, pairs: Pairs, count: int) -> float:
        some = pairs[:count]
        return float(scorer.scores(some.betas, some.truth, {"": pose})[""][PVE].mean())

    def smplified(start: Pose, targets: Targets) -> Pose:
        config = SmplifyConfig(optimizer="lbfgs")
        found = smplify(
            body, "body25", targets.positions, targets.weights, start.rotations, start.pelvis, torch.zeros(10),
            prior=prior, config=config,
        )  # fmt: skip
        return Pose(*found)

    few = args.smplify_frames
    solver(*row(pairs, 0)), published(*row(pairs, 0))
    table = Table(title=f"{args.threads} threads, start from an estimator-like error, 1 cm of keypoint noise")
    for heading in ("what", "batch", "frames/s", "ms/frame", "PVE, mm", "do nothing", "frames"):
        table.add_column(heading, justify="left" if heading == "what" else "right")

    def add(name: str, batch: str, count: int, seconds: float, pose: Pose | None, pairs: Pairs = pairs) -> None:
        error, nothing = (
            ("-", "-") if pose is None else (f"{error_mm(p, pairs, count):.1f}" for p in (pose, pairs[:count].start))
        )
        table.add_row(
            name, batch, f"{count / seconds:.1f}", f"{1000 * seconds / count:.2f}", error, nothing, str(count)
        )

    slow, pose = timed(lambda: one_by_one(smplified, pairs, few))
    add("SMPLify (L-BFGS)", "1", few, slow, pose)
    add("regressor + projection, same frames", "1", few, *timed(lambda: one_by_one(solver, pairs, few), 5))
    fast, pose = timed(lambda: one_by_one(solver, pairs, 300), 3)
    add("regressor + projection", "1", 300, fast, pose)
    takes = choose_takes(split.test, _TAKES, _SECONDS)
    tracks = lay_out(TakeCase("plug-in", noise_m=0.01), takes, ShapeSampler(body), seed=0, protocol=_MEAN_SHAPE)
    for name, estimated in (("with estimates", True), ("keypoints alone", False)):
        work = partial(streamed, skeleton, solver, tracks, estimated=estimated)
        add(f"a streaming step, takes, {name}", "1", len(tracks.index), *timed(work, 3), tracks.pairs)

    def anew(start: Pose, targets: Targets) -> Pose:
        return Stream(skeleton, solver).step(targets).pose

    add("a streaming step from the body at rest", "1", 100, *timed(lambda: one_by_one(anew, pairs, 100), 3))
    count = len(pairs.betas)
    add("regressor + projection", "many", count, *timed(lambda: in_batches(solver, pairs.start, pairs.targets), 3))
    add("published network alone (untrained)", "1", 100, timed(lambda: one_by_one(published, pairs, 100))[0], None)
    seconds, _ = timed(lambda: in_batches(published, pairs.start, pairs.targets))
    add("published network alone (untrained)", "many", count, seconds, None)
    console = Console()
    console.print(table)
    console.print(
        f"at batch size 1, regressor + projection is {slow / few / (fast / 300):.0f} times as fast as SMPLify"
    )


if __name__ == "__main__":
    main()
