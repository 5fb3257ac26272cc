"""Errors meant for the person at the terminal."""

from __future__ import annotations


class InputError(Exception):
    """Bad input: one line that names the file (and key) and says what to do.

    The command line prints the message and exits with code 2; a traceback appears only under `--debug`.
    """


def describe_error(error: BaseException) -> str:
    """An error in one line. Its type is named unless the message is for the user."""
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
