"""Figures take colours and font from the page, have their words, and keep peaks."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np

from lsmplify_refine.pages.figures import AFTER, BEFORE, INK, MARK, MAX_POINTS, draw, thinned, with_gaps
from lsmplify_refine.pages.plots import over_time


def test_a_figure_is_part_of_the_page() -> None:
    def paint(axes: list[Any]) -> None:
        axes[0].plot([0, 1], [0, 1], color=BEFORE)
        axes[0].plot([0, 1], [1, 0], color=AFTER)
        axes[0].axhline(0.5, color=MARK)
        axes[0].set_title("$x$ & <b>")
        axes[1].barh([0], [1], color=INK)

    drawn = draw(paint, words='Falls & "rises" <a>', rows=(1, 0.2))
    svg = str(drawn.svg)
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img" and root.get("aria-label") == 'Falls & "rises" <a>'
    for variable in ("var(--before)", "var(--after)", "var(--mark)", "currentColor"):
        assert variable in svg
    assert not re.search(r"#[0-9a-f]{6}", svg), "a colour that does not follow the page"
    assert "<style" not in svg and "DejaVu" not in svg and "<metadata" not in svg and "<?xml" not in svg
    assert "".join(root.itertext()).count("$x$ & <b>") == 1
    assert 0 < drawn.left < 0.2 and 0.9 < drawn.right <= 1
    assert draw(paint, words='Falls & "rises" <a>', rows=(1, 0.2)) == drawn, "a repeated run has the same bytes"


def test_no_two_figures_of_a_page_share_an_id() -> None:
    pages = [str(draw(lambda axes: axes[0].plot([0, 1]), words=words).svg) for words in ("one", "two")]
    ids = [found for page in pages for found in re.findall(r'\bid="([^"]*)"', page)]
    assert ids and len(ids) == len({*ids})
    assert {*re.findall(r"url\(#([^)]*)\)", pages[0])} <= {*ids}


def test_long_curves_keep_each_peak() -> None:
    values: list[float | None] = [float(each) for each in np.random.default_rng(0).normal(0, 1, 100_000)]
    values[777], values[54_321] = 100.0, -100.0
    values[60_000:61_000] = [None] * 1000
    x, found = thinned(range(100_000), values)
    assert len(x) <= MAX_POINTS and (np.diff(x) > 0).all()
    assert {777, 54_321} <= {*x.astype(int)} and np.nanmax(found) == 100 and np.nanmin(found) == -100
    assert np.isnan(found[(x > 60_300) & (x < 60_700)]).all()
    assert all(values[int(at)] == value for at, value in zip(x, found) if not np.isnan(value))


def test_short_curves_stay_as_they_are() -> None:
    x, found = thinned([3, 4, 6], [1.0, None, 2.0])
    assert x.tolist() == [3, 4, 6] and np.array_equal(found, [1, np.nan, 2], equal_nan=True)
    x, found = with_gaps(np.array([3.0, 4, 6]), np.array([1.0, 5, 2]), 1)
    assert np.array_equal(found, [1, 5, np.nan, 2], equal_nan=True)


def test_a_logarithmic_axis_below_a_decade_has_plain_numbers() -> None:
    columns: dict[str, list[float]] = {
        "frame_id": [0, 1, 2],
        "jitter_before": [12.0, 35.0, 20.0],
        "jitter_after": [11.0, 22.0, 14.0],
    }
    figure = over_time(columns, "jitter", label="jitter", words="Jitter falls.", strips={}, log=True)
    assert "$" not in figure.svg and ">20<" in figure.svg
