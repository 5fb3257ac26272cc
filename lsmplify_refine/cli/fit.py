"""`lsmplify-refine fit`: read keypoints alone; write SMPL parameters, animations, a video and a report."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lsmplify_refine.cli._exit_codes import EXIT_CODES
from lsmplify_refine.cli._options import Subparsers, add_common_options, given_options
from lsmplify_refine.cli._refine_options import (
    add_calibration,
    add_convention,
    add_image_size,
    add_inputs,
    add_output_format,
    add_person,
    add_rate,
    add_regressor,
    add_video_options,
)
from lsmplify_refine.errors import InputError
from lsmplify_refine.options import Units, Up

if TYPE_CHECKING:
    from lsmplify_refine.job.job import FitJob

USAGE_NOTE = """\
The command writes, beside the keypoints or in --output DIR:
  DIR/
  ├── <name>_fit.npz                SMPL parameters, or what --output-format says; with several formats or people
  │                                 <name>_fit_<person>_<format>.<extension>
  ├── <name>_fit_comparison.mp4     the body on the video: posed frame by frame, and fitted (2D keypoints)
  ├── <name>_fit_report.html        the report to open in a browser
  └── <name>_fit_report.json        errors of the fitted body, and what was read and assumed

Examples: lsmplify-refine fit markers.trc --output-format bvh --output-format glb
          lsmplify-refine fit openpose_json/ --video clip.mp4
          lsmplify-refine fit all_cameras/ --calibration calibration.toml"""


def register_parser(subparsers: Subparsers) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "fit",
        help="fit SMPL to keypoints alone, 2D or 3D, of one or several cameras",
        description="Fit SMPL to keypoints alone. Unit, vertical axis and handedness of 3D keypoints are told by the "
        "bodies.",
        epilog=f"{USAGE_NOTE}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    files = parser.add_argument_group("files")
    add_inputs(files, "KEYPOINTS", "file or folder of keypoints; several are fitted one after another")
    files.add_argument(
        "--video",
        type=Path,
        metavar="PATH",
        help="the video, or the folder of its images, that 2D keypoints are of (default: none)",
    )
    files.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="where to write (default: beside the keypoints)"
    )
    add_convention(files)
    add_calibration(files, "KEYPOINTS")
    add_output_format(files, default="smpl-npz, or smplx-npz with hands or with such a --body-model")
    how = parser.add_argument_group("how to fit")
    _add_room(how)
    add_person(how, "only the person nearest to the cameras, or with this id (default: all)", gender="neutral")
    add_regressor(parser.add_argument_group("the regressor"))
    add_video_options(parser.add_argument_group("the comparison video"), as_read=False)
    add_common_options(parser, json="the report, or of several inputs a list of reports,")
    parser.set_defaults(handle=handle)


def _add_room(how: argparse._ArgumentGroup) -> None:
    how.add_argument(
        "--units", choices=get_args(Units), help="unit of 3D keypoints (default: told by the size of the bodies)"
    )
    how.add_argument(
        "--up",
        choices=get_args(Up),
        help="vertical axis of 3D keypoints, as in --up=-y (default: the one that the bodies stand along)",
    )
    add_rate(how)
    add_image_size(how)


def handle(args: argparse.Namespace) -> int:
    """Run the job that the options describe."""
    from lsmplify_refine.cli._console import run_all_and_show, run_and_show
    from lsmplify_refine.job.job import FitJob

    sources = [*args.source, *args.input]
    if not sources:
        raise InputError("give a file or folder of keypoints, as in `lsmplify-refine fit markers.trc`")
    jobs = [FitJob(**{**given_options(args, FitJob), "input": source}) for source in sources]
    if len(jobs) == 1:
        return run_and_show(jobs[0], debug=args.debug)
    _check_several(jobs)
    return run_all_and_show(jobs, debug=args.debug)


def _check_several(jobs: Sequence[FitJob]) -> None:
    """Refuse what belongs to one input, and inputs whose outputs would have the same names."""
    from lsmplify_refine.job.outputs import name_outputs

    for option in ("video", "calibration"):
        if getattr(jobs[0], option) is not None:
            raise InputError(f"--{option}: belongs to one input, not to {len(jobs)}; fit them one by one")
    reports = [name_outputs(job.input, job.output, "fit").report for job in jobs]
    twice = next((report for report in reports if reports.count(report) > 1), None)
    if twice is not None:
        raise InputError(f"{twice}: two inputs would write it; rename one, or fit them one by one with -o DIR")
