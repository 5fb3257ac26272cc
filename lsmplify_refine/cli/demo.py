"""`lsmplify-refine demo`: the whole way on built-in input."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lsmplify_refine.cli._options import add_common_options

TREE = """\
It copies a small generated clip with a GVHMR result into the folder and refines it:
  DIR/
  ├── 0_input_video.mp4               generated: a moving body (no recording of anybody)
  ├── hmr4d_results.pt                its parameters, with errors like an estimator's
  ├── preprocess/vitpose.pt           its 2D keypoints
  ├── hmr4d_results_refined.pt        written: the refined parameters
  ├── hmr4d_results_comparison.mp4    written: before and after beside each other
  └── hmr4d_results_report.json       written: errors before and after"""


def register_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="refine built-in input, to see what it does",
        description="Refine a built-in clip, to see what it does.",
        epilog=TREE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("lsmplify_refine_demo"),
        metavar="DIR",
        help="folder to write to (default: ./lsmplify_refine_demo)",
    )
    add_common_options(parser)
    parser.set_defaults(handle=handle)


def handle(args: argparse.Namespace) -> int:
    """Copy the built-in input and refine it."""
    from lsmplify_refine.cli._console import run_and_show
    from lsmplify_refine.job.demo import copy_input
    from lsmplify_refine.job.job import Job

    copied = copy_input(args.output)
    return run_and_show(Job(input=copied, device=args.device, write_video=args.write_video, overwrite=args.overwrite))
