"""`lsmplify-refine refine`: read an estimator's result; write the refined result, a comparison video and a report."""

from __future__ import annotations

import argparse
from pathlib import Path

from lsmplify_refine.cli import batch
from lsmplify_refine.cli._exit_codes import EXIT_CODES
from lsmplify_refine.cli._options import Subparsers, add_common_options, job_from
from lsmplify_refine.cli._refine_options import (
    add_calibration,
    add_formats,
    add_image_size,
    add_inputs,
    add_keypoint_rate,
    add_rate,
    add_regressor,
    add_video_options,
    add_ways,
)
from lsmplify_refine.cli._trust import trusting_aloud
from lsmplify_refine.errors import InputError

USAGE_NOTE = """\
The command writes, beside the input or in --output DIR:
  DIR/
  ├── <name>_refined.<same extension>   the refined parameters, in the format that was read
  ├── <name>_comparison.mp4             before and after on the video, see --layout
  ├── <name>_report.html                the report to open in a browser: figures, the video, notes
  └── <name>_report.json                the same numbers for programs: errors, the decision for each frame

Example: lsmplify-refine gvhmr_out.pkl --video clip.mp4"""


def register_parser(subparsers: Subparsers) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "refine",
        help="refine a result (the default verb)",
        description="Refine a SMPL-family result with 2D or 3D keypoints.",
        epilog=f"{USAGE_NOTE}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    _add_files(parser.add_argument_group("files"))
    how = parser.add_argument_group("how to refine")
    add_ways(how)
    add_rate(how)
    add_keypoint_rate(how)
    add_image_size(how)
    add_regressor(parser.add_argument_group("the regressor"))
    add_video_options(parser.add_argument_group("the comparison video"))
    add_common_options(parser, json="the report, or of several inputs the summary")
    parser.set_defaults(handle=handle)


def _add_files(files: argparse._ArgumentGroup) -> None:
    add_inputs(files, "INPUT", "result file or output folder; several are refined as `batch` does, into --output DIR")
    files.add_argument(
        "--video", type=Path, metavar="PATH", help="the video, or the folder of its images (default: beside the input)"
    )
    files.add_argument("-o", "--output", type=Path, metavar="DIR", help="where to write (default: beside the input)")
    files.add_argument(
        "--keypoints", type=Path, metavar="PATH", help="file or folder of 2D or 3D keypoints (default: the input's own)"
    )
    add_calibration(files, "--keypoints")
    add_formats(files)


def handle(args: argparse.Namespace) -> int:
    """Run the job that the options describe."""
    from lsmplify_refine.cli._console import run_and_show

    args.input = [*args.source, *args.input]
    if not args.input:
        raise InputError("no input; give a result, as in `lsmplify-refine results.pkl`, or try `lsmplify-refine demo`")
    with trusting_aloud(args.trust_pickle):
        if len(args.input) > 1:
            return batch.refine_several(args)
        return run_and_show(job_from(args, args.input[0]), debug=args.debug)
