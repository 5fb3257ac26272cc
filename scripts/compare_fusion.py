"""Compare ways to combine regressor and projection, trained equally and scored on the validation subject.

    python scripts/compare_fusion.py --data MOTION [--steps 1500] [--output fusion.md]

The script writes a Markdown table: pelvis-aligned PVE in mm of every way, of do nothing and of the projection alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn

from lsmplify_refine.body import BodyModel
from lsmplify_refine.evaluate.cases import Case, Protocol, draw_pairs
from lsmplify_refine.evaluate.scores import PVE, Scorer
from lsmplify_refine.learn.motion import Split, load_takes, split_by_subject
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.learn.train import Forward, TrainConfig, train
from lsmplify_refine.regressor.fusion import LAST, even_prior, first_solution, fuse, in_space, project_alone
from lsmplify_refine.regressor.network import regress
from lsmplify_refine.solver.evidence import Scales
from lsmplify_refine.solver.gauss_newton import project
from lsmplify_refine.solver.problem import Pose

CASES = (
    Case(1), Case(5), Case(9), Case(estimator=True), Case(estimator=True, noise_m=0.02),
    Case(estimator=True, noise_m=0.02, missing=0.3), Case(1, noise_m=0.02),
)  # fmt: skip


def regressed_from_start(network: nn.Module, pairs: Pairs) -> Pose:
    """The regressor's pose from start and targets alone."""
    count = torch.ones(len(pairs.betas))
    unknown = Scales(noise_m=0.02 * count, strength=0.02 * count)
    points = in_space(pairs.skeleton, pairs.start, pairs.targets)
    return regress(network, pairs.skeleton, pairs.start, pairs.start, unknown, pairs.targets, points).pose


def regressed_from_solution(network: nn.Module, pairs: Pairs) -> Pose:
    """The regressor's pose, with a first projection as another input."""
    return fuse(network, pairs.skeleton, pairs.start, pairs.targets, pairs.earlier)[1].pose


def regress_project(network: nn.Module, pairs: Pairs) -> Pose:
    """Regress, then project with a prior weight from the observations."""
    return project_alone(pairs.skeleton, regressed_from_start(network, pairs), pairs.targets)


def project_regress_project(network: nn.Module, pairs: Pairs) -> Pose:
    """Project, regress on the residuals, then project again with a prior weight from the observations."""
    _, _, scales = first_solution(pairs.skeleton, pairs.start, pairs.targets)
    regressed = regressed_from_solution(network, pairs)
    return project(pairs.skeleton, regressed, pairs.targets, even_prior(regressed, scales, pairs.targets), LAST)


def trained_through(network: nn.Module, pairs: Pairs) -> Pose:
    """The same with the regressor's own prior weights, which only a loss on the result can train."""
    return fuse(network, pairs.skeleton, pairs.start, pairs.targets, pairs.earlier)[0]


@dataclass(frozen=True)
class Way:
    """One way to train (`None`: as `lsmplify-refine train`) and to refine."""

    name: str
    forward: Forward | None
    refine: Callable[[nn.Module, Pairs], Pose]


def _on_own_pose(regressed: Callable[[nn.Module, Pairs], Pose]) -> Forward:
    """Take the loss on the regressor's own pose alone."""

    def forward(network: nn.Module, pairs: Pairs) -> tuple[Pose, Pose]:
        pose = regressed(network, pairs)
        return pose, pose

    return forward


WAYS = (
    Way("regress, project", _on_own_pose(regressed_from_start), regress_project),
    Way("project, regress, project", _on_own_pose(regressed_from_solution), project_regress_project),
    Way("the same, trained through", None, trained_through),
)


def main() -> int:
    """Train, score, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of motion, as for `lsmplify-refine train`")
    parser.add_argument("--steps", type=int, default=1500, help="training steps of each network (default: 1500)")
    parser.add_argument("--pairs", type=int, default=500, help="pairs per row of the table (default: 500)")
    parser.add_argument("--output", type=Path, help="also write the table to this Markdown file")
    args = parser.parse_args()
    split, body = split_by_subject(load_takes(args.data)), BodyModel.open()
    networks = [_trained(way, split, body, args.steps) for way in WAYS]
    shapes, scorer = ShapeSampler(body), Scorer(body)
    lines = [
        "| PVE, mm, pelvis-aligned | do nothing | projection alone | " + " | ".join(way.name for way in WAYS) + " |",
        "| --- " * (3 + len(WAYS)) + "|",
    ]
    for case in CASES:
        pairs = draw_pairs(case, split.validation, shapes, args.pairs, seed=0, protocol=Protocol())
        with torch.no_grad():
            poses = {
                "nothing": pairs.start,
                "alone": project_alone(pairs.skeleton, pairs.start, pairs.targets),
                **{way.name: way.refine(network, pairs) for way, network in zip(WAYS, networks, strict=True)},
            }
        scores = scorer.scores(pairs.betas, pairs.truth, poses)
        lines.append(f"| {case.name} | " + " | ".join(f"{scores[name][PVE].mean():.2f}" for name in poses) + " |")
    table = "\n".join(lines) + "\n"
    print(table)
    if args.output:
        args.output.write_text(table, encoding="utf-8")
    return 0


def _trained(way: Way, split: Split, body: BodyModel, steps: int) -> nn.Module:
    print(f"training: {way.name}", file=sys.stderr)
    config, fabric = TrainConfig(steps=steps), Fabric(devices=1)
    with tempfile.TemporaryDirectory() as folder:
        return train(split, body, config, Path(folder), fabric=fabric, forward=way.forward).eval()


if __name__ == "__main__":
    sys.exit(main())
