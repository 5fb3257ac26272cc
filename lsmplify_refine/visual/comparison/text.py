"""Text over a picture, on darkened plates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from lsmplify_refine.visual.comparison.style import FONT, Color

#: Longer text ends with dots.
_MAX_LINES = 3
_DOTS = "..."
#: Smaller than this share of its size, text cannot be read; it is cut instead.
_MIN_SHARE = 0.7

Corner = Literal["top-left", "top-right", "bottom-left"]


class Line(NamedTuple):
    """A line of text; `size` is OpenCV's font scale."""

    text: str
    size: float
    color: Color


class Extent(NamedTuple):
    """Pixels that a line takes: its width, its height above the base line, and that below it."""

    width: int
    height: int
    below: int


@lru_cache(maxsize=1024)
def extent(text: str, size: float) -> Extent:
    """The pixels that a line takes."""
    (width, _), _ = cv2.getTextSize(text, FONT, size, thickness(size))
    # the height is the same for all lines
    (_, height), below = cv2.getTextSize("Ag", FONT, size, thickness(size))
    return Extent(width, height, below)


def thickness(size: float) -> int:
    """Pixels of the strokes of letters."""
    return max(1, round(1.4 * size))


def text_size(width: int, height: int) -> float:
    """The size of a panel's titles."""
    return max(0.44, min(width, height) / 820)


def put(image: UInt8[np.ndarray, "height width 3"], line: Line, left: int, base: int) -> None:
    """Write a line whose base line begins at a pixel."""
    cv2.putText(image, line.text, (left, base), FONT, line.size, line.color, thickness(line.size), cv2.LINE_AA)


def block(image: UInt8[np.ndarray, "height width 3"], lines: Sequence[Line], corner: Corner) -> None:
    """Write lines on a darkened plate in a corner; long ones are broken, or shrunk until they fit."""
    room = round(0.94 * image.shape[1])
    fitted = [each for line in lines for each in broken(line, room)]
    extents = [extent(line.text, line.size) for line in fitted]
    pad = max(3, round(0.4 * extents[0].height))
    heights = [each.height + each.below for each in extents]
    width = max(each.width for each in extents) + 2 * pad
    height = sum(heights) + 2 * pad
    left = max(0, image.shape[1] - width - pad) if corner == "top-right" else pad
    top = max(0, image.shape[0] - height - pad) if corner == "bottom-left" else pad
    plate = image[top : top + height, left : left + width]
    cv2.convertScaleAbs(plate, plate, alpha=0.35)
    base = top + pad
    for line, each, taken in zip(fitted, extents, heights):
        put(image, line, left + pad, base + each.height)
        base += taken


def broken(line: Line, room: int) -> list[Line]:
    """A line as the lines that fit into so many pixels; a word that is too long shrinks, and is then cut."""
    return [Line(text, size, line.color) for text, size in _broken(line.text, line.size, room)]


@lru_cache(maxsize=256)
def _broken(text: str, size: float, room: int) -> tuple[tuple[str, float], ...]:
    room -= 2 * max(3, round(0.4 * extent(text, size).height))
    rows = [""]
    for word in text.split(" "):
        longer = f"{rows[-1]} {word}".strip()
        if rows[-1] and extent(longer, size).width > room:
            rows.append(word)
        else:
            rows[-1] = longer
    if len(rows) > _MAX_LINES:
        rows = [*rows[: _MAX_LINES - 1], f"{rows[_MAX_LINES - 1]}{_DOTS}"]
    return tuple(_shrunk(row, size, room) for row in rows)


def _shrunk(text: str, size: float, room: int) -> tuple[str, float]:
    smaller = size * min(1.0, max(_MIN_SHARE, room / max(extent(text, size).width, 1)))
    kept = text
    while len(kept) > 1 and extent(kept, smaller).width > room:
        kept = f"{kept.removesuffix(_DOTS)[:-1]}{_DOTS}"
        if kept == _DOTS:
            break
    return kept, smaller
