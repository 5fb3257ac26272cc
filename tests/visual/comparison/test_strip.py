"""The footer: curves, marks, cursor and legend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lsmplify_refine.visual.comparison.legend import Item, flow
from lsmplify_refine.visual.comparison.strip import Strip, Timeline
from lsmplify_refine.visual.comparison.style import PAPER, REPAIR_COLOR, STAGE_COLORS, STATUS_COLORS
from tests.support.drawn import of_color

WIDTH, FRAMES = 800, 100


def timeline(frames: int = FRAMES, **changes: Any) -> Timeline:
    errors = {"before": np.full(frames, 8.0), "after": np.full(frames, 2.0)}
    values: dict[str, Any] = {"errors": errors, "status": {}, "repaired": np.zeros(0, int), "frames": frames}
    return Timeline(**{**values, "unit": "px", "times": np.arange(frames) / 30.0, **changes})


def drawn(line: Timeline, frame: int = 0, width: int = WIDTH) -> np.ndarray:
    strip = Strip(line, [], width, 0.5)
    out = np.zeros((strip.height, width, 3), np.uint8)
    strip.draw(out, frame)
    return out.astype(int)


def where(picture: np.ndarray, color: tuple[int, int, int], *, above: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a colour, in the upper part of the strip: the legend has all colours too."""
    part = picture[: int(above * len(picture))]
    rows, columns = np.nonzero(of_color(part, color))
    return rows, columns


def cursor(picture: np.ndarray) -> float:
    """Column of the cursor."""
    return float(np.flatnonzero((picture[10:12] > 200).all(axis=(0, 2))).mean())


def test_larger_errors_are_higher() -> None:
    picture = drawn(timeline(), frame=99)
    before, after = (where(picture, STAGE_COLORS[stage], above=0.6)[0] for stage in STAGE_COLORS if stage != "input")
    assert before.size > 500 and after.size > 500
    assert before.mean() < after.mean() - 10


@pytest.mark.parametrize("width", [500, WIDTH, 3840])
def test_marks_are_at_their_frames(width: int) -> None:
    status = {"held": np.array([50]), "blended": np.arange(70, 80)}
    line = timeline(status=status, repaired=np.array([20]))
    picture = drawn(line, width=width)
    first, last = (cursor(drawn(line, frame, width)) for frame in (0, FRAMES - 1))
    per_frame = (last - first) / (FRAMES - 1)
    for color, middle, frames in (
        (STATUS_COLORS["held"], 50.5, 1),
        (STATUS_COLORS["blended"], 75, 10),
        (REPAIR_COLOR, 20.5, 1),
    ):
        # the legend's marks are lower
        columns = np.unique(np.nonzero((picture[:105] == np.array(color)).all(axis=-1))[1])
        assert columns.mean() == pytest.approx(first + (middle - 0.5) * per_frame, abs=2.5)
        assert len(columns) == pytest.approx(max(2, frames * per_frame), rel=0.05, abs=3)


def test_one_held_frame_of_an_hour_can_be_seen() -> None:
    long = timeline(100_000, status={"held": np.array([50_000])})
    assert len(np.unique(where(drawn(long), STATUS_COLORS["held"], above=0.7)[1])) >= 2


def test_the_cursor_is_all_that_moves() -> None:
    first, last = drawn(timeline(), 0), drawn(timeline(), 99)
    assert cursor(first) < 80 and cursor(last) > WIDTH - 40
    # the curves between stay, and the text beside the frame number
    np.testing.assert_array_equal(first[:, 260 : WIDTH - 60], last[:, 260 : WIDTH - 60])
    assert (first != last)[-20:, :200].any()


def test_a_peak_of_one_frame_stays_in_a_long_clip() -> None:
    errors = np.full(50_000, 1.0)
    errors[25_000] = 3.0
    long = timeline(50_000, errors={"before": errors})
    rows, columns = where(drawn(long), STAGE_COLORS["before"], above=0.6)
    top = columns[rows < rows.max() - 10]
    assert len(top) and abs(top.mean() - WIDTH / 2) < 30


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, 0.0, 1e-6, 1e9])
def test_any_errors_can_be_drawn(value: float) -> None:
    errors = np.full(FRAMES, value)
    errors[3] = np.nan
    assert drawn(timeline(errors={"before": errors, "after": errors})).shape[1] == WIDTH


def test_one_wild_frame_does_not_flatten_the_curve() -> None:
    errors = np.full(1000, 5.0)
    errors[500] = 5000.0
    rows, _ = where(drawn(timeline(1000, errors={"before": errors}), 0), STAGE_COLORS["before"], above=0.6)
    floor, _ = where(drawn(timeline(1000, errors={"before": np.zeros(1000)}), 0), STAGE_COLORS["before"], above=0.75)
    assert np.median(rows) < np.median(floor) - 10


def test_a_narrow_legend_has_more_rows() -> None:
    items = [Item("dot", (1, 2, 3), f"mark {number}") for number in range(6)]
    wide, narrow = (flow(items, width, 0.5, indent=100) for width in (2000, 300))
    assert len(wide) == 1 and len(narrow) > 2
    assert sum(map(len, narrow)) == 6


def test_a_row_below_makes_the_height_even() -> None:
    strip = Strip(timeline(), [], 400, 0.5)
    exact = np.zeros((strip.height, 400, 3), np.uint8)
    more = np.zeros((strip.height + 1, 400, 3), np.uint8)
    strip.draw(exact, 3)
    strip.draw(more, 3)
    np.testing.assert_array_equal(more[:-1], exact)
    assert (more[-1] == PAPER).all()


def test_the_moments_that_a_video_shows_are_lighter() -> None:
    kept = np.zeros(FRAMES, bool)
    kept[40:60] = True
    plain, marked = drawn(timeline()), drawn(timeline(kept=kept))
    columns = np.flatnonzero((marked[12] - plain[12]).min(axis=-1) > 10)
    assert columns.mean() == pytest.approx((cursor(plain) + cursor(drawn(timeline(), 99))) / 2, abs=6)
    assert len(columns) == pytest.approx(0.2 * WIDTH, rel=0.15)
