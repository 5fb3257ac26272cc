"""Figures of a page: matplotlib draws them as SVG that takes its colours and its font from the page.

    figure = draw(lambda axes: axes[0].plot(x, y, color=AFTER), words="Errors fall from 12 to 4 px.")
    {{ figure.svg }}    in a template, within a `figure` with a `figcaption`

The colours below are stand-ins: in the page they are variables of `page.css`, which differ between light and dark.
"""

from __future__ import annotations

import io
import itertools
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours to draw with: the stages, ordinary ink, and marks that stand out.
BEFORE, AFTER, INK, MARK = "#e69f01", "#0072b1", "#010203", "#d55e01"
_VARIABLES = {BEFORE: "var(--before)", AFTER: "var(--after)", INK: "currentColor", MARK: "var(--mark)"}

#: Points that a curve has at most; longer ones are thinned to the min and max of each of half as many buckets.
MAX_POINTS = 1200

#: Pixels to an inch in the SVG that matplotlib writes.
_DPI = 72

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.18,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.0,
    "lines.linewidth": 1.5,
    "hatch.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True)
class Drawn:
    """A figure.

    Attributes:
        svg: For a template; it has its words as text alternative.
        left, right: Where the first axes begin and end, as shares of the width.
        words: What the figure shows, in words.
    """

    svg: Markup
    left: float
    right: float
    words: str


def draw(
    paint: Callable[[list[Axes]], object],
    *,
    words: str,
    width: int = 780,
    height: int = 230,
    rows: Sequence[float] = (1.0,),
) -> Drawn:
    """Draw a figure.

    Args:
        paint: Draws into the axes, one for each row; they share the horizontal axis.
        words: What the figure shows, in words, for people who do not see it.
        width, height: Size in pixels; the page scales it to its own width.
        rows: Relative heights of the rows.
    """
    # its cache of fonts is no news for the user
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    # a second to import, and batches without pages do not need it
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # the salt keeps the ids of two figures on a page apart, and a repeated run's bytes the same
    style: Any = {**_STYLE, "svg.hashsalt": words}
    with mpl.rc_context(style):
        figure = Figure(figsize=(width / _DPI, height / _DPI), layout="constrained")
        FigureCanvasSVG(figure)
        grid = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=list(rows))
        axes: list[Axes] = list(grid[:, 0])
        paint(axes)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        place = axes[0].get_position()
    return Drawn(_inline(text.getvalue(), words), float(place.x0), float(place.x1), words)


def thinned(x: Sequence[float], values: Sequence[float | None]) -> tuple[np.ndarray, np.ndarray]:
    """A curve of at most `MAX_POINTS` points; a longer one keeps the min and the max of each bucket, so every peak.

    Args:
        x: Ascending.
        values: None where there is none; a bucket without any stays a gap.
    """
    at, found = np.asarray(x, float), np.array([np.nan if value is None else value for value in values], float)
    if len(at) <= MAX_POINTS:
        return at, found
    edges = np.linspace(0, len(at), MAX_POINTS // 2 + 1).astype(int)
    rows: list[int] = []
    for begin, end in itertools.pairwise(edges.tolist()):
        bucket = found[begin:end]
        if np.isnan(bucket).all():
            rows.append(begin)
        else:
            rows += sorted({begin + int(np.nanargmin(bucket)), begin + int(np.nanargmax(bucket))})
    return at[rows], found[rows]


def with_gaps(x: np.ndarray, values: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """The curve, broken where neighbouring points are more than `step` apart."""
    cuts = np.flatnonzero(np.diff(x) > step) + 1
    return np.insert(x, cuts, x[cuts - 1] if len(cuts) else 0.0), np.insert(values, cuts, np.nan)


def _inline(text: str, words: str) -> Markup:
    """An SVG file as part of a page."""
    svg = text[text.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style[^>]*>.*?</style>", "", svg, flags=re.S)
    # ids that nothing refers to occur in every figure, and may occur once on a page
    svg = re.sub(r' id="[a-zA-Z][\w.]*_\d+"', "", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, variable)
    head = re.search(r'viewBox="[^"]*"', svg)
    assert head is not None
    opening = f'<svg {head[0]} xmlns:xlink="http://www.w3.org/1999/xlink" role="img" aria-label="{escape(words)}">'
    return Markup(re.sub(r"\n\s*", "\n", opening + svg[svg.index(">") + 1 :]))
