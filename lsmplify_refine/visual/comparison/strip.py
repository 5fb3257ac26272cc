"""The footer of a comparison video: errors over time, marks of gate and repairs, a cursor, the legend.

All but the cursor and the frame number is drawn once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from lsmplify_refine.visual.comparison.legend import Item, draw_items, flow
from lsmplify_refine.visual.comparison.style import (
    DIM_COLOR,
    PAPER,
    REPAIR_COLOR,
    STAGE_COLORS,
    STAGE_TITLES,
    STATUS_COLORS,
    TEXT_COLOR,
    Color,
    Stage,
)
from lsmplify_refine.visual.comparison.text import Line, extent, put

#: Heights in lines of text: the curves, the marks of the gate, those of repairs.
_CURVES, _GATE, _REPAIRS = 4.0, 0.7, 0.5
#: Errors above so many times their 99th percentile are cut off, so that one frame does not flatten the curve.
_CUT = 3.0
#: Size of the figures at the scale, of the text's.
_SMALL = 0.85
_RULE: Color = (70, 75, 84)
#: Background of the frames that a video of the worst moments shows.
_KEPT_PAPER: Color = (52, 57, 66)
#: Share of the band of the gate's marks that each one takes.
_TALL = {"blended": 0.5, "doubtful": 0.75, "held": 1.0}


@dataclass(frozen=True)
class Timeline:
    """What the strip shows, for each frame of the video.

    Attributes:
        errors: Keypoint errors of each stage, NaN where there are none.
        status: Frames of each of the gate's decisions.
        repaired: Frames whose keypoints were repaired.
        unit: Of the errors.
        times: When each frame is shown, seconds.
        kept: Frames that the video shows; None for all.
    """

    errors: Mapping[Stage, Float[np.ndarray, " frames"]]
    status: Mapping[str, Int[np.ndarray, " found"]]
    repaired: Int[np.ndarray, " repaired"]
    frames: int
    unit: str
    times: Float[np.ndarray, " frames"]
    kept: Bool[np.ndarray, " frames"] | None = None


class Strip:
    """The footer.

    Args:
        timeline: What it shows.
        legend: The marks of the panels.
        width: Pixels.
        size: Of the text.
    """

    def __init__(self, timeline: Timeline, legend: Sequence[Item], width: int, size: float) -> None:
        self._timeline, self._size = timeline, size
        self._line = extent("0", size)
        self._em = self._line.height + self._line.below
        self._pad = max(4, self._em // 2)
        self._top = self._highest()
        self._has_curves = any(np.isfinite(errors).any() for errors in timeline.errors.values())
        scale = extent(self._tick, _SMALL * size).width + self._pad if self._has_curves else 0
        self._left = self._pad + scale
        self._plot_width = max(1, width - self._left - self._pad)
        widest = extent(self._position(timeline.frames - 1), size).width
        rows = flow([*_own_items(timeline), *legend], width - 2 * self._pad, size, indent=widest + 2 * self._em)
        self._plot = round(_CURVES * self._em) if self._has_curves else self._em // 2
        self._gate = round(_GATE * self._em) if any(len(frames) for frames in timeline.status.values()) else 0
        self._repairs = round(_REPAIRS * self._em) if len(timeline.repaired) else 0
        self._below = self._pad + self._plot + self._gate + self._repairs
        row_height = round(1.35 * self._em)
        self.height = self._below + self._pad // 2 + len(rows) * row_height + self._pad // 2
        self._text_base = self._below + self._pad // 2 + self._line.height + (row_height - self._em) // 2
        self._still = np.full((self.height, width, 3), PAPER, np.uint8)
        self._draw_still()
        draw_items(self._still, rows, self._pad, self._text_base, row_height, size)

    def draw(self, out: UInt8[np.ndarray, "height width 3"], frame: int) -> None:
        """Draw the footer of a frame over all of `out`."""
        out[: self.height] = self._still
        out[self.height :] = PAPER
        x = self._x(frame)
        half = max(1, round(self._size))
        out[self._pad : self._below, max(0, x - half) : x + half] = TEXT_COLOR
        for stage, errors in self._timeline.errors.items():
            if frame < len(errors) and np.isfinite(errors[frame]):
                center = (x, int(self._y(errors[frame : frame + 1])[0]))
                cv2.circle(out, center, 2 * half + 2, PAPER, -1, cv2.LINE_AA)
                cv2.circle(out, center, 2 * half + 1, STAGE_COLORS[stage], -1, cv2.LINE_AA)
        put(out, Line(self._position(frame), self._size, TEXT_COLOR), self._pad, self._text_base)

    def _position(self, frame: int) -> str:
        return f"frame {frame} / {self._timeline.frames - 1}   {self._timeline.times[frame]:.2f} s"

    def _x(self, frame: int) -> int:
        return self._left + int((frame + 0.5) * self._plot_width / self._timeline.frames)

    def _columns(self, frames: Int[np.ndarray, " found"]) -> Int[np.ndarray, " columns"]:
        """The columns that marks of frames take, at least two for each."""
        each = self._plot_width / self._timeline.frames
        first = np.floor(frames * each).astype(int)
        last = np.maximum(np.ceil((frames + 1) * each).astype(int), first + 2)
        marked = np.zeros(self._plot_width + 2, np.int64)
        np.add.at(marked, np.minimum(first, self._plot_width), 1)
        np.add.at(marked, np.minimum(last, self._plot_width + 1), -1)
        return self._left + np.flatnonzero(np.cumsum(marked)[: self._plot_width] > 0)

    def _highest(self) -> float:
        """The error at the top of the curves."""
        found = np.concatenate([errors[np.isfinite(errors)] for errors in self._timeline.errors.values()] or [[]])
        if not len(found) or found.max() <= 0:
            return 1.0
        return 1.1 * float(min(found.max(), _CUT * max(np.percentile(found, 99), found.max() / 1e3)))

    def _y(self, errors: Float[np.ndarray, " some"]) -> Int[np.ndarray, " some"]:
        share = np.clip(errors / self._top, 0.0, 1.0)
        rows: np.ndarray = np.rint(self._pad + self._plot - 1 - share * (self._plot - 2)).astype(int)
        return rows

    def _draw_still(self) -> None:
        if self._timeline.kept is not None:
            columns = self._columns(np.flatnonzero(self._timeline.kept))
            self._still[self._pad : self._below, columns] = _KEPT_PAPER
        if self._has_curves:
            self._draw_scale()
            for stage, errors in self._timeline.errors.items():
                self._draw_curve(errors, stage)
        self._draw_marks()

    def _draw_scale(self) -> None:
        """A line at a round error, and at 0."""
        for value, text in ((0.0, "0"), (_round_below(self._top), self._tick)):
            row = int(self._y(np.array([value]))[0])
            self._still[row, self._left : self._left + self._plot_width] = _RULE
            taken = extent(text, _SMALL * self._size)
            left = self._left - self._pad // 2 - taken.width
            put(self._still, Line(text, _SMALL * self._size, DIM_COLOR), left, row + taken.height // 2)

    @property
    def _tick(self) -> str:
        return f"{_round_below(self._top):g} {self._timeline.unit}"

    def _draw_curve(self, errors: Float[np.ndarray, " frames"], stage: Stage) -> None:
        """A curve; if a column holds many frames, it shows the lowest and the highest."""
        column = ((np.arange(len(errors)) + 0.5) * self._plot_width / len(errors)).astype(int)
        known = np.isfinite(errors)
        if not known.any():
            return
        width = max(1, round(1.4 * self._size))
        runs = np.split(np.flatnonzero(known), np.flatnonzero(np.diff(np.flatnonzero(known)) > 1) + 1)
        for run in runs:
            points = np.stack([self._left + column[run], self._y(errors[run])], 1)
            points = _lowest_and_highest(points)
            cv2.polylines(self._still, [points.astype(np.int32)], False, STAGE_COLORS[stage], width, cv2.LINE_AA)

    def _draw_marks(self) -> None:
        bottom = self._pad + self._plot + self._gate
        for status, share in _TALL.items():
            frames = self._timeline.status.get(status, np.zeros(0, np.int64))
            if len(frames):
                tall = max(2, round(share * (self._gate - 1)))
                self._still[bottom - tall : bottom, self._columns(frames)] = STATUS_COLORS[status]
        if self._repairs:
            tall = max(2, self._repairs - 2)
            self._still[bottom + 2 : bottom + tall, self._columns(self._timeline.repaired)] = REPAIR_COLOR


def _own_items(timeline: Timeline) -> list[Item]:
    """The legend of the strip itself."""
    curves = [
        Item("line", STAGE_COLORS[stage], f"error {STAGE_TITLES[stage].lower()}")
        for stage, errors in timeline.errors.items()
        if np.isfinite(errors).any()
    ]
    found = [Item("block", STATUS_COLORS[name], name) for name, frames in timeline.status.items() if len(frames)]
    repaired = [Item("block", REPAIR_COLOR, "keypoints repaired")] if len(timeline.repaired) else []
    return [*curves, *found, *repaired]


def _lowest_and_highest(points: Int[np.ndarray, "points 2"]) -> Int[np.ndarray, "fewer 2"]:
    """Points of a curve from left to right, without those between the extremes of a column."""
    starts = np.flatnonzero(np.diff(points[:, 0], prepend=-1))
    if len(points) <= 2 * len(starts):
        return points
    low, high = (function.reduceat(points[:, 1], starts) for function in (np.minimum, np.maximum))
    return np.stack([np.repeat(points[starts, 0], 2), np.stack([low, high], 1).reshape(-1)], 1)


def _round_below(value: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is not above a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step * power for step in (1, 2, 5) if step * power <= value * (1 + 1e-9)))
