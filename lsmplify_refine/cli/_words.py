"""The one way out for words: all that the command prints goes through here, so that no file can speak to a terminal.

What it prints, and where:

    results      stdout; nothing with --quiet; one JSON document instead with --json
    progress     stderr; nothing with --quiet
    warnings     stdout beside the results; stderr with --quiet or --json
    errors       stderr
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lsmplify_refine.errors import escaped

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

#: Colours of the words that a line begins with.
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan", "failed": "bold red", "next": "cyan"}


class _State:
    """How this process speaks: there is one terminal."""

    quiet = False
    verbose = 0
    as_json = False


@contextmanager
def speaking(*, quiet: bool = False, verbose: int = 0, as_json: bool = False) -> Iterator[None]:
    """Speak in this way in the block: only warnings and errors, with details, or as one JSON document."""
    before = _State.quiet, _State.verbose, _State.as_json
    _State.quiet, _State.verbose, _State.as_json = quiet, verbose, as_json
    try:
        yield
    finally:
        _State.quiet, _State.verbose, _State.as_json = before


def is_quiet() -> bool:
    """Whether only warnings and errors are printed."""
    return _State.quiet


def is_verbose() -> bool:
    """Whether details are printed."""
    return _State.verbose > 0


def is_json() -> bool:
    """Whether the result is printed as JSON."""
    return _State.as_json


def say(text: object, *, error: bool = False) -> None:
    """Print one line: a result to stdout, an error, a warning or a detail to stderr."""
    if error:
        _print(escaped(text), sys.stderr)
    elif not (_State.quiet or _State.as_json):
        _print(escaped(text), sys.stdout)


def say_next(step: str) -> None:
    """Say what to look at, once, after all else; on stderr, so that a pipe gets results alone."""
    if not (_State.quiet or _State.as_json):
        say(f"next: {step}", error=True)


def say_on(console: Console, text: object = "", *, warning: bool = False) -> None:
    """Print one line above a console's progress bars, without rich's markup.

    Args:
        console: On stdout for results, on stderr for progress.
        text: The line.
        warning: Whether it is a warning, which is never left out.
    """
    if warning and (_State.quiet or _State.as_json) and not console.stderr:
        say(text, error=True)
    elif warning or _is_shown(console):
        console.print(_styled(escaped(text)))


def show_table(console: Console, table: Table) -> None:
    """Print a table; its cells are `escaped` texts, not markup."""
    if _is_shown(console):
        console.print(table)


def show_text(console: Console, text: Text) -> None:
    """Print a line with styles; its text is `escaped`."""
    if _is_shown(console):
        console.print(text)


def say_json(document: Any) -> None:
    """Print the result as one JSON document on stdout, if the user asked for it."""
    if _State.as_json:
        # plain ASCII: it fits every terminal, and no text of a file can speak to it
        print(json.dumps(document, indent=1, allow_nan=False), flush=True)


def _is_shown(console: Console) -> bool:
    return not _State.quiet and (console.stderr or not _State.as_json)


def _print(line: str, stream: TextIO) -> None:
    if stream.isatty() or os.environ.get("FORCE_COLOR"):
        from rich.console import Console

        # rich knows NO_COLOR, FORCE_COLOR, TERM=dumb and Windows
        Console(file=stream, soft_wrap=True, highlight=False, force_jupyter=False).print(_styled(line))
    else:
        print(line, file=stream, flush=True)


def _styled(line: str) -> Text:
    """A line whose first word has its colour."""
    from rich.text import Text

    word, colon, _ = line.partition(":")
    text = Text(line)
    if colon and word in _STYLES:
        text.stylize(_STYLES[word], 0, len(word))
    return text
