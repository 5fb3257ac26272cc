"""Pages in a real browser: Debian's Chromium through Playwright, and axe-core's accessibility check."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

#: Drawing in software, milliseconds.
PATIENCE_MS = 60_000
#: Faults of these impacts keep people from using a page.
_SERIOUS = ("serious", "critical")
_SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
_THIS_MACHINE = ("file:", "data:", "blob:", "about:", "http://127.0.0.1:", "ws://127.0.0.1:")


@contextmanager
def open_tab() -> Iterator[Any]:
    """A Playwright page that must cause no error, ask nothing of other machines, and open no dialog.

    Injected scripts call `alert`, so a dialog is a fault. Skips without Playwright or Chromium.
    """
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_SOFTWARE))
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        faults = _watch(page)
        yield page
        browser.close()
    assert not faults, faults


def _watch(page: Any) -> list[str]:
    """What a page does that it must not, as it happens."""
    faults: list[str] = []

    def refuse(dialog: Any) -> None:
        faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", refuse)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("request", lambda request: faults.append(request.url) if _elsewhere(request.url) else None)
    return faults


def _elsewhere(url: str) -> bool:
    return not url.startswith(_THIS_MACHINE)


def assert_accessible(page: Any, *, ignored: tuple[str, ...] = ()) -> None:
    """Fail on every serious or critical fault that axe-core finds in a page.

    Args:
        page: A Playwright page, as it is now.
        ignored: CSS selectors of parts that belong to others.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = {"exclude": [[selector] for selector in ignored]} if ignored else None
    found = axe.run(page, context=context).response["violations"]
    faults = [_fault(each) for each in found if each["impact"] in _SERIOUS]
    assert not faults, faults


def _fault(violation: dict[str, Any]) -> str:
    """A violation in one line: the rule, and where."""
    places = ", ".join(str(node["target"]) for node in violation["nodes"])
    return f"{violation['id']} ({violation['help']}): {places}"
