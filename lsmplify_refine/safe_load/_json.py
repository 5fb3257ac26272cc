"""Load JSON, with limits on nesting and on the number of lists and objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.safe_load._files import read_input
from lsmplify_refine.safe_load._limits import MAX_DEPTH

#: Max lists and objects of any file, and min bytes for each further one; an empty one takes 20 times its text.
_MAX_CONTAINERS, _BYTES_PER_CONTAINER = 500_000, 8
_BLOCK = 1 << 22


def load_json(path: Path) -> Any:
    """Load a JSON file.

    Raises:
        InputError: The file cannot be read, is not JSON, is nested too deeply, or consists almost only of brackets.
    """
    return parse_json(read_input(path), str(path))


def parse_json(data: bytes, where: str) -> Any:
    """Parse JSON under the limits of `load_json`; `where` names the file in messages."""
    depth, containers = _brackets(data)
    if depth > MAX_DEPTH:
        raise InputError(f"{where}: refused: the JSON is nested too deeply, {depth} levels; the limit is {MAX_DEPTH}")
    if containers > _MAX_CONTAINERS + len(data) / _BYTES_PER_CONTAINER:
        raise InputError(f"{where}: refused: the JSON is {containers} lists and objects in {len(data)} bytes")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # ValueError includes text that is not UTF-8
        raise InputError(f"{where}: not readable as JSON ({escaped(error, 200)}); copy or write it again") from error


def _brackets(data: bytes) -> tuple[int, int]:
    """Max nesting depth and number of opening brackets outside strings, counted without parsing."""
    # with escapes removed, every remaining quote begins or ends a string
    chars = np.frombuffer(data.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    inside, depth, max_depth, opened = False, 0, 0, 0
    for start in range(0, len(chars), _BLOCK):
        block = chars[start : start + _BLOCK]
        in_string = np.logical_xor.accumulate(block == ord('"')) ^ inside
        opens = ((block == ord("[")) | (block == ord("{"))) & ~in_string
        closes = ((block == ord("]")) | (block == ord("}"))) & ~in_string
        levels = depth + np.cumsum(opens.astype(np.int8) - closes.astype(np.int8), dtype=np.int32)
        inside, depth = bool(in_string[-1]), int(levels[-1])
        max_depth, opened = max(max_depth, int(levels.max())), opened + int(opens.sum())
    return max_depth, opened
