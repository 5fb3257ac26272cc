"""Options that several verbs share, and their types."""

from __future__ import annotations

import argparse
import math


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Where to compute, what to write, and how to fail."""
    group = parser.add_argument_group("running")
    group.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="default: CUDA if there, else CPU",
    )
    group.add_argument("--no-video", dest="write_video", action="store_false", help="no comparison video")
    group.add_argument("--overwrite", action="store_true", help="replace output files that exist (a folder: never)")
    add_debug_option(group)


def add_debug_option(parser: argparse._ActionsContainer) -> None:
    """Tracebacks instead of one-line errors."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def positive(text: str) -> float:
    """A finite number above 0, for argparse."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def at_least_one(text: str) -> int:
    """A whole number above 0, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def not_negative(text: str) -> float:
    """A finite number, 0 or above, for argparse."""
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def whole_number(text: str) -> int:
    """0, 1, 2, ..., for argparse."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value
