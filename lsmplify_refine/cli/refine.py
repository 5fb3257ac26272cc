"""`lsmplify-refine refine`: read an estimator's result; write the refined result, a comparison video and a report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from lsmplify_refine.cli._options import (
    EXIT_CODES,
    Subparsers,
    add_common_options,
    job_from,
    ranged,
)
from lsmplify_refine.cli._words import say
from lsmplify_refine.options import Align, Gender, Mode, OutputFormat
from lsmplify_refine.values.layouts import LAYOUTS

USAGE_NOTE = """\
The command writes, beside the input or in --output DIR:
  DIR/
  ├── <name>_refined.<same extension>   the refined parameters, in the format that was read
  ├── <name>_comparison.mp4             before and after, side by side, on the video
  └── <name>_report.json                errors before and after, and the decision for each frame

Example: lsmplify-refine --input gvhmr_out.pkl --video clip.mp4"""


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
    _add_ways(parser.add_argument_group("how to refine"))
    _add_regressor(parser.add_argument_group("the regressor"))
    add_common_options(parser)
    parser.set_defaults(handle=handle)


def _add_files(files: argparse._ArgumentGroup) -> None:
    files.add_argument("--input", type=Path, required=True, metavar="PATH", help="result file or output folder")
    files.add_argument(
        "--video", type=Path, metavar="PATH", help="the video, or the folder of its images (default: beside the input)"
    )
    files.add_argument("--output", type=Path, metavar="DIR", help="where to write (default: beside the input)")
    files.add_argument(
        "--keypoints", type=Path, metavar="PATH", help="file or folder of 2D or 3D keypoints (default: the input's own)"
    )
    files.add_argument(
        "--keypoint-convention",
        choices=tuple(LAYOUTS),
        metavar="NAME",
        help=f"convention of the keypoints, if the file does not state it: {', '.join(LAYOUTS)}",
    )
    files.add_argument(
        "--detector",
        metavar="NAME",
        help="detect 2D keypoints in the video instead of using the input's: mediapipe, rtmpose or an installed "
        "detector (default: mediapipe if the input has no keypoints)",
    )
    files.add_argument(
        "--detector-model", type=Path, metavar="FILE", help="model file of the detector (default: downloaded once)"
    )
    files.add_argument(
        "--calibration",
        type=Path,
        metavar="PATH",
        help="camera calibration, a folder of intri.yml and extri.yml or a Pose2Sim .toml; --keypoints is then the "
        "folder of all cameras' 2D keypoints",
    )
    files.add_argument(
        "--format",
        metavar="NAME[:OPTION=VALUE,...]",
        help="format of the input, such as wham or generic:family=smplx (default: recognised by content)",
    )
    files.add_argument(
        "--output-format",
        choices=get_args(OutputFormat),
        help="write one person in this format (default: the input's); the notes say what that changes",
    )
    files.add_argument(
        "--trust-pickle",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="let this file run the code in its pickle; only for files that you made yourself (repeatable)",
    )


def _add_ways(how: argparse._ArgumentGroup) -> None:
    how.add_argument("--person", metavar="ID", help="refine only the person with this track id (default: all)")
    how.add_argument(
        "--align",
        choices=get_args(Align),
        help="how to bring 3D keypoints into the result's frame: camera leaves them as they are, torso aligns hips and "
        "shoulders, procrustes aligns and scales all points (default: auto, the best fit, named in the report)",
    )
    how.add_argument(
        "--focal-px",
        type=ranged("focal_px"),
        metavar="F",
        help="focal length in pixels (default: the file's, else the image diagonal)",
    )
    how.add_argument(
        "--body-model",
        type=Path,
        metavar="PATH",
        help="your SMPL, SMPL-H or SMPL-X file, or a folder of them (default: the open body)",
    )
    how.add_argument("--gender", choices=get_args(Gender), help="gender of --body-model (default: the input's)")
    how.add_argument(
        "--smooth-seconds",
        type=ranged("smooth_seconds"),
        metavar="S",
        help="low-pass of the correction in seconds, instead of the motion model's own; 0 fits each frame on its own "
        "(deprecated: goes with the next release)",
    )


def _add_regressor(learned: argparse._ArgumentGroup) -> None:
    learned.add_argument(
        "--weights",
        metavar="FILE",
        help="shipped, none for the projection alone, a file from `train`, or Learnable SMPLify's best_ckpt.pth.tar "
        "(default: shipped)",
    )
    learned.add_argument(
        "--mode",
        choices=get_args(Mode),
        help="plug-in starts every frame from the estimate; sequential starts it from the previous frame's result if "
        "that is nearer to the keypoints (default: plug-in)",
    )
    learned.add_argument(
        "--passes", type=ranged("passes", int), metavar="N", help="apply the regressor N times (default: 1)"
    )


def handle(args: argparse.Namespace) -> int:
    """Run the job that the options describe."""
    from lsmplify_refine.cli._console import run_and_show
    from lsmplify_refine.safe_load import trusting

    with trusting(args.trust_pickle) as notes:
        for note in notes:
            say(f"warning: {note}", error=True)
        return run_and_show(job_from(args, args.input), debug=args.debug)
