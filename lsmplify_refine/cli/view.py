"""`lsmplify-refine view`: look at a result in 3D, in a browser, or write the scene as one HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path

from lsmplify_refine.cli._exit_codes import DONE
from lsmplify_refine.cli._options import Subparsers, add_terminal_options
from lsmplify_refine.cli._words import say

USAGE_NOTE = """\
Shows the bodies before and after, with keypoints, standing feet and trails. It takes the input from the report beside
the result. With --html, nothing is served: the file plays by itself, offline.

Example: lsmplify-refine view hmr4d_results_refined.pt
         lsmplify-refine view hmr4d_results_refined.pt --html scene.html"""

#: Only this machine can reach the viewer, unless told otherwise.
_HOST, _PORT = "127.0.0.1", 8080


def register_parser(subparsers: Subparsers) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "view",
        help="look at a result in 3D, in a browser",
        description="Look at any result in 3D, refined or not.",
        epilog=USAGE_NOTE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("result", type=Path, metavar="RESULT", help="result file or output folder")
    parser.add_argument("--before", type=Path, metavar="PATH", help="what it was refined from (default: as reported)")
    parser.add_argument("--keypoints", type=Path, metavar="PATH", help="2D keypoints of one person (default: as used)")
    parser.add_argument(
        "--keypoint-convention",
        metavar="NAME",
        help="their convention, if the file names none (default: what it states)",
    )
    parser.add_argument("--video", type=Path, metavar="PATH", help="its video (default: beside the files)")
    parser.add_argument(
        "--space", choices=("camera", "world"), help="show these coordinates alone (default: all that RESULT has)"
    )
    parser.add_argument("--format", metavar="NAME", help="format of RESULT (default: recognised by content)")
    parser.add_argument("--body-model", type=Path, metavar="PATH", help="body to show (default: the open body)")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write the scene there instead of serving it (default: serve it)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    parser.add_argument("--host", default=_HOST, help="address to serve at (default: %(default)s, this machine alone)")
    parser.add_argument("--port", type=int, default=_PORT, metavar="N", help="port to serve at (default: %(default)s)")
    add_terminal_options(parser)
    parser.set_defaults(handle=handle, stopped="the viewer is closed")


def handle(args: argparse.Namespace) -> int:
    """Show the scene."""
    from lsmplify_refine.body import BodyModel
    from lsmplify_refine.errors import InputError
    from lsmplify_refine.view.page import write_page
    from lsmplify_refine.view.panel import Panel
    from lsmplify_refine.view.read import read_clips
    from lsmplify_refine.view.serving import is_this_machine, serving

    if args.html is not None and args.html.exists() and not args.overwrite:
        raise InputError(f"{args.html}: exists already; use --overwrite to replace it")
    body = None if args.body_model is None else BodyModel.load(args.body_model)
    clips = read_clips(
        args.result,
        before=args.before,
        video=args.video,
        space=args.space,
        body=body,
        format=args.format,
        keypoints=args.keypoints,
        keypoint_convention=args.keypoint_convention,
    )
    for note in clips[0].notes:
        say(f"note: {note}", error=True)
    if args.html is not None:
        write_page(clips, args.html)
        say(f"wrote {args.html}")
        return DONE
    if not is_this_machine(args.host):
        say(f"--host {args.host}: everybody on the network can look at this scene, its video included", error=True)
    with serving(args.host, args.port) as server:
        panel = Panel(server, clips)
        say(f"{panel.address} shows {clips[0].name}; Ctrl-C ends it")
        panel.run()
    return DONE
