"""`lsmplify-refine doctor`: check what works on this machine, and print a fix for what does not."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from lsmplify_refine.cli._exit_codes import DONE, FAULTS_FOUND
from lsmplify_refine.cli._options import Subparsers, add_terminal_options
from lsmplify_refine.cli._words import is_json, is_quiet, say, say_json
from lsmplify_refine.versions import versions


def register_parser(subparsers: Subparsers) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "doctor",
        help="check what works on this machine",
        description="Check what works on this machine, and print a fix for what does not. The exit code is 0 if "
        "refining works, else 1.",
    )
    parser.add_argument(
        "--body-model", type=Path, metavar="PATH", help="also check this body model (default: only the open one)"
    )
    add_terminal_options(parser, json="the checks")
    parser.set_defaults(handle=handle)


def handle(args: argparse.Namespace) -> int:
    """Print one line per check; return 1 if something that refining needs does not work."""
    from lsmplify_refine.job.checks import examine

    works, found = True, []
    for check in examine(args.body_model):
        verdict = "OK  " if check.ok else ("FAIL" if check.needed else "--  ")
        fault = check.needed and not check.ok
        # a fault is an error also where results are not printed
        aside = fault and (is_quiet() or is_json())
        say(f"{verdict} {check.name}: {check.detail}", error=aside)
        if check.fix:
            say(f"     fix: {check.fix}", error=aside)
        works = works and not fault
        found.append(asdict(check))
    say_json({"works": works, "versions": versions(), "checks": found})
    say("Refining works here." if works else "Refining does not work here yet; see the fixes above.")
    return DONE if works else FAULTS_FOUND
