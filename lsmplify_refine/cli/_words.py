"""The one way out for words: all that the command prints goes through here, so that no file can speak to a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lsmplify_refine.errors import escaped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def say(text: object, *, error: bool = False) -> None:
    """Print one line to stdout, or to stderr."""
    print(escaped(text), file=sys.stderr if error else sys.stdout, flush=True)


def say_on(console: Console, text: object = "") -> None:
    """Print one line above a console's progress bars, without rich's markup."""
    console.print(escaped(text), markup=False)


def show_table(console: Console, table: Table) -> None:
    """Print a table; its cells are `escaped` texts, not markup."""
    console.print(table)
