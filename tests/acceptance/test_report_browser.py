"""The report in a real browser: offline, without an error, linked with its video, in dark and light."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.pages.clip import Beside, clip_page
from tests.support import clips
from tests.support.browser import assert_accessible, open_tab
from tests.support.reports import at, poisoned

pytestmark = pytest.mark.slow


@pytest.fixture
def tab() -> Iterator[Any]:
    with open_tab() as page:
        yield page


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page beside its video and its JSON file."""
    outcome = run(Job(clips.write_folder(tmp_path_factory.mktemp("page") / "clip"), weights="none"))
    assert outcome.outputs.page is not None and outcome.outputs.comparison is not None
    return outcome.outputs.page


def frame_of(tab: Any, frame: int) -> None:
    """Wait until the page shows a frame."""
    tab.wait_for_function("frame => document.body.dataset.frame === String(frame)", arg=frame)


def click_at(tab: Any, frame: int) -> None:
    """Click in the first figure where a frame is."""
    plot = tab.locator(".plot[data-first]").first
    plot.scroll_into_view_if_needed()
    box, left, right = plot.bounding_box(), *(float(plot.get_attribute(f"data-{side}")) for side in ("left", "right"))
    share = left + (frame + 0.5) / clips.FRAMES * (right - left)
    plot.click(position={"x": share * box["width"], "y": 40})


def test_it_opens_offline_with_the_numbers_of_the_json_file(tab: Any, written: Path) -> None:
    tab.goto(written.as_uri())
    assert "to the keypoints" in tab.locator("h1").inner_text()
    report = json.loads(written.with_suffix(".json").read_text(encoding="utf-8"))
    numbers = tab.eval_on_selector_all("[data-json]", "all => all.map(each => [each.dataset.json, each.value])")
    assert len(numbers) > 20
    for pointer, shown in numbers:
        value = at(report, pointer)
        assert shown == ("" if value is None else str(value)), pointer


def test_the_cursor_follows_the_video(tab: Any, written: Path) -> None:
    tab.goto(written.as_uri())
    tab.wait_for_function("document.getElementById('film').readyState > 0")
    for frame in (5, 2, clips.FRAMES - 1):
        tab.evaluate("time => { document.getElementById('film').currentTime = time }", (frame + 0.5) / 30)
        frame_of(tab, frame)
        assert tab.locator("#readout output").inner_text().startswith(f"{frame}: ")
    places = tab.eval_on_selector_all(".plot[data-first] .cursor", "all => all.map(each => each.style.left)")
    assert len(places) >= 2 and all(float(place.rstrip("%")) > 85 for place in places)


def test_a_click_in_a_figure_and_on_a_moment_seeks(tab: Any, written: Path) -> None:
    tab.goto(written.as_uri())
    tab.wait_for_function("document.getElementById('film').readyState > 0")
    click_at(tab, 6)
    frame_of(tab, 6)
    tab.wait_for_function("Math.abs(document.getElementById('film').currentTime - 6.5 / 30) < 0.01")
    moment = tab.locator(".moments button").first
    moment.click()
    frame_of(tab, int(moment.get_attribute("data-frame")))
    tab.locator(".scroller:has(.plot[data-first])").first.focus()
    click_at(tab, 3)
    tab.keyboard.press("ArrowRight")
    frame_of(tab, 4)


def test_it_works_without_a_video(tab: Any, tmp_path: Path) -> None:
    outcome = run(Job(clips.write_folder(tmp_path / "clip"), weights="none", write_video=False))
    assert outcome.outputs.page is not None
    tab.goto(outcome.outputs.page.as_uri())
    assert tab.locator("video").count() == 0
    click_at(tab, 6)
    frame_of(tab, 6)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(scheme: str, tab: Any, written: Path) -> None:
    tab.emulate_media(color_scheme=scheme)
    tab.goto(written.as_uri())
    red = tab.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")
    assert (red > 200) == (scheme == "light")
    for summary in tab.locator("summary").all():
        summary.click()
    # the browser's own controls
    assert_accessible(tab, ignored=("video",))
    tab.set_viewport_size({"width": 360, "height": 700})
    assert tab.evaluate("document.documentElement.scrollWidth <= 360"), "a phone must not scroll sideways"


def test_it_prints(tab: Any, written: Path) -> None:
    tab.goto(written.as_uri())
    assert len(tab.pdf(format="A4")) > 10_000
    tab.emulate_media(media="print")
    assert not tab.locator(".cursor").first.is_visible()


def test_a_hostile_report_runs_nothing(tab: Any, written: Path, tmp_path: Path) -> None:
    report = json.loads(written.with_suffix(".json").read_text(encoding="utf-8"))
    hostile = poisoned(report)
    path = tmp_path / "hostile.html"
    path.write_text(clip_page(hostile, Beside("</script><script>alert(1)</script>", "r.json")), encoding="utf-8")
    tab.goto(path.as_uri())
    frame_of(tab, 0)
    assert "alert(1)" in tab.locator("body").inner_text()
    assert tab.locator("img").count() == 0


def test_the_scene_shows_the_frame_of_the_page(tab: Any, tmp_path: Path) -> None:
    pytest.importorskip("viser")
    outcome = run(Job(clips.write_folder(tmp_path / "clip"), weights="none", write_video=False, scene=True))
    assert outcome.outputs.page is not None
    tab.goto(outcome.outputs.page.as_uri())
    frame_of(tab, 0)
    tab.locator("iframe.scene").scroll_into_view_if_needed()
    scene = tab.frame_locator("iframe.scene")
    scene.locator("canvas").first.wait_for()
    scene.get_by_text("0 of 7", exact=True).wait_for()
    click_at(tab, 5)
    scene.get_by_text("5 of 7", exact=True).wait_for()
    scene.locator("body").press("ArrowLeft")
    frame_of(tab, 4)
