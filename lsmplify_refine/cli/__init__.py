"""The command `lsmplify-refine`: one module for each verb; `refine` is the default."""

from __future__ import annotations

import argparse
import io
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lsmplify_refine import stopping
from lsmplify_refine._version import __version__
from lsmplify_refine.cli import batch, demo, doctor, evaluate, fit, refine, train, view
from lsmplify_refine.cli._exit_codes import BAD_INPUT
from lsmplify_refine.cli._logs import logged
from lsmplify_refine.cli._options import LESS_MEMORY, expand_home
from lsmplify_refine.cli._parser import Parser
from lsmplify_refine.cli._words import say, say_json, speaking
from lsmplify_refine.errors import InputError, did_you_mean, escaped, is_out_of_memory
from lsmplify_refine.versions import DECIDING, DRAWING, OPTIONAL, installed_versions

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

#: Options of every verb, which may therefore stand before it.
_BEFORE_THE_VERB = ("-q", "--quiet", "-v", "-vv", "--verbose", "--json", "--debug")


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
    args = _parsed(argv)
    as_json: bool = getattr(args, "as_json", False)
    with speaking(quiet=args.quiet, verbose=args.verbose, as_json=as_json), logged(args.verbose):
        return _handled(args)


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The options, checked; errors name the nearest verb or option."""
    arguments = _with_verb(list(argv))
    parser, verbs = _parsers()
    if arguments[0] not in verbs:
        return parser.parse_args(arguments)
    verb = verbs[arguments[0]]
    verb.refuse_unknown_options(arguments[1:])
    args, left = parser.parse_known_args(arguments)
    # argparse takes inputs only up to the next option: `a.pt --overwrite b.pt`
    inputs: list[Any] = getattr(args, "source", None) or getattr(args, "inputs", None) or []
    if left and (not inputs or any(word.startswith("-") for word in left)):
        verb.error(f"unrecognized arguments: {' '.join(left)}")
    inputs.extend(type(inputs[0])(word) for word in left)
    return args


def _handled(args: argparse.Namespace) -> int:
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
        say_json({"error": escaped(message), "exit_code": BAD_INPUT})
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
    return _parsers()[0]


def _parsers() -> tuple[Parser, dict[str, Parser]]:
    """The whole command line, and the parser of each verb."""
    parser = Parser(
        prog="lsmplify-refine",
        description="Refine SMPL-family results of a human mesh recovery estimator with 2D or 3D keypoints.\n"
        "`refine` is the default verb; try `lsmplify-refine demo` first. `fit` takes keypoints alone.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action=_ShowVersion, nargs=0, default=argparse.SUPPRESS, help="show versions and exit"
    )
    subparsers = parser.add_subparsers(dest="verb", metavar=f"{{{','.join(VERBS)}}}", required=True)
    for verb in VERBS.values():
        verb.register_parser(subparsers)
    # the verb may be omitted, so its options belong in the first help that people see
    parser.epilog = subparsers.choices["refine"].format_help()
    return parser, subparsers.choices


class _ShowVersion(argparse.Action):
    """Prints what a bug report needs, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print the versions of this package, of Python, and of the packages that it uses."""
        say(f"lsmplify-refine {__version__}")
        say(f"Python {platform.python_version()} on {platform.platform()}")
        for packages in (DECIDING, DRAWING, OPTIONAL):
            found = installed_versions(packages)
            if found:
                say(", ".join(f"{name} {version}" for name, version in found.items()))
        parser.exit()


def _with_verb(arguments: list[str]) -> list[str]:
    """The arguments with their verb first: `refine` if there is none, so that `lsmplify-refine FILE` works."""
    if not arguments or arguments[0] == "help":
        return [*arguments[1:2], "--help"]
    count = next((i for i, argument in enumerate(arguments) if argument not in _BEFORE_THE_VERB), len(arguments))
    first, rest = arguments[:count], arguments[count:]
    if rest and (rest[0] in VERBS or rest[0] in ("-h", "--help", "--version")):
        return [rest[0], *first, *rest[1:]]
    if rest and _is_no_path(rest[0]):
        nearest = did_you_mean(rest[0], VERBS)
        say(f"error: {rest[0]}: neither a verb nor a file{nearest or '; verbs: ' + ', '.join(VERBS)}", error=True)
        sys.exit(BAD_INPUT)
    return ["refine", *arguments]


def _is_no_path(word: str) -> bool:
    """Whether a word can only be a mistyped verb."""
    return word[0:1].isalpha() and word.replace("-", "").isalpha() and not Path(word).exists()
