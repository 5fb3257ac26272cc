"""The viewer in a real browser: it opens offline, without an error, plays, and picks joints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine.view.page import write_page
from lsmplify_refine.view.panel import Panel
from lsmplify_refine.view.read import read_clip
from lsmplify_refine.view.stage import serving
from tests.support import browser, clips

pytest.importorskip("viser")
pytestmark = pytest.mark.slow


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return clips.write_folder(tmp_path / "clip") / "hmr4d_results.pt"


def test_a_page_opens_offline_and_plays(tab: Any, result: Path, tmp_path: Path) -> None:
    path = tmp_path / "scene.html"
    write_page(read_clip(result, before=result, space="camera"), path)
    tab.goto(path.as_uri())
    tab.wait_for_selector("canvas")
    clock = tab.locator("input").first
    begun = clock.input_value()
    tab.wait_for_function("begun => document.querySelector('input').value != begun", arg=begun)


def test_the_live_viewer_plays_and_seeks(tab: Any, result: Path) -> None:
    with serving("127.0.0.1", 0) as server:
        panel = Panel(server, read_clip(result, before=result))
        tab.goto(panel.address)
        tab.wait_for_selector("canvas")
        tab.get_by_text("frame 0", exact=True).wait_for()
        panel.frame.value = 3
        panel.draw()
        tab.get_by_text("frame 3", exact=True).wait_for()
        tab.get_by_label("joints to click").check()
        for _ in range(100):
            if panel.stage.shown.joints:
                break
            tab.wait_for_timeout(100)
        assert panel.stage.shown.joints


def test_the_accessibility_check_finds_a_fault(tab: Any) -> None:
    tab.set_content("<!doctype html><html lang=en><title>t</title><main><h1>h</h1><button id=b></button></main>")
    with pytest.raises(AssertionError, match=r"button-name .*#b"):
        browser.assert_accessible(tab)
    browser.assert_accessible(tab, ignored=("#b",))


@pytest.mark.parametrize("fault", ["alert(1)", "fetch('http://192.0.2.1/')", "console.error(1)", "undefined()"])
def test_a_tab_ends_the_test_of_a_page_with_a_fault(fault: str) -> None:
    with pytest.raises(AssertionError), browser.open_tab() as page:
        page.set_content(f"<!doctype html><title>t</title><script>{fault}</script>")
        page.wait_for_timeout(200)
