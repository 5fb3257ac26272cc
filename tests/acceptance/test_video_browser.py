"""The comparison video in a real browser: every layout plays, seeks, and has all frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.options import VideoLayout
from lsmplify_refine.visual.video import probe
from tests.support import clips
from tests.support.browser import open_tab

pytestmark = pytest.mark.slow


@pytest.fixture
def tab() -> Iterator[Any]:
    with open_tab() as page:
        yield page


@pytest.mark.parametrize("layout", get_args(VideoLayout))
def test_every_layout_plays_and_seeks(tab: Any, tmp_path: Path, layout: VideoLayout) -> None:
    job = Job(clips.write_folder(tmp_path / "clip"), weights="none", write_page=False)
    outcome = run(replace(job, video_layout=layout))
    written = outcome.outputs.comparison
    assert written is not None
    page = tmp_path / "page.html"
    page.write_text(f'<video src="{written.as_uri()}" muted></video>', encoding="utf-8")
    tab.goto(page.as_uri())
    tab.wait_for_function("document.querySelector('video').readyState >= 2")
    film, info = tab.locator("video"), probe(written)
    sizes = film.evaluate("film => [film.videoWidth, film.videoHeight, film.duration]")
    assert sizes[:2] == [info.width, info.height] and sizes[2] == pytest.approx(clips.FRAMES / 30, abs=0.02)
    film.evaluate("film => film.play()")
    tab.wait_for_function("document.querySelector('video').ended")
    assert film.evaluate("film => film.getVideoPlaybackQuality().totalVideoFrames") >= clips.FRAMES - 1
    film.evaluate("film => { film.currentTime = 0.1 }")
    tab.wait_for_function("!document.querySelector('video').seeking")
    assert film.evaluate("film => film.error") is None
