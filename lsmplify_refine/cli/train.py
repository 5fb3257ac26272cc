"""`lsmplify-refine train`: train the residual regressor on motion capture."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lsmplify_refine.cli._exit_codes import DONE
from lsmplify_refine.cli._options import Subparsers, add_terminal_options, at_least_one, given_options, positive
from lsmplify_refine.cli._words import say
from lsmplify_refine.errors import InputError
from lsmplify_refine.options import Architecture

if TYPE_CHECKING:
    from lsmplify_refine.learn.pairs import PairConfig

TREE = """\
DATA holds motion in AMASS's layout (*_poses.npz, *_stageii.npz; see scripts/prepare_motion.py).
The command writes
  DIR/
  ├── weights.safetensors   the network, with its configuration and data in the header
  ├── checkpoint.ckpt       continue from it with --resume
  └── version_0/            scalars for TensorBoard"""


def register_parser(subparsers: Subparsers) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="train the residual regressor",
        description="Train the residual regressor on motion capture (needs `pip install lsmplify-refine[train]`).",
        epilog=TREE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DATA", help="folder of motion files")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write to")
    training = parser.add_argument_group("training", argument_default=argparse.SUPPRESS)
    training.add_argument(
        "--architecture",
        choices=get_args(Architecture),
        help="ours, or published: the network of Learnable SMPLify, for comparison (default: ours)",
    )
    training.add_argument("--steps", type=at_least_one, metavar="N", help="optimiser steps (default: 16000)")
    training.add_argument(
        "--batch-size", type=at_least_one, metavar="N", help="pairs per step and device (default: 128)"
    )
    training.add_argument("--learning-rate", type=positive, metavar="RATE", help="peak learning rate (default: 0.001)")
    training.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same loss curve (default: 0)")
    parser.add_argument("--resume", action="store_true", help="continue from the folder's checkpoint")
    parser.add_argument(
        "--begin-with", type=Path, metavar="FILE", help="weights (.safetensors) to start from (default: random)"
    )
    parser.add_argument(
        "--pair",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a setting of PairConfig, the training pairs, such as as_recorded=0.2 (default: none; repeatable)",
    )
    running = parser.add_argument_group("running (as in Lightning Fabric)")
    running.add_argument("--accelerator", default="auto", metavar="NAME", help="cpu, cuda, mps or auto (default: auto)")
    running.add_argument("--devices", type=at_least_one, default=1, metavar="N", help="number of devices (default: 1)")
    running.add_argument(
        "--precision", default="32-true", metavar="NAME", help="such as bf16-mixed on a GPU (default: 32-true)"
    )
    add_terminal_options(parser)
    parser.set_defaults(handle=handle, stopped="the last checkpoint is kept; continue with --resume")


def handle(args: argparse.Namespace) -> int:
    """Read the motion, train, and print where the weights are."""
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.loggers.tensorboard import TensorBoardLogger
    except ImportError as error:
        raise InputError(f"training needs more packages ({error}); pip install lsmplify-refine[train]") from error
    from lsmplify_refine.body import BodyModel
    from lsmplify_refine.cli._console import Bars
    from lsmplify_refine.learn.motion import load_takes, split_by_subject
    from lsmplify_refine.learn.pairs import PairConfig
    from lsmplify_refine.learn.train import Progress, TrainConfig, train

    config = TrainConfig(**given_options(args, TrainConfig))
    # the published network takes only 3D keypoints, and was designed for pairs of frames
    pairs = PairConfig() if config.architecture == "ours" else PairConfig(image_batches=0.0, in_sequence=0.0)
    for text in args.pair:
        pairs = _with_setting(pairs, text)
    config = replace(config, pairs=pairs)
    logger = TensorBoardLogger(root_dir=args.output, name="")
    try:
        fabric = Fabric(accelerator=args.accelerator, devices=args.devices, precision=args.precision, loggers=logger)
        fabric.launch()
    except (ValueError, RuntimeError, ImportError) as error:
        raise InputError(f"--accelerator, --devices or --precision: {error}") from error
    with Bars() as bars:
        takes = load_takes(args.data, progress=lambda done, total: bars.advance("reading", done, total))

        def report(progress: Progress) -> None:
            bars.advance("training", progress.step, config.steps)
            say(f"step {progress.step}: PVE {progress.pve_mm_pelvis:.1f} mm")

        train(
            split_by_subject(takes),
            BodyModel.open(),
            config,
            args.output,
            fabric=fabric,
            resume=args.resume,
            begin_with=args.begin_with,
            on_progress=report,
        )
    if fabric.is_global_zero:
        say(f"wrote {args.output / 'weights.safetensors'}")
    return DONE


def _with_setting(pairs: PairConfig, text: str) -> PairConfig:
    """With one `--pair NAME=VALUE`."""
    name, _, value = text.partition("=")
    known = asdict(pairs)
    if name not in known:
        raise InputError(f"--pair {text}: no setting {name!r}; there are {', '.join(known)}")
    try:
        return replace(pairs, **{name: type(known[name])(value)})
    except ValueError as error:
        raise InputError(f"--pair {text}: {error}") from error
