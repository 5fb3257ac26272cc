"""The legend: what each mark means, in rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from lsmplify_refine.visual.comparison.style import TEXT_COLOR, Color
from lsmplify_refine.visual.comparison.text import Line, extent, put

Kind = Literal["dot", "ring", "link", "line", "block", "text"]


class Item(NamedTuple):
    """A mark and what it means."""

    kind: Kind
    color: Color
    text: str


class _Placed(NamedTuple):
    item: Item
    left: int


def flow(items: Sequence[Item], width: int, size: float, *, indent: int) -> list[list[_Placed]]:
    """Place items in as few rows as they need; the first row begins after `indent` pixels."""
    rows: list[list[_Placed]] = [[]]
    left, em = indent, extent("0", size).height
    for item in items:
        taken = _mark_width(item, em) + extent(item.text, size).width
        if left + taken > width and left > 0:
            rows.append([])
            left = 0
        rows[-1].append(_Placed(item, left))
        left += taken + 2 * em
    return rows


def draw_items(
    image: UInt8[np.ndarray, "height width 3"],
    rows: Sequence[Sequence[_Placed]],
    left: int,
    base: int,
    row_height: int,
    size: float,
) -> None:
    """Draw placed items; `base` is the base line of the first row."""
    em = extent("0", size).height
    for number, row in enumerate(rows):
        for item, offset in row:
            x, y = left + offset, base + number * row_height
            _mark(image, item, x, y - em // 2, em)
            put(image, Line(item.text, size, TEXT_COLOR), x + _mark_width(item, em), y)


def _mark_width(item: Item, em: int) -> int:
    return 0 if item.kind == "text" else round(2.2 * em)


def _mark(image: UInt8[np.ndarray, "height width 3"], item: Item, x: int, y: int, em: int) -> None:
    radius, stroke = max(2, em // 3), max(1, em // 6)
    right = x + round(1.5 * em)
    if item.kind in ("line", "link"):
        cv2.line(image, (x, y), (right, y), item.color, stroke + (item.kind == "line"), cv2.LINE_AA)
    if item.kind in ("dot", "link", "ring"):
        filling = stroke if item.kind == "ring" else -1
        cv2.circle(image, (x + radius, y), radius, item.color, filling, cv2.LINE_AA)
    if item.kind == "block":
        cv2.rectangle(image, (x, y - em // 3), (right, y + em // 3), item.color, -1)
