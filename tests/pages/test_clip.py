"""The page of a clip says what the report says, and nothing from a file runs in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import Keypoints
from lsmplify_refine.pages.clip import Beside, clip_page
from lsmplify_refine.pages.film import Film
from lsmplify_refine.values.notes import Note
from tests.support import clips
from tests.support.reports import HOSTILE, Page, at, poisoned, report_of
from tests.support.rooms import STILL, in_room
from tests.support.scenes import scene

BESIDE = Beside("a_refined.pt", "a_report.json")


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return report_of(scene(40, noise_px=2.0, world=True))


def test_every_number_is_the_reports(report: dict[str, Any]) -> None:
    page = Page(clip_page(report, BESIDE))
    assert len(page.numbers) > 20
    for pointer, shown in page.numbers.items():
        value = at(report, pointer)
        assert shown == ("" if value is None else str(value)), pointer
    metrics = report["people"][0]["metrics"]
    for stage, values in metrics.items():
        for name in values:
            assert f"/people/0/metrics/{stage}/{name}" in page.numbers


def test_the_curves_are_the_reports(report: dict[str, Any]) -> None:
    (text,) = re.findall(r'id="data">(.*?)</script>', clip_page(report, BESIDE))
    (person,) = json.loads(text)["people"]
    frames = report["people"][0]["per_frame"]
    assert person["before"] == frames["reprojection_px_coco17_before"]
    assert person["after"] == frames["reprojection_px_coco17_after"]
    assert (person["frames"], person["status"]) == (frames["frame_id"], frames["status"])


def test_every_section_is_there(report: dict[str, Any]) -> None:
    page = Page(clip_page(report, BESIDE))
    for title in ("over time", "Each keypoint", "Jitter", "Feet on the ground", "All metrics", "Keypoints and repairs"):
        assert title in page.text
    figures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(figures) == 4 and all(each["aria-label"] for each in figures)
    assert "lsmplify-refine view a_refined.pt" in page.text
    links = [attributes.get("href") for tag, attributes in page.tags if tag == "a"]
    assert links == ["./a_refined.pt", "./a_report.json"]


def test_nothing_from_a_file_runs(report: dict[str, Any]) -> None:
    clean, other = clip_page(report, BESIDE), poisoned(report)
    html = clip_page(other, replace(BESIDE, results=HOSTILE, report=HOSTILE, more=[HOSTILE]))
    found, expected = (Page(each).tags for each in (html, clean))
    scripts = [[tag for tag, _ in tags].count("script") for tags in (found, expected)]
    assert scripts[0] == scripts[1] == 2
    assert not [tag for tag, _ in found if tag == "img"]
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]
    assert html.count("alert(1)") > 10, "the text itself is shown"


def test_several_people_have_a_section_each() -> None:
    report = report_of(scene(8).replace(track_id="7"), scene(8, seed=1).replace(track_id="x"))
    page = Page(clip_page(report, BESIDE))
    assert (
        "2 people, " in page.text
        and "nearer to the keypoints." in page.text
        and "Person 7" in page.text
        and "Person x" in page.text
    )
    assert [attributes.get("class") for tag, attributes in page.tags if tag == "section"] == [
        "screen",
        "person",
        "person",
    ]
    people = {pointer.split("/")[2] for pointer in page.numbers}
    assert people == {"0", "1"}


def test_a_crowd_has_a_small_page(report: dict[str, Any], tmp_path: Path) -> None:
    other = {**report, "people": report["people"] * 20}
    film = Film.of(clips.write_video(tmp_path / "c.mp4", 40))
    html = clip_page(other, replace(BESIDE, comparison="c.mp4", film=film))
    tags = [tag for tag, _ in Page(html).tags]
    assert tags.count("svg") == 20 and tags.count("img") == 20 and len(html) < 2_000_000
    assert "Of so many people" in html


def test_points_in_space_are_in_mm() -> None:
    page = Page(clip_page(report_of(in_room(STILL, 30)), BESIDE))
    assert "distance to the keypoints, mm" in page.text.replace("\n", " ")
    assert any("mpjpe_mm_body25" in pointer for pointer in page.numbers)
    assert "They were brought into the estimate's frame" in page.text


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_clips(frames: int) -> None:
    report = report_of(scene(frames))
    html = clip_page(report, BESIDE)
    assert f"{frames} frames" in Page(html).text
    assert ("Jitter over time" in html) == (frames > 3)


def test_frames_without_keypoints_are_gaps() -> None:
    estimate = scene(20)
    assert estimate.keypoints is not None
    confidence = estimate.keypoints.confidence.copy()
    confidence[5:9] = 0
    confidence[:, 0] = 0
    keypoints = Keypoints("coco17", estimate.keypoints.positions, confidence)
    report = report_of(estimate.replace(keypoints=keypoints, frame_ids=np.arange(100, 120)))
    page = Page(clip_page(report, BESIDE))
    assert "Never seen: nose." in page.text
    plots = [attributes for tag, attributes in page.tags if attributes.get("class") == "plot"]
    assert plots[0]["data-first"] == "100" and plots[0]["data-last"] == "119"


def test_a_clip_that_was_held_says_so(report: dict[str, Any]) -> None:
    other = json.loads(json.dumps(report))
    (person,) = other["people"]
    person["per_frame"]["status"] = ["held"] * 40
    person["counts"] = {"accepted": 0, "blended": 0, "held": 40, "doubtful": 0}
    person["metrics"]["refined"] = person["metrics"]["calibrated"]
    page = Page(clip_page(other, BESIDE))
    assert "Nothing was changed" in page.text and "As near to the keypoints as before" in page.text


def test_what_got_worse_is_said(report: dict[str, Any]) -> None:
    other = json.loads(json.dumps(report))
    metrics = other["people"][0]["metrics"]
    metrics["refined"]["reprojection_px_coco17"] = 1.5 * metrics["calibrated"]["reprojection_px_coco17"]
    page = Page(clip_page(other, BESIDE))
    assert "50\u202f% farther from the keypoints" in page.text and "✗" in page.text


def test_axes_have_plain_numbers(report: dict[str, Any]) -> None:
    other = json.loads(json.dumps(report))
    frames = other["people"][0]["per_frame"]
    for top in (1.5, 40.0, 9000.0):
        frames["jitter_10m_per_s3_after"] = np.geomspace(0.6, top, 40).tolist()
        assert "mathdefault" not in clip_page(other, BESIDE) and "10^" not in clip_page(other, BESIDE)


def test_warnings_come_first() -> None:
    notes = [Note("keypoints-mapped", "mapped"), Note("focal-length-assumed", "assumed", "warning")]
    text = Page(clip_page(report_of(scene(6), notes=notes), BESIDE)).text
    assert 0 < text.index("Warning. assumed") < text.index("mapped keypoints-mapped")


def test_the_video_lies_beside_the_page(report: dict[str, Any], tmp_path: Path) -> None:
    film = Film.of(clips.write_video(tmp_path / "c.mp4", 40))
    page = Page(clip_page(report, replace(BESIDE, comparison="a #1_comparison.mp4", film=film)))
    (video,) = [attributes for tag, attributes in page.tags if tag == "video"]
    assert video["src"] == "./a%20%231_comparison.mp4"
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 3 and all((each["src"] or "").startswith("data:image/jpeg;base64,") for each in pictures)
    frames = [attributes["data-frame"] for tag, attributes in page.tags if tag == "button"]
    errors = report["people"][0]["per_frame"]["reprojection_px_coco17_after"]
    assert frames[0] == str(int(np.argmax(errors))) and len({*frames}) == 3


def test_a_video_of_moments_alone_is_not_linked(report: dict[str, Any], tmp_path: Path) -> None:
    film = Film.of(clips.write_video(tmp_path / "c.mp4", 5))
    other = {**report, "settings": {**report["settings"], "only_worst": 0.2}}
    page = Page(clip_page(other, replace(BESIDE, comparison="c.mp4", film=film)))
    assert "shows the worst moments alone" in page.text and '"times": null' in page.text
    assert not [tag for tag, _ in page.tags if tag == "button"]


def test_the_times_of_a_video_are_known(tmp_path: Path) -> None:
    film = Film.of(clips.write_video(tmp_path / "c.mp4", 10))
    np.testing.assert_allclose(film.times, np.arange(10) / 30, atol=1e-4)
    assert set(film.pictures([0, 9, 10, -1])) == {0, 9}


def test_a_long_clip_stays_small(report: dict[str, Any]) -> None:
    other = json.loads(json.dumps(report))
    (person,) = other["people"]
    frames = person["per_frame"]
    other["people"][0]["frames"] = 100_000
    for name, values in frames.items():
        frames[name] = (values * 2500)[:100_000]
    frames["frame_id"] = list(range(100_000))
    assert len(clip_page(other, BESIDE)) < 1_500_000
