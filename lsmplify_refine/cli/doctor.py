"""`lsmplify-refine doctor`: check what works on this machine, and print a fix for what does not."""

from __future__ import annotations

import argparse
from pathlib import Path

from lsmplify_refine.cli._options import DONE, FAULTS_FOUND, Subparsers, add_debug_option
from lsmplify_refine.cli._words import say


def register_parser(subparsers: Subparsers) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "doctor",
        help="check what works on this machine",
        description="Check what works on this machine, and print a fix for what does not. The exit code is 0 if "
        "refining works, else 1.",
    )
    parser.add_argument("--body-model", type=Path, metavar="PATH", help="also check this body model")
    add_debug_option(parser)
    parser.set_defaults(handle=handle)


def handle(args: argparse.Namespace) -> int:
    """Print one line per check; return 1 if something that refining needs does not work."""
    from lsmplify_refine.job.checks import examine

    works = True
    for check in examine(args.body_model):
        verdict = "OK  " if check.ok else ("FAIL" if check.needed else "--  ")
        say(f"{verdict} {check.name}: {check.detail}")
        if check.fix:
            say(f"     fix: {check.fix}")
        works = works and (check.ok or not check.needed)
    say("Refining works here." if works else "Refining does not work here yet; see the fixes above.")
    return DONE if works else FAULTS_FOUND
