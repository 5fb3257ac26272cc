"""The page of all options, made from the command line's own parser when the documentation is built.

    python scripts/cli_reference.py

prints it. MkDocs calls `on_page_markdown` (`hooks` in mkdocs.yml), which puts it below the head of docs/options.md. The
page does not depend on the Python that makes it, as the layout of `--help` does.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

from lsmplify_refine.cli import make_parser


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """MkDocs's hook: the options below the head of their page."""
    return markdown + all_verbs() if page.file.src_uri == "options.md" else markdown


def all_verbs() -> str:
    """Every verb and option, as Markdown."""
    (verbs,) = [each for each in make_parser()._actions if isinstance(each, argparse._SubParsersAction)]
    return "".join(part for name, parser in verbs.choices.items() for part in section(name, parser))


def section(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """One verb: what it does, a table for each group of options, and the text below its help."""
    yield f"\n## {name}\n\n{' '.join((parser.description or '').split())}\n"
    for group in parser._action_groups:
        actions = [each for each in group._group_actions if not isinstance(each, argparse._HelpAction)]
        if actions:
            title = {"options": "others", "positional arguments": "inputs"}.get(group.title or "", group.title)
            yield f"\n| {title} | meaning |\n| --- | --- |\n"
            yield from (f"| {usage(action)} | {meaning(action)} |\n" for action in actions)
    if parser.epilog:
        yield f"\n```text\n{parser.epilog}\n```\n"


def usage(action: argparse.Action) -> str:
    """How the option is written, such as `-o`, `--output DIR`."""
    if not action.option_strings:
        return f"`{action.metavar}{' ...' if action.nargs in ('*', '+') else ''}`"
    value = "" if action.nargs == 0 else f" {action.metavar or choices(action)}"
    several = " ..." if action.nargs == "+" else ""
    *short, last = action.option_strings
    return ", ".join([*(f"`{option}`" for option in short), f"`{last}{value}{several}`"]).replace("|", r"\|")


def choices(action: argparse.Action) -> str:
    """The values of an option that has no word for them."""
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def meaning(action: argparse.Action) -> str:
    """The option's help in one line of a table."""
    text = (action.help or "") % {**vars(action), "prog": "lsmplify-refine"}
    # what a page would take for markup is code
    return re.sub(r"(?<!`)(<[^>]*>|\*[^ ]*)", r"`\1`", text).replace("|", r"\|")


if __name__ == "__main__":
    print(all_verbs())
