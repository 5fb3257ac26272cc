"""The command `lsmplify-refine`: one module for each verb; `refine` is the default."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence

from lsmplify_refine import stopping
from lsmplify_refine._version import __version__
from lsmplify_refine.cli import batch, demo, doctor, evaluate, fit, refine, train, view
from lsmplify_refine.cli._options import BAD_INPUT, LESS_MEMORY, expand_home
from lsmplify_refine.cli._words import say
from lsmplify_refine.errors import InputError, is_out_of_memory

VERBS = {
    "refine": refine,
    "fit": fit,
    "batch": batch,
    "view": view,
    "demo": demo,
    "doctor": doctor,
    "train": train,
    "evaluate": evaluate,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code, see `_options.EXIT_CODES`."""
    # before any heavy import: a signal must not break off inside one
    with stopping.watched():
        return _run(sys.argv[1:] if argv is None else argv)


def _run(argv: Sequence[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        # names of files and people need not be in the terminal's encoding
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    args = make_parser().parse_args(_with_verb(list(argv)))
    try:
        expand_home(args)
        handle: Callable[[argparse.Namespace], int] = args.handle
        code = handle(args)
    except KeyboardInterrupt:
        left: str = getattr(args, "stopped", "no results were written")
        return _stopped(stopping.remains() or left, stopping.received())
    except Exception as error:
        message = _message(error)
        if args.debug or message is None:
            raise
        say(f"error: {message}", error=True)
        return BAD_INPUT
    # a signal that came after the last look at it
    if stopping.received() is None:
        return code
    return _stopped(stopping.remains() or "everything was done already", stopping.received())


def _stopped(left: str, number: int | None) -> int:
    say(f"stopped; {left}", error=True)
    return stopping.exit_code(number)


def _message(error: Exception) -> str | None:
    """What to tell the user of an error; None if it is not theirs but a fault of this program."""
    if isinstance(error, InputError | OSError):
        return str(error)
    if is_out_of_memory(error):
        return f"out of memory; {LESS_MEMORY}"
    return None


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="lsmplify-refine",
        description="Refine SMPL-family results of a human mesh recovery estimator with 2D or 3D keypoints.\n"
        "`refine` is the default verb; try `lsmplify-refine demo` first. `fit` takes keypoints alone.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"lsmplify-refine {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar=f"{{{','.join(VERBS)}}}", required=True)
    for verb in VERBS.values():
        verb.register_parser(subparsers)
    # the verb may be omitted, so its options belong in the first help that people see
    parser.epilog = subparsers.choices["refine"].format_help()
    return parser


def _with_verb(arguments: list[str]) -> list[str]:
    """The arguments with `refine` if no verb is given, so that `lsmplify-refine --input FILE` works."""
    if arguments and (arguments[0] in VERBS or arguments[0] in ("-h", "--help", "--version")):
        return arguments
    return ["refine", *arguments] if arguments else ["--help"]
