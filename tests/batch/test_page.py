"""`run.html`: its numbers are the records', and nothing of a file is taken for HTML."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine.batch import summary
from lsmplify_refine.batch.clips import Clip, people_of
from lsmplify_refine.batch.discover import discover
from lsmplify_refine.batch.figures import mean_of, primary
from lsmplify_refine.batch.history import Run
from lsmplify_refine.batch.page import page
from lsmplify_refine.batch.record import load_record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.run import run_batch, summarise
from lsmplify_refine.batch.table import tables
from lsmplify_refine.cli import main
from tests.support.batch_records import NOTE, done, failed, many, person
from tests.support.batches import settings, write_tree

RUN = Run("r", "1/1", 40, 20.0, {"jobs": 2, "align": "torso"}, {"lsmplify_refine": "0.1.0", "torch": "2.0"})

HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"


def drawn(clips: list[Clip], *runs: Run) -> str:
    return page(clips, tables(people_of(clips)), runs)


def text_of(html: str) -> str:
    """What a reader sees of the page, but for its table, which the script fills."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", "", html[html.index("<body") :], flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_headline_and_the_cards_are_the_means_over_frames() -> None:
    clips = [done("a", person(100, 50, frames=30)), done("b", person(60, 61, frames=10)), failed("c", "broken")]
    text = text_of(drawn(clips, RUN))
    assert "2 of 3 clips refined" in text
    assert (
        "MPJPE to the ground truth went from 90.0 to 52.8 mm (−41 %). It fell in 1 of 2 clips. 1 clip got worse."
        in text
    )
    assert "MPJPE mm 90.0 → 52.8 −41 %" in text and "Jitter 10 m/s³ 9.00 → 5.28 −41 %" in text
    assert "1 failed Run the same command again" in text and "c broken" in text
    assert text.index("c broken") < text.index("MPJPE mm 90.0")


def test_lists_name_the_clips_that_gained_least_and_most_and_got_worse() -> None:
    clips = [done(f"clip{gain:02}", person(100, 100 - gain)) for gain in range(-2, 30)]
    text = text_of(drawn(clips))
    worse = text[text.index("Got worse") : text.index("Gained least")]
    assert re.findall(r"clip-?\d+", worse) == ["clip-2", "clip-1"]
    least = text[text.index("Gained least") : text.index("Gained most")]
    assert re.findall(r"clip-?\d+", least)[:3] == ["clip-2", "clip-1", "clip00"]
    assert re.findall(r"clip-?\d+", text[text.index("Gained most") : text.index("All clips")])[0] == "clip29"


def test_few_clips_make_one_list() -> None:
    text = text_of(drawn([done("a", person(100, 40)), done("b", person(100, 90))]))
    order = text[text.index("From the least gain to the most") : text.index("All clips This table")]
    assert order.index("b 100") < order.index("a 100") and "Gained most" not in text


def test_the_groups_are_those_of_the_table() -> None:
    clips = many(60)
    (table,) = tables(people_of(clips))
    text = text_of(drawn(clips))
    for line in table.lines:
        assert " ".join(cell for cell in line if cell) in text


def test_distributions_say_in_words_what_they_show() -> None:
    clips = [done(str(number), person(10 * number, 5 * number)) for number in range(1, 12)]
    html = drawn(clips)
    words = "Half of the clips had less than 60.0 mm before, and have less than 30.0 now."
    assert words in text_of(html) and html.count('role="img"') == 3
    assert "Over the clips" not in text_of(drawn(clips[:4]))
    assert "in the last bin" not in text_of(html)
    outlier = [*clips * 10, done("far", person(9000, 5))]
    many_words = text_of(drawn([replace(clip, row=replace(clip.row, name=str(at))) for at, clip in enumerate(outlier)]))
    assert "Values above 110, in 1 clip, count in the last bin." in many_words


def test_notes_are_counted_by_code_warnings_first() -> None:
    info = {"code": "camera-recovered", "text": "the camera was recovered", "severity": "info"}
    clips = [done(str(at), person(2, 1, notes=(info, NOTE) if at else (info, info))) for at in range(3)]
    text = text_of(drawn(clips))
    assert "fps-assumed, a warning 2 clips , such as 1: 30 frames per second are assumed" in text
    assert "camera-recovered 3 clips , such as 0: the camera was recovered" in text
    assert text.index("fps-assumed") < text.index("camera-recovered")


def test_time_settings_and_versions() -> None:
    text = text_of(drawn([done("a", person(2, 1, frames=90))], RUN, replace(RUN, shard="2/2", seconds=None)))
    assert "90 frames in 1 clip took 0 s of work, 0.50 s for each clip." in text
    assert "did 40 clips in 20 s: 2.00 clips per second" in text and "of share 2/2 was broken off" in text
    assert "--align torso" in text and "torch 2.0" in text


