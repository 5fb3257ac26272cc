"""`lsmplify-refine batch`: refine many clips, resume, and print the table."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsmplify_refine.cli._options import (
    Subparsers,
    add_device_option,
    add_terminal_options,
    at_least_one,
    given_options,
    positive,
    whole_number,
)
from lsmplify_refine.cli._refine_options import (
    add_formats,
    add_image_size,
    add_keypoint_rate,
    add_rate,
    add_regressor,
    add_video_options,
    add_ways,
)
from lsmplify_refine.cli._trust import trusting_aloud
from lsmplify_refine.cli._words import say
from lsmplify_refine.errors import InputError

if TYPE_CHECKING:
    from lsmplify_refine.batch.rows import Row
    from lsmplify_refine.batch.settings import Settings
    from lsmplify_refine.batch.shards import Shard

#: Where a batch writes, unless told otherwise.
DEFAULT_OUTPUT = Path("refined")

TREE = """\
The command finds the results in each INPUT and writes to --output DIR, whose folders mirror the input's:
  DIR/
  ├── <clip>/<name>_refined.<same extension>   the refined parameters, in the format that was read
  ├── <clip>/<name>_report.json                errors before and after, and the decision for each frame
  ├── <clip>/<name>_comparison.mp4             of the clips that --videos chooses
  ├── <clip>/<name>_report.html                of the same clips: the report to open in a browser
  ├── run.html                                 the page of the batch: open it in a browser, offline too
  ├── table.md                                 do nothing against refined, by group, with confidence intervals
  ├── summary.csv, summary.json                a line per clip and person (summary.parquet if pyarrow is installed)
  └── .batch/                                  what has been done: run the same command again to go on

