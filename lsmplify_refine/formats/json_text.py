"""Write a JSON file again with some numbers changed: all other text stays, digits and spaces included."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

#: A string, to be skipped, or a number as Python's parser takes it.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|(-?(?:Infinity|NaN|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?))')


def with_numbers(text: str, before: Any, after: Any) -> str | None:
    """The text of `before` with the numbers of `after` where they differ.

    Args:
        text: A JSON file.
        before: Its content.
        after: The same content with other numbers.

    Returns:
        The new text; None if the two differ in more than numbers, or if a key of the text occurs twice.
    """
    if not _same_shape(before, after):
        return None
    old, new = list(_numbers(before)), list(_numbers(after))
    tokens = [match for match in _TOKEN.finditer(text) if match[1] is not None]
    if not len(old) == len(new) == len(tokens):
        return None
    parts, end = [], 0
    for token, was, now in zip(tokens, old, new):
        if was is now or was == now:
            continue
        parts += [text[end : token.start(1)], json.dumps(now)]
        end = token.end(1)
    return "".join([*parts, text[end:]])


def _numbers(value: Any) -> Iterator[int | float]:
    """Every number in the order of the text."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _same_shape(one: Any, other: Any) -> bool:
    """Whether two values differ in numbers alone."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same_shape(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same_shape, one, other))
    if isinstance(one, int | float) and not isinstance(one, bool):
        return isinstance(other, int | float) and not isinstance(other, bool)
    return one is other or bool(type(one) is type(other) and one == other)
