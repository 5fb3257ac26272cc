"""Shared by the verbs: common options, argument types, and the job that options describe."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, get_args

from lsmplify_refine.cli._parser import Parser
from lsmplify_refine.errors import InputError
from lsmplify_refine.options import Device
from lsmplify_refine.values.ranges import check_range

if TYPE_CHECKING:
    from lsmplify_refine.job.job import Job

#: Where a verb adds its parser.
Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"

_Number = TypeVar("_Number", int, float)

#: What to do if the memory does not suffice.
LESS_MEMORY = "a shorter clip or --no-video needs less; if the GPU is full, use --device cpu"

#: No option without a range of its own needs smaller or larger numbers.
_MIN_NUMBER, _MAX_NUMBER = 1e-12, 1e9


def add_common_options(parser: argparse.ArgumentParser, *, json: str) -> None:
    """Where to compute, what to write, and what to say; `json` names what --json prints."""
    group = parser.add_argument_group("running")
    add_device_option(group)
    group.add_argument("--no-video", dest="write_video", action="store_false", help="do not write a comparison video")
    group.add_argument("--no-html", dest="write_page", action="store_false", help="do not write the HTML report")
    group.add_argument(
        "--scene", action="store_true", help="put the motion in 3D into the HTML report (needs viser: [view])"
    )
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="replace earlier outputs, the comparison video included; folders are never replaced",
    )
    add_terminal_options(parser, json=json)


def add_device_option(parser: argparse._ActionsContainer) -> None:
    """Where to compute."""
    parser.add_argument(
        "--device", choices=get_args(Device), help="where to compute (default: CUDA if available, else CPU)"
    )


def add_terminal_options(parser: argparse.ArgumentParser, *, json: str | None = None) -> None:
    """What to say at the terminal.

    Args:
        parser: Where to add them.
        json: What --json prints, in words; None for verbs that have no result to print.
    """
    group = parser.add_argument_group("at the terminal")
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument(
        "-q", "--quiet", action="store_true", default=False, help="print only warnings and errors, no progress"
    )
    loudness.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="also print timings and what was read and assumed; -vv adds the logs of other packages",
    )
    if json is not None:
        group.add_argument(
            "--json",
            dest="as_json",
            action="store_true",
            default=False,
            help=f"print {json} as JSON on stdout, and all else on stderr",
        )
    group.add_argument("--debug", action="store_true", default=False, help="show the traceback of an error")


def expand_home(args: argparse.Namespace) -> None:
    """Replace `~` in every option that is a path; shells leave it in `--input=~/clip` and between quotes.

    Raises:
        InputError: There is no such user.
    """
    for name, value in vars(args).items():
        setattr(args, name, [_expanded(each) for each in value] if isinstance(value, list) else _expanded(value))


def _expanded(value: Any) -> Any:
    if not isinstance(value, Path | str) or not str(value).startswith("~"):
        return value
    try:
        # an option may be a path or a name, as --weights
        return type(value)(Path(value).expanduser())
    except RuntimeError as error:
        raise InputError(f"{value}: {error}; write the whole path") from error


def job_from(args: argparse.Namespace, source: Path) -> Job:
    """The job that the options describe.

    An option's `dest` is the job's field. The parser leaves out options that are not given
    (`argument_default=SUPPRESS`), so that every default is written once, in `Job`.

    Args:
        args: The parsed options.
        source: The input.
    """
    from lsmplify_refine.job.job import Job

    return Job(**{**given_options(args, Job), "input": source})


def given_options(args: argparse.Namespace, config: type[Any]) -> dict[str, Any]:
    """The options given by the user that are fields of a dataclass."""
    given = {field.name: getattr(args, field.name) for field in fields(config) if hasattr(args, field.name)}
    # repeated options are lists, and the fields of a frozen dataclass tuples
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def _number(kind: type[_Number], text: str) -> _Number:
    try:
        return kind(text)
    except ValueError as error:
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"{text} is not {what}") from error


def ranged(option: str, kind: type[float] = float) -> Callable[[str], float]:
    """A number in an option's range, for argparse."""

    def number(text: str) -> float:
        """The number."""
        value = _number(kind, text)
        try:
            check_range(option, value)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return value

    return number


def positive(text: str) -> float:
    """A finite number above 0, for argparse."""
    value = _number(float, text)
    if not _MIN_NUMBER < value < _MAX_NUMBER:
        raise argparse.ArgumentTypeError(f"{text} is not above 0, or far too large")
    return value


def at_least_one(text: str) -> int:
    """A whole number above 0, for argparse."""
    value = _number(int, text)
    if not 1 <= value < _MAX_NUMBER:
        raise argparse.ArgumentTypeError(f"{text} is below 1, or far too large")
    return value


def not_negative(text: str) -> float:
    """A finite number, 0 or above, for argparse."""
    value = _number(float, text)
    if value != 0 and not _MIN_NUMBER < value < _MAX_NUMBER:
        raise argparse.ArgumentTypeError(f"{text} is below 0, or far too large")
    return value


def whole_number(text: str) -> int:
    """0, 1, 2, ..., for argparse."""
    value = _number(int, text)
    if not 0 <= value < _MAX_NUMBER:
        raise argparse.ArgumentTypeError(f"{text} is below 0, or far too large")
    return value
