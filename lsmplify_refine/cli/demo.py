"""`lsmplify-refine demo`: refine the built-in clip."""

from __future__ import annotations

import argparse
from pathlib import Path

from lsmplify_refine.cli._exit_codes import EXIT_CODES
from lsmplify_refine.cli._options import Subparsers, add_common_options, job_from
from lsmplify_refine.cli._refine_options import add_video_options

TREE = """\
The command copies a small generated clip with a GVHMR result into the folder and refines it:
  DIR/
  ├── 0_input_video.mp4               generated: a moving body, not a recording
  ├── hmr4d_results.pt                its parameters, with errors like an estimator's
  ├── preprocess/vitpose.pt           its 2D keypoints
  ├── hmr4d_results_refined.pt        written: the refined parameters
  ├── hmr4d_results_comparison.mp4    written: before and after, side by side
  ├── hmr4d_results_report.html       written: the report to open in a browser
  └── hmr4d_results_report.json       written: the same numbers for programs"""


def register_parser(subparsers: Subparsers) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="refine a built-in clip to see what the command does",
        description="Refine a built-in clip to see what the command does.",
        epilog=f"{TREE}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "-o",
        "--output",
        dest="folder",
        type=Path,
        default=Path("lsmplify_refine_demo"),
        metavar="DIR",
        help="folder to write to (default: ./lsmplify_refine_demo)",
    )
    add_video_options(parser.add_argument_group("the comparison video"))
    add_common_options(parser, json="the report")
    parser.set_defaults(handle=handle)


def handle(args: argparse.Namespace) -> int:
    """Copy the built-in clip and refine it."""
    from importlib.util import find_spec

    from lsmplify_refine.cli._console import run_and_show
    from lsmplify_refine.job.demo import copy_input

    # a newcomer sees all there is
    if find_spec("viser") is not None:
        args.scene = True
    return run_and_show(job_from(args, copy_input(args.folder)), debug=args.debug)
