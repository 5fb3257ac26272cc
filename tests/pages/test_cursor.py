"""The page's script knows when each frame of the video is shown."""

from __future__ import annotations

from pathlib import Path

from lsmplify_refine.pages.cursor import cursor_data
from lsmplify_refine.pages.film import Film


def test_even_times_are_a_step() -> None:
    film = Film(Path("x.mp4"), tuple(round(frame / 30, 3) for frame in range(100)))
    assert cursor_data([], film) == {"times": {"count": 100, "step": film.times[-1] / 99}, "people": []}


def test_uneven_times_are_listed() -> None:
    film = Film(Path("x.mp4"), (0.0, 0.04, 0.12, 0.16))
    assert cursor_data([], film)["times"] == {"count": 4, "each": film.times}


def test_one_frame_and_no_video() -> None:
    assert cursor_data([], Film(Path("x.mp4"), (0.0,)))["times"] == {"count": 1, "step": 0.0}
    assert cursor_data([], None)["times"] is None
