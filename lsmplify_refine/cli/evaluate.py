"""`lsmplify-refine evaluate`: measure the regressor against the baselines."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from lsmplify_refine.cli._exit_codes import DONE
from lsmplify_refine.cli._options import (
    Subparsers,
    add_terminal_options,
    at_least_one,
    given_options,
    not_negative,
    whole_number,
)
from lsmplify_refine.cli._words import say_json, say_on, show_table

if TYPE_CHECKING:
    from lsmplify_refine.body import BodyModel
    from lsmplify_refine.cli._console import Bars
    from lsmplify_refine.evaluate.datasets import Choice, TakeSet
    from lsmplify_refine.evaluate.methods import Panel
    from lsmplify_refine.evaluate.run import EvaluateConfig

TREE = """\
The command writes
  DIR/
  ├── evaluation.json   every row, method and metric, with settings, versions and the weights' sha256
  ├── evaluation.md     the same as tables, do-nothing first
  └── curves.png        error over noise, missing and garbage keypoints"""


def register_parser(subparsers: Subparsers) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure the regressor against the baselines",
        description="Measure the regressor against doing nothing, the projection alone, SMPLify and the published\n"
        "network (needs `pip install lsmplify-refine[train]`).",
        epilog=TREE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write to")
    _add_test_options(parser.add_argument_group("what to test on (at least one)"))
    _add_method_options(parser.add_argument_group("what to test"))
    running = parser.add_argument_group("running", argument_default=argparse.SUPPRESS)
    running.add_argument("--pairs", type=at_least_one, metavar="N", help="pairs in each row (default: 2000)")
    running.add_argument(
        "--takes", type=whole_number, metavar="N", help="maximum number of whole takes per set; 0 for all (default: 12)"
    )
    running.add_argument(
        "--take-seconds",
        type=not_negative,
        metavar="S",
        help="maximum length of a whole take in seconds; 0 for no limit (default: 10)",
    )
    running.add_argument("--seed", type=int, metavar="N", help="seed of pairs, shapes, errors and noise (default: 0)")
    running.add_argument("--quick", action="store_true", help="measure only the first and last row of each group")
    running.add_argument("--overwrite", action="store_true", default=False, help="replace existing results")
    add_terminal_options(parser, json="evaluation.json")
    parser.set_defaults(handle=handle)


def _add_test_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="folders of motion: AMASS's layout, 3DPW (sequenceFiles/), RICH (test_body/) (default: none)",
    )
    group.add_argument(
        "--estimates",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="results of an estimator, whose poses are taken as the truth (default: none)",
    )
    group.add_argument(
        "--subjects",
        type=_names,
        metavar="A,B",
        help="test subjects (default: 02,13 in AMASS's layout, the test part of 3DPW and RICH)",
    )
    group.add_argument("--all-subjects", action="store_true", help="test every subject, training subjects included")


def _add_method_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--weights", type=Path, metavar="FILE", help="weights of our regressor (default: shipped)")
    group.add_argument(
        "--published",
        type=Path,
        metavar="FILE",
        help="weights of the published network: from `train --architecture published`, or its authors' .pth.tar "
        "(default: not measured)",
    )
    group.add_argument(
        "--smplify-frames",
        type=whole_number,
        default=argparse.SUPPRESS,
        metavar="N",
        help="pairs of each row that SMPLify gets; 0 to leave SMPLify out (default: 50)",
    )


def handle(args: argparse.Namespace) -> int:
    """Read the test sets, measure, write the results, and print the main table."""
    from lsmplify_refine.errors import InputError

    if not args.data and not args.estimates:
        raise InputError("nothing to test on; give --data DIR (motion) or --estimates PATH (results of an estimator)")
    from rich.console import Console

    from lsmplify_refine.body import BodyModel
    from lsmplify_refine.cli._console import Bars
    from lsmplify_refine.engine.refiner import Refiner
    from lsmplify_refine.evaluate.datasets import Choice
    from lsmplify_refine.evaluate.motion import evaluate_motion
    from lsmplify_refine.evaluate.output import describe, prepare, write
    from lsmplify_refine.evaluate.run import EvaluateConfig, evaluate
    from lsmplify_refine.evaluate.table import for_terminal, main_tables, motion_tables

    config = EvaluateConfig(**given_options(args, EvaluateConfig))
    choice = Choice(args.subjects, args.all_subjects)
    body = BodyModel.open()
    with Bars() as bars:
        panel, take_panel, weights, pose_prior = _panels(args, config, choice, body)
        sets = _read_sets(args, choice, bars)
        prepare(args.output, overwrite=args.overwrite)
        results = evaluate(sets, body, panel, take_panel, config, progress=bars.advance)
        motion = evaluate_motion(
            sets,
            Refiner(body, weights=weights["regressor"]),
            takes=config.takes,
            take_seconds=config.take_seconds,
            seed=config.seed,
            quick=config.quick,
            progress=bars.advance,
        )
    panels = {"pairs": panel, "takes": take_panel}
    description = describe(sets, panels, weights, config, pose_prior=pose_prior)
    written = write(results, motion, description, args.output, overwrite=args.overwrite)
    # rows are kept on one line: a pipe has no width
    console = Console(soft_wrap=True, highlight=False, width=max(Console().width, 170))
    for table in (*main_tables(results), *motion_tables(motion)):
        show_table(console, for_terminal(table))
    for path in written:
        say_on(console, f"wrote {path}")
    say_json(json.loads(written[0].read_text("utf-8")))
    return DONE


def _read_sets(args: argparse.Namespace, choice: Choice, bars: Bars) -> list[TakeSet]:
    from functools import partial

    from lsmplify_refine.errors import InputError
    from lsmplify_refine.evaluate.datasets import estimates_set, motion_set

    sets = [motion_set(path, choice, partial(bars.advance, f"reading {path.name}")) for path in args.data]
    sets += [estimates_set(path, partial(bars.advance, f"reading {path.name}")) for path in args.estimates]
    names = [found.name for found in sets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"two test sets are called {twice!r}; rename a folder")
    return sets


def _panels(
    args: argparse.Namespace, config: EvaluateConfig, choice: Choice, body: BodyModel
) -> tuple[Panel, Panel, dict[str, Path], bool]:
    """The methods for single frames and for whole takes, the weights' files, and whether SMPLify has a pose prior."""
    from lsmplify_refine.evaluate.datasets import training_poses
    from lsmplify_refine.evaluate.methods import DAMPINGS, make_panel, smplify_solvers
    from lsmplify_refine.evaluate.networks import load_ours, load_peer
    from lsmplify_refine.evaluate.smplify import fit_pose_prior

    network, path = load_ours(args.weights)
    weights = {"regressor": path}
    published = None
    if args.published:
        published, weights["published"] = load_peer(args.published), args.published
    solvers, poses = None, None
    frames = min(config.smplify_frames, config.pairs)
    if frames:
        found = (training_poses(folder, choice) for folder in args.data)
        poses = next((some for some in found if some is not None), None)
        solvers = smplify_solvers(body, None if poses is None else fit_pose_prior(poses))
    panel = make_panel(network, published, smplify_solvers=solvers, smplify_frames=frames)
    # every second damping: over whole takes the projection takes most of the time
    return panel, make_panel(network, published, dampings=DAMPINGS[::2]), weights, poses is not None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
