"""How a figure is distributed over the clips of a batch, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from lsmplify_refine.batch.figures import Figure
from lsmplify_refine.batch.words import of_clips

if TYPE_CHECKING:
    from lsmplify_refine.pages.figures import Drawn

#: Bins of a histogram. Few clips get fewer, as Sturges' rule has it.
_MAX_BINS = 40

#: The share of values that the axis shows if there are many clips; what lies beyond is counted in the last bin.
_SHOWN, _MANY = 0.99, 100


@dataclass(frozen=True)
class Distribution:
    """A figure over the clips.

    Attributes:
        heading: Its name.
        drawn: The histograms.
        words: How to read them, with numbers.
    """

    heading: str
    drawn: Drawn
    words: str


def distribution(figure: Figure, values: Float[np.ndarray, "clips 2"]) -> Distribution:
    """Histograms of a figure before and after.

    Args:
        figure: The figure.
        values: Before and after of each clip, finite.
    """
    from lsmplify_refine.pages.figures import AFTER, BEFORE, draw

    top = float(np.quantile(values, _SHOWN if len(values) >= _MANY else 1.0))
    beyond = int((values > top).any(1).sum())
    count = min(_MAX_BINS, 2 * int(np.ceil(np.log2(len(values)) + 1)))
    edges = np.linspace(0.0, top if top > 0 else 1.0, count + 1)
    shown = np.clip(values, 0.0, edges[-1])

    def paint(axes: list[Any]) -> None:
        """Two outlines over the same bins, the later one filled."""
        for column, color in ((0, BEFORE), (1, AFTER)):
            heights, _ = np.histogram(shown[:, column], edges)
            axes[0].stairs(heights, edges, color=color, linewidth=1.5, fill=False)
            axes[0].stairs(heights, edges, color=color, alpha=0.18, fill=True)
        axes[0].set_xlabel(f"{figure.label} of a clip, {figure.unit}")
        axes[0].set_ylabel("clips")
        axes[0].set_xlim(0.0, edges[-1])

    words = _words(figure, values, edges[-1], beyond)
    return Distribution(figure.heading, draw(paint, words=words, width=520, height=210), words)


def _words(figure: Figure, values: Float[np.ndarray, "clips 2"], top: float, beyond: int) -> str:
    unit = f"× {figure.unit}" if figure.unit[:1].isdigit() else figure.unit
    (low, middle, high), (low_after, middle_after, high_after) = np.quantile(values, [0.05, 0.5, 0.95], axis=0).T
    text = (
        f"Half of the clips had less than {_number(middle)} {unit} before, and have less than "
        f"{_number(middle_after)} now. Nine in ten lay between {_number(low)} and {_number(high)}, now between "
        f"{_number(low_after)} and {_number(high_after)}."
    )
    return text + (f" Values above {_number(top)}, in {of_clips(beyond)}, count in the last bin." if beyond else "")


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