Exit codes: 0 all clips done; 2 nothing could start; 3 some clips failed, or the run broke off; 130, 143, 129 stopped by
Ctrl-C, SIGTERM or SIGHUP after the clips in hand."""

_AGAIN = "what is done stays done; run the same command again to go on"


def register_parser(subparsers: Subparsers) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "batch",
        help="refine many results, resume, and print a table",
        description="Refine many results: folders, patterns, a manifest, or a data set.",
        epilog=TREE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    _add_clips(parser.add_argument_group("clips"))
    _add_running(parser.add_argument_group("running"))
    add_formats(parser.add_argument_group("files"))
    how = parser.add_argument_group("how to refine")
    add_ways(how)
    add_rate(how)
    add_keypoint_rate(how)
    add_image_size(how)
    add_regressor(parser.add_argument_group("the regressor"))
    add_video_options(parser.add_argument_group("comparison videos"), one_clip=False)
    add_terminal_options(parser, json="the summary")
    parser.set_defaults(handle=handle, stopped=_AGAIN)


def _add_clips(clips: argparse._ArgumentGroup) -> None:
    clips.add_argument(
        "inputs",
        nargs="*",
        default=[],
        metavar="INPUT",
        help="result, folder of results, pattern such as 'data/*/out.pkl', or manifest (.csv, .jsonl)",
    )
    clips.add_argument(
        "--layout",
        metavar="NAME",
        help="INPUT is a data set with this layout: a shipped one, or your .toml file (default: INPUT holds results)",
    )
    clips.add_argument(
        "--targets",
        choices=("auto", "3d", "2d", "own"),
        help="keypoints of the layout to refine onto (default: the layout's choice, 3D where there are some)",
    )
    clips.add_argument(
        "-o",
        "--output",
        type=Path,
        default=DEFAULT_OUTPUT,
        metavar="DIR",
        help=f"folder to write to (default: {DEFAULT_OUTPUT})",
    )
    clips.add_argument(
        "--manifest-only",
        nargs="?",
        type=Path,
        const=Path("manifest.csv"),
        metavar="FILE",
        help="only write the manifest, to look at and to edit (default: manifest.csv)",
    )
    clips.add_argument("--dry-run", action="store_true", help="only say what would be done, and what is missing")
    clips.add_argument(
        "--summary-only", action="store_true", help="only write the summary of what is in --output, such as all shards"
    )


def _add_running(running: argparse._ArgumentGroup) -> None:
    running.add_argument(
        "--jobs",
        type=whole_number,
        metavar="N",
        help="worker processes (default: one for each core; 0 works in this process, for a debugger)",
    )
    running.add_argument(
        "--cluster",
        metavar="tcp://HOST:PORT",
        help="run on the workers of this Dask scheduler (default: on this machine)",
    )
    running.add_argument(
        "--shard",
        metavar="I/N",
        help="do the I-th of N shares (default: as the array variables of Slurm, Grid Engine or LSF say)",
    )
    running.add_argument("--force", action="store_true", help="do clips again that are done")
    running.add_argument(
        "--clip-seconds", type=positive, metavar="S", help="give a clip up after so many seconds (default: never)"
    )
    running.add_argument(
        "--pack", type=at_least_one, metavar="N", help="clips in a task (default: as many as take two seconds)"
    )
    running.add_argument(
        "--videos",
        metavar="none|worst:N|sample:N|all",
        help="which clips get a comparison video (default: worst:10, those whose error fell least)",
    )
    add_device_option(running)


def handle(args: argparse.Namespace) -> int:
    """Do what the options say."""
    from lsmplify_refine.cli import _batch_console as console

    if hasattr(args, "summary_only"):
        return console.show_summary(args.output)
    if not args.inputs:
        raise InputError("batch: no INPUT; give folders, patterns, a manifest, or a data set with --layout")
    with trusting_aloud(args.trust_pickle):
        rows = find_rows(args)
        if hasattr(args, "manifest_only"):
            return console.write_manifest(rows, args.manifest_only)
        settings = settings_from(args)
        return console.show_plan(rows, settings) if hasattr(args, "dry_run") else console.run_and_show(rows, settings)


def refine_several(args: argparse.Namespace) -> int:
    """Refine the several inputs of the single command."""
    for option in ("video", "keypoints", "calibration", "snapshot", "scene"):
        if hasattr(args, option):
            raise InputError(f"--{option}: belongs to one input, not to {len(args.input)}; list them in a manifest")
    args.inputs, args.output = args.input, getattr(args, "output", DEFAULT_OUTPUT)
    args.videos = "all" if getattr(args, "write_video", True) else "none"
    if hasattr(args, "overwrite"):
        args.force = True
    from lsmplify_refine.cli import _batch_console as console

    return console.run_and_show(find_rows(args), settings_from(args))


def find_rows(args: argparse.Namespace) -> list[Row]:
    """The clips that the options name, and a line for files that are left out."""
    from lsmplify_refine.batch.discover import discover

    if hasattr(args, "layout"):
        from lsmplify_refine.batch.layouts import rows

        if len(args.inputs) != 1:
            raise InputError(f"--layout {args.layout}: give one INPUT, the folder of the data set")
        return rows(args.layout, Path(args.inputs[0]), targets=getattr(args, "targets", None))
    if hasattr(args, "targets"):
        raise InputError(f"--targets {args.targets}: only a --layout says where several keypoints lie")
    found = discover(args.inputs, leave_out=args.output)
    if found.skipped:
        names = ", ".join(map(str, found.skipped[:3]))
        say(f"note: {len(found.skipped)} files hold no known result and are left out: {names}", error=True)
    return list(found.rows)


def settings_from(args: argparse.Namespace) -> Settings:
    """The settings that the options describe."""
    from lsmplify_refine.batch.rows import VIDEO_OPTIONS, option_names
    from lsmplify_refine.batch.settings import Settings
    from lsmplify_refine.batch.videos import parse_videos
    from lsmplify_refine.job.job import Job

    given: dict[str, Any] = given_options(args, Settings)
    names = (*option_names(), *VIDEO_OPTIONS)
    given["options"] = {name: value for name, value in given_options(args, Job).items() if name in names}
    given["jobs"] = given.get("jobs", _cores())
    given["shard"] = _shard(given.get("shard"))
    given["trusted"] = tuple(path.absolute() for path in args.trust_pickle)
    given["output"] = args.output.absolute()
    if "videos" in given:
        given["videos"] = parse_videos(given["videos"])
    return Settings(**given)


def _shard(text: str | None) -> Shard:
    from lsmplify_refine.batch.shards import WHOLE, parse_shard, shard_of_array

    if text is not None:
        return parse_shard(text)
    found = shard_of_array(os.environ)
    if found is None:
        return WHOLE
    shard, scheduler = found
    say(f"note: an array of {scheduler}: this task does shard {shard}; --shard 1/1 does all clips", error=True)
    return shard


def _cores() -> int:
    """Cores that this process may use."""
    # a scheduler or a container may allow fewer than the machine has
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
