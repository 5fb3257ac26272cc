"""A batch's `run.html` in a real browser: offline, accessible, sorted, filtered; hostile names run nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine.batch.clips import Clip, people_of
from lsmplify_refine.batch.history import Run
from lsmplify_refine.batch.page import page
from lsmplify_refine.batch.table import tables
from lsmplify_refine.cli import main
from tests.support.batch_records import done, failed, many, person
from tests.support.batches import write_tree
from tests.support.browser import assert_accessible, open_tab

pytestmark = pytest.mark.slow

HOSTILE = '<img src=x onerror=alert(1)>"<script>alert(2)<'


def written(path: Path, clips: list[Clip]) -> str:
    html = page(clips, tables(people_of(clips)), [Run("r", "1/1", 9, 3.0, {"jobs": 2}, {"torch": "2"})])
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


def names(tab: Any) -> list[str]:
    """The clips that the table shows, without what is said of them below their names."""
    script = "heads => heads.map(head => [...head.childNodes].filter(n => n.nodeType == 3).map(n => n.data).join(''))"
    found: list[str] = tab.eval_on_selector_all("#clips tbody th", script)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_run_opens_offline_and_is_accessible(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tree = write_tree(tmp_path / "in", tuple(f"sport{at % 2}/{at}" for at in range(6)), video=True)
    (tree / "sport1/5/hmr4d_results.pt").write_bytes(b"broken")
    assert main(["batch", "in", "--jobs", "0", "--weights", "none", "--device", "cpu", "--videos", "sample:2"]) == 3
    content = json.loads(Path("refined/summary.json").read_text())
    with open_tab() as tab:
        tab.emulate_media(color_scheme=scheme)
        tab.goto((tmp_path / "refined/run.html").as_uri())
        assert tab.title() == "5 of 6 clips refined"
        assert names(tab) == [clip["name"] for clip in content["clips"]]
        links = tab.eval_on_selector_all("#clips a", "links => links.map(link => link.href)")
        videos = sum(clip.get("video") == "written" for clip in content["clips"])
        # a report and a result of each of five clips
        assert sum(link.endswith(".mp4") for link in links) == videos > 0 and len(links) >= 10 + videos
        for link in links:
            assert Path(link.removeprefix("file://")).exists()
        assert_accessible(tab)


def test_ten_thousand_clips_are_sorted_and_filtered_a_sheet_at_a_time(tmp_path: Path) -> None:
    clips = many(10_000)
    with open_tab() as tab:
        tab.goto(written(tmp_path / "run.html", clips))
        tab.get_by_text("10000 of 10000 clips", exact=True).wait_for()
        assert len(names(tab)) == 50
        tab.get_by_role("button", name="change").click()
        tab.get_by_role("button", name="change").click()
        sort = tab.locator("th[aria-sort]")
        assert (sort.inner_text().split()[0], sort.get_attribute("aria-sort")) == ("change", "descending")
        assert "+20 %" in tab.locator("#clips tbody tr").first.inner_text()
        tab.get_by_role("combobox", name="status").select_option(label="failed")
        count = sum(clip.status == "failed" for clip in clips)
        tab.get_by_text(f"{count} of 10000 clips", exact=True).wait_for()
        tab.get_by_label("name contains").fill("00042/")
        tab.get_by_text("1 of 10000 clips", exact=True).wait_for()
        assert names(tab) == ["badminton/00042/front"]
        assert "cut off" in tab.locator("#clips tbody").inner_text()
        tab.get_by_role("combobox", name="status").select_option(label="all")
        tab.get_by_label("name contains").fill("")
        tab.get_by_role("combobox", name="sport").select_option(label="boxing")
        tab.get_by_role("button", name="clip", exact=False).first.click()
        tab.get_by_role("button", name="Next").click()
        boxing = sorted(clip.row.name for clip in clips if clip.row.groups.get("sport") == "boxing")
        assert names(tab) == boxing[50:100]
        assert_accessible(tab)


def test_hostile_names_and_notes_run_nothing(tmp_path: Path) -> None:
    note = {"code": HOSTILE, "text": HOSTILE, "severity": "warning"}
    clips = [
        done(HOSTILE, person(100, 50, notes=(note,)), groups={HOSTILE: HOSTILE}),
        done("javascript:alert(3)", person(100, 110), groups={HOSTILE: "b"}),
        failed("b", HOSTILE),
    ]
    with open_tab() as tab:
        # `open_tab` fails on every dialog
        tab.goto(written(tmp_path / "run.html", clips))
        assert names(tab)[0] == HOSTILE and tab.locator("img").count() == 0
        links = tab.eval_on_selector_all("a", "links => links.map(link => link.protocol)")
        assert set(links) == {"file:"}
        tab.get_by_label("name contains").fill("<img")
        tab.get_by_text("1 of 3 clips", exact=True).wait_for()


def test_the_page_prints_without_its_table(tmp_path: Path) -> None:
    with open_tab() as tab:
        tab.goto(written(tmp_path / "run.html", many(20)))
        tab.emulate_media(media="print")
        assert not tab.locator("#clips").is_visible() and tab.get_by_text("Gained most").is_visible()
