"""The sheet that a frame of the comparison video is drawn on: panels in rows, and a footer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

#: Max length of a side and max number of pixels: many players and decoders refuse more (H.264 level 5.1).
_MAX_SIDE, _MAX_PIXELS = 3840, 3840 * 2160
#: Panels with a shorter side than this are enlarged, so that marks and text can be read.
_MIN_SIDE = 240
#: More panels than this go into two rows if the clip is wider than high.
_MAX_ABREAST = 3


@dataclass(frozen=True)
class Sheet:
    """Where things are on a frame, pixels.

    Attributes:
        width, height: Of a panel.
        columns, rows: Of panels.
        scale: Pixels of a panel per pixel of the video.
        footer: Height of the footer.
    """

    width: int
    height: int
    columns: int
    rows: int
    scale: float
    footer: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame."""
        return self.columns * self.width, self.rows * self.height + self.footer

    def panels(
        self, picture: UInt8[np.ndarray, "height width 3"]
    ) -> list[UInt8[np.ndarray, "panel_height panel_width 3"]]:
        """The panels of a frame, row by row, as views."""
        w, h = self.width, self.height
        return [
            picture[row * h : (row + 1) * h, column * w : (column + 1) * w]
            for row in range(self.rows)
            for column in range(self.columns)
        ]


def arrange(width: int, height: int, panels: int) -> Sheet:
    """The sheet of some panels of a clip, without its footer.

    Args:
        width, height: Of the clip, pixels.
        panels: How many.
    """
    rows = 2 if panels > _MAX_ABREAST and width > height else 1
    columns = -(-panels // rows)
    enlarged = max(1, math.ceil(_MIN_SIDE / min(width, height)))
    sides, pixels = (columns * width, rows * height), columns * width * rows * height
    scale = min(enlarged, _MAX_SIDE / max(sides), math.sqrt(_MAX_PIXELS / pixels))
    return Sheet(max(1, round(scale * width)), max(1, round(scale * height)), columns, rows, scale)