def test_the_table_holds_every_clip() -> None:
    clips = [
        done("x/front", person(100, 50), person(50, 40), groups={"sport": "judo"}),
        failed("y", "cut off"),
        Clip(Row("z", Path("z"), groups={"sport": "judo"}), None),
    ]
    data = data_of(drawn(clips))
    one, two, three = data["rows"]
    assert one[:12] == ["x/front", 0, [0], 180, 0, 75.0, 45.0, 7.5, 4.5, 7.5, 4.5, 0.5]
    assert [data["files"][at] for at in one[13]] == [
        ["numbers", "*_report.json"],
        ["video", "*_comparison.mp4"],
        ["result", "*_refined.npz"],
    ]
    assert (two[1], two[5], two[15]) == (1, None, "cut off")
    assert (three[1], data["values"][three[2][0]], three[13]) == (2, "judo", [])


def test_ten_thousand_clips_make_a_page_of_less_than_two_megabytes() -> None:
    html = drawn(many(10_000))
    assert len(data_of(html)["rows"]) == 10_000 and len(html.encode()) < 2_000_000


def test_nothing_of_a_file_is_taken_for_html() -> None:
    note = {"code": HOSTILE, "text": HOSTILE, "severity": "info"}
    clips = [
        done(HOSTILE, person(100, 50, notes=(note,)), groups={HOSTILE: HOSTILE}),
        failed("b", HOSTILE),
    ]
    clips += [done(f"c{at}", person(10 + at, 5), groups={HOSTILE: HOSTILE + "2"}) for at in range(8)]
    html = drawn(clips, replace(RUN, settings={"format": HOSTILE}, versions={HOSTILE: HOSTILE}))
    assert "<img" not in html and "<script>alert" not in html and html.count("</script>") == 2
    assert data_of(html)["rows"][1][15] == HOSTILE


def test_links_of_names_that_are_no_plain_links() -> None:
    names = ["a b#c", "100%?", "jäger", "javascript:x", "\udcff"]
    html = drawn([done(name, person(2, 1)) for name in names])
    assert [row[14] for row in data_of(html)["rows"]] == [
        "./a%20b%23c", "./100%25%3F", "./j%C3%A4ger", "./javascript%3Ax", "./%FF",
    ]  # fmt: skip
    assert 'href="./a%20b%23c/a%20b%23c_report.json"' in html and 'href="./%FF/%FF_refined.npz"' in html


@pytest.mark.parametrize("clips", [[], [failed("a", "broken")], [Clip(Row("a", Path("a")), None)], [done("a")]])
def test_a_batch_without_figures_has_a_page(clips: list[Clip]) -> None:
    text = text_of(drawn(clips))
    assert "No clip" in text and "By group" not in text


def test_the_page_of_a_real_run_is_that_of_its_records(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "in")
    (tree / "judo/b/hmr4d_results.pt").write_bytes(b"broken")
    rows = discover([tree]).rows
    outcome = run_batch(rows, settings(tmp_path / "out"))
    assert tmp_path / "out/run.html" in outcome.summary.files
    html = (tmp_path / "out/run.html").read_text(encoding="utf-8")
    assert "2 of 3 clips refined" in html and "--weights" in html
    record = load_record(tmp_path / "out", "judo/a")
    assert record is not None
    before, after = primary(record.people[0])
    row = next(row for row in data_of(html)["rows"] if row[0] == "judo/a")
    assert row[5:7] == [float(f"{before:.4g}"), float(f"{after:.4g}")]
    links = re.findall(r'href="\./([^"]*)"', html)
    assert links and all((tmp_path / "out" / link).exists() for link in links)
    (tmp_path / "out/run.html").unlink()
    assert summarise(tmp_path / "out").summary.files == outcome.summary.files
    assert (tmp_path / "out/run.html").read_text(encoding="utf-8") == html


def test_a_page_that_cannot_be_drawn_does_not_cost_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "in", ("a",))

    def fails(*_: Any) -> str:
        raise ImportError("no matplotlib")

    quick = ("--jobs", "0", "--weights", "none", "--videos", "none", "--device", "cpu")
    assert main(["batch", "in", *quick]) == 0 and Path("refined/run.html").exists()
    monkeypatch.setattr(summary, "page", fails)
    assert main(["batch", "--summary-only"]) == 0
    # an earlier page shows other results
    assert not Path("refined/run.html").exists() and Path("refined/summary.json").exists()
    assert "run.html could not be written: ImportError: no matplotlib" in capsys.readouterr().err


def test_means_of_people_count_frames() -> None:
    from lsmplify_refine.batch.figures import error_of

    people = [person(100, 50, frames=30), person(60, 60, frames=10)]
    figure = error_of(people)
    assert figure is not None and mean_of(people, figure) == (40, 90, 52.5)
    assert mean_of([], figure)[0] == 0
