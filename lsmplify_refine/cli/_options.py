"""Options that several verbs share."""

from __future__ import annotations

import argparse


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
    group.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    add_debug_option(group)


def add_debug_option(parser: argparse._ActionsContainer) -> None:
    """Tracebacks instead of one-line errors."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
