"""The choice of the worst moments."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine.visual.comparison.moments import worst_moments

FPS = 30.0


def errors(frames: int = 600, **peaks: float) -> np.ndarray:
    values = np.full(frames, 1.0)
    for at, height in peaks.items():
        values[int(at[1:])] = height
    return values


def test_each_peak_is_shown_with_what_is_about_it() -> None:
    chosen = worst_moments(errors(f100=9.0, f400=8.0), FPS, 2.0)
    assert set(np.flatnonzero(chosen)) == {*range(86, 115), *range(385, 416)} or (
        chosen[85:116].sum() >= 28 and chosen[385:416].sum() >= 28 and chosen.sum() <= 62
    )


@pytest.mark.parametrize("seconds", [0.1, 0.5, 1.0, 3.0, 7.7])
@pytest.mark.parametrize("fps", [10.0, 29.97, 120.0])
def test_about_as_much_is_chosen_as_was_asked_for(seconds: float, fps: float) -> None:
    values = np.random.default_rng(0).uniform(size=4000)
    chosen = worst_moments(values, fps, seconds)
    assert chosen[values.argmax()]
    assert abs(chosen.sum() - seconds * fps) <= max(2.0, 0.3 * seconds * fps)


def test_a_short_clip_is_shown_whole() -> None:
    assert worst_moments(errors(50), FPS, 60.0).all()


def test_frames_without_errors_are_not_worst() -> None:
    values = errors(300, f200=5.0)
    values[:150] = np.nan
    assert np.flatnonzero(worst_moments(values, FPS, 1.0)).min() > 180
