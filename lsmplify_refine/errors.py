"""Errors meant for the person at the terminal, and the escaping of all text that may come from a file."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: Max characters of a message; keys and names in a file may have any length.
_MAX_MESSAGE = 1500


class InputError(Exception):
    """Bad input: one line that names the file (and key) and says what to do.

    The command line prints the message and exits with code 2; a traceback appears only under `--debug`. Text from files
    is escaped, however the message is shown.
    """

    def __str__(self) -> str:
        return escaped(super().__str__(), _MAX_MESSAGE)


def escaped(text: object, limit: int | None = None) -> str:
    r"""Text as one line that a terminal, log or page can show: control characters become `\x1b`, line breaks spaces.

    Args:
        text: Anything; names, keys and values from files, mostly.
        limit: Max characters; what is longer loses its middle.
    """
    line = str(text)
    if limit is not None and len(line) > limit:
        line = f"{line[: limit * 2 // 3]}...{line[-(limit // 3) :]}"
    if not line.isprintable():
        line = " ".join(line.split())
        # also characters that reverse or hide text, and bytes of a file name that are not UTF-8
        line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
    return line


#: What torch, OpenCV and CUDA say instead of raising a `MemoryError`.
_OUT_OF_MEMORY = ("allocate memory", "Insufficient memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of any library means that there is not enough memory."""
    return isinstance(error, MemoryError) or any(text in str(error) for text in _OUT_OF_MEMORY)


def describe_error(error: BaseException) -> str:
    """An error in one line. Its type is named unless the message is for the user."""
    if is_out_of_memory(error) and not isinstance(error, InputError):
        return "out of memory"
    text = escaped(error, _MAX_MESSAGE)
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "") -> str:
    """Name the known word that is nearest to a mistyped one, for the end of a message.

    Args:
        word: What was given.
        known: What there is.
        prefix: Put before the word that is named, such as the dashes of an option.

    Returns:
        "; did you mean X?", or "" if nothing is near.
    """
    names = {name.lower(): name for name in known}
    # the beginning of a longer word is an abbreviation, not a slip
    longer = sorted((name for name in names if word and name.startswith(word.lower())), key=len)
    near = (longer or get_close_matches(word.lower(), names, n=1))[:1]
    return f"; did you mean {prefix}{names[near[0]]}?" if near else ""
