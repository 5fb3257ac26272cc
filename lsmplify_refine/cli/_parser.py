"""The command line's parser: it names the nearest option, value or verb for a mistyped one, on every Python."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from lsmplify_refine.cli._exit_codes import BAD_INPUT
from lsmplify_refine.cli._words import say
from lsmplify_refine.errors import did_you_mean


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, without the usage of all options.

    Options are not abbreviated: an abbreviation stops working when another option with the same beginning is added.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})

    def refuse_unknown_options(self, arguments: Sequence[str]) -> None:
        """End with an error if an option does not exist; argparse would first complain of what is missing."""
        for argument in arguments:
            if argument == "--":
                return
            name = argument.partition("=")[0]
            if name.startswith("--") and " " not in name and name not in self._option_string_actions:
                # --version stands before the verb, which may be left out
                known = ["--version", *self._option_string_actions]
                options = [option.lstrip("-") for option in known if option.startswith("--")]
                self.error(f"no such option: {name}{did_you_mean(name.lstrip('-'), options, prefix='--')}")

    def error(self, message: str) -> NoReturn:
        """Print one line, and end with the exit code of bad input."""
        refused = re.search(r"invalid choice: (.+?) \(choose from (.+)\)$", message, re.DOTALL)
        if refused:
            choices = re.findall(r"[^\s,'\"]+", refused[2])
            message += did_you_mean(refused[1].strip("'\""), choices)
        say(f"error: {message}; `{self.prog} --help` shows all options", error=True)
        sys.exit(BAD_INPUT)
