"""The figures of a person: errors, keypoints, jitter and feet over time, out of the report's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lsmplify_refine.pages.figures import AFTER, BEFORE, INK, MARK, MAX_POINTS, Drawn, draw, thinned, with_gaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Curves of so few points show each of them.
_SINGLE_POINTS = 80
#: How the frames of each status are marked: colour and opacity.
_STATUS = {"blended": (INK, 0.4), "held": (INK, 0.95), "doubtful": (MARK, 0.95)}
_STRIP = 0.1
#: Ratio of the ends of a logarithmic axis below which it has labels between the powers of ten.
_FEW_DECADES = 300.0

Column = Sequence[Any]


def over_time(
    frames: Mapping[str, Column],
    name: str,
    *,
    label: str,
    words: str,
    strips: Mapping[str, Mapping[str, Any]],
    log: bool = False,
) -> Drawn:
    """Two curves over the frames, before and after, with strips of marks below.

    Args:
        frames: The report's columns for each frame.
        name: The columns are `<name>_before` and `<name>_after`.
        label: What is drawn, with its unit.
        words: The same in words.
        strips: Name of a strip -> marks in it: a column of truths -> its colour and opacity.
        log: Whether the vertical axis is logarithmic.
    """
    from matplotlib.ticker import MaxNLocator

    ids = np.asarray(frames["frame_id"], float)

    def paint(axes: list[Axes]) -> None:
        top, *below = axes
        for stage, color, width in (("before", BEFORE, 1.3), ("after", AFTER, 1.7)):
            x, values = with_gaps(*thinned(ids.tolist(), frames[f"{name}_{stage}"]), _step(ids))
            marker = "o" if len(ids) <= _SINGLE_POINTS else ""
            top.plot(
                x,
                np.where(values > 0, values, np.nan) if log else values,
                color=color,
                linewidth=width,
                marker=marker,
                markersize=2.6,
            )
        if log:
            _scale_by_powers(top)
        else:
            top.set_ylim(bottom=0)
        top.set_ylabel(label)
        top.set_xlim(ids[0] - 0.5, ids[-1] + 0.5)
        for axis, (title, marks) in zip(below, strips.items(), strict=True):
            _strip(axis, title, ids, marks)
        axes[-1].set_xlabel("frame")
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))

    return draw(paint, words=words, height=210 + 24 * len(strips), rows=(1.0, *[_STRIP] * len(strips)))


def _scale_by_powers(axis: Axes) -> None:
    """Make the vertical axis logarithmic, with labels that are plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_yscale("log")
    low, high = axis.get_ylim()
    steps = (1.0, 2.0, 5.0) if high < _FEW_DECADES * low else (1.0,)
    axis.yaxis.set_major_locator(LogLocator(subs=steps))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())


def decision_strips(frames: Mapping[str, Column]) -> dict[str, dict[str, Any]]:
    """The strips of the gate's decisions and of repaired keypoints."""
    status = np.asarray(frames["status"])
    strips: dict[str, dict[str, Any]] = {
        "decision": {name: (status == name, *look) for name, look in _STATUS.items()},
    }
    if "keypoints_swapped" in frames:
        strips["repairs"] = {
            "distrusted": (np.asarray(frames["keypoints_distrusted"]) > 0, INK, 0.4),
            "swapped": (np.asarray(frames["keypoints_swapped"]) > 0, MARK, 0.95),
        }
    return strips


def foot_strips(frames: Mapping[str, Column]) -> dict[str, dict[str, Any]]:
    """The strips of standing feet."""
    return {
        f"{side} foot": {"stands": (np.asarray(frames[f"{side}_foot_stands"]) > 0, INK, 0.55)}
        for side in ("left", "right")
    }


def keypoint_bars(points: Mapping[str, Column], name: str, *, unit: str, words: str) -> Drawn | None:
    """Errors of each keypoint before and after, as bars; None if none was seen."""
    rows = [row for row, value in enumerate(points[f"{name}_after"]) if value is not None]
    if not rows:
        return None

    def paint(axes: list[Axes]) -> None:
        (axis,) = axes
        at = np.arange(len(rows), dtype=float)
        for stage, color, offset in (("before", BEFORE, -0.2), ("after", AFTER, 0.2)):
            axis.barh(at + offset, [points[f"{name}_{stage}"][row] for row in rows], height=0.36, color=color)
        axis.set_yticks(at, [str(points["name"][row]).replace("_", " ") for row in rows])
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x")
        axis.grid(visible=False, axis="y")
        axis.set_xlabel(f"mean distance, {unit}")

    return draw(paint, words=words, height=60 + 21 * len(rows))


def _strip(axis: Axes, title: str, ids: np.ndarray, marks: Mapping[str, Any]) -> None:
    """Bars along the frames where something holds."""
    for holds, color, opacity in marks.values():
        spans = _spans(ids, holds)
        if spans:
            axis.broken_barh(spans, (0.0, 1.0), facecolors=color, alpha=opacity, linewidth=0)
    axis.set_ylim(0, 1)
    axis.set_yticks([0.5], [title])
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False)
    axis.spines["left"].set_visible(False)


def _spans(ids: np.ndarray, holds: np.ndarray) -> list[tuple[float, float]]:
    """(begin, length) of the runs of frames where something holds; runs too near to be told apart are one."""
    at = ids[holds]
    if not len(at):
        return []
    apart = max(1.0, (ids[-1] - ids[0]) / MAX_POINTS)
    cuts = np.flatnonzero(np.diff(at) > apart) + 1
    return [(run[0] - 0.5, run[-1] - run[0] + 1.0) for run in np.split(at, cuts)]


def _step(ids: np.ndarray) -> float:
    """Frames that neighbouring points of a curve may be apart."""
    return 1.0 if len(ids) <= MAX_POINTS else 3.0 * len(ids) / MAX_POINTS
