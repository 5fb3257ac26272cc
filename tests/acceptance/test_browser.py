"""The viewer in a real browser: it opens offline, without an error, plays, and picks joints."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine.view.page import write_page
from lsmplify_refine.view.panel import Panel
from lsmplify_refine.view.read import read_clip
from lsmplify_refine.view.stage import serving
from tests.support import clips

pytest.importorskip("viser")
sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium")]

#: Drawing in software, milliseconds.
_PATIENCE_MS = 60_000


@pytest.fixture
def tab() -> Iterator[Any]:
    """A page whose errors end the test; it reaches this machine alone."""
    software = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=software)
        page = browser.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: said.append(request.url) if _elsewhere(request.url) else None)
        yield page
        browser.close()
    assert not said


def _elsewhere(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1", "ws://127.0.0.1"))


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
