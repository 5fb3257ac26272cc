"""Every run writes the page of its report; a page that cannot be drawn costs nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lsmplify_refine import InputError
from lsmplify_refine.job import page as job_page
from lsmplify_refine.job.fit import fit
from lsmplify_refine.job.job import FitJob, Job
from lsmplify_refine.job.run import run
from lsmplify_refine.values.notes import Note
from tests.support import clips
from tests.support.reports import Page, at


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clips.write_folder(tmp_path / "clip")


def test_the_page_lies_beside_the_report_and_shows_its_numbers(folder: Path) -> None:
    outcome = run(Job(folder, weights="none"))
    page, report = outcome.outputs.page, json.loads(outcome.outputs.report.read_text())
    assert page == folder / "hmr4d_results_report.html" and report["outputs"]["page"] == page.name
    shown = Page(page.read_text(encoding="utf-8"))
    assert shown.numbers
    for pointer, number in shown.numbers.items():
        value = at(report, pointer)
        assert number == ("" if value is None else str(value)), pointer
    (video,) = [attributes for tag, attributes in shown.tags if tag == "video"]
    assert video["src"] == "./hmr4d_results_comparison.mp4"
    assert outcome.page_error is None


def test_a_video_of_the_worst_moments_and_snapshots_are_beside_it(folder: Path) -> None:
    outcome = run(Job(folder, weights="none", only_worst=0.1, snapshot=(2,)))
    assert outcome.outputs.page is not None
    page = Page(outcome.outputs.page.read_text(encoding="utf-8"))
    assert "The video shows the worst moments alone." in page.text and '"times": null' in page.text
    links = [attributes.get("href") for tag, attributes in page.tags if tag == "a"]
    assert "./hmr4d_results_frame_2.png" in links and "./hmr4d_results_comparison.mp4" in links


def test_without_a_page(folder: Path) -> None:
    run(Job(folder, weights="none", write_video=False))
    outcome = run(Job(folder, weights="none", write_video=False, write_page=False, overwrite=True))
    assert outcome.outputs.page is None and not (folder / "hmr4d_results_report.html").exists()
    assert outcome.removed == (folder / "hmr4d_results_report.html",), "it showed other results"
    assert json.loads(outcome.outputs.report.read_text())["outputs"]["page"] is None


def test_a_page_that_cannot_be_drawn_is_a_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("no fonts\nat all")

    monkeypatch.setattr("lsmplify_refine.pages.clip.clip_page", fail)
    told: list[Note] = []
    outcome = run(Job(folder, weights="none", write_video=False), notify=told.append)
    (note,) = told
    assert note.code == "page-failed" and "no fonts at all" in note.text and note.severity == "warning"
    assert outcome.outputs.results.is_file() and outcome.outputs.page is None
    assert not (folder / "hmr4d_results_report.html").exists()
    written = json.loads(outcome.outputs.report.read_text())
    assert "page-failed" in {each["code"] for each in written["notes"]} and written["outputs"]["page"] is None


def test_fit_writes_its_page(folder: Path, tmp_path: Path) -> None:
    outcome = fit(FitJob(folder / "preprocess" / "vitpose.pt", output=tmp_path, image_size=clips.SIZE, weights="none"))
    assert outcome.outputs.page == tmp_path / "vitpose_fit_report.html"
    text = Page(outcome.outputs.page.read_text(encoding="utf-8")).text
    assert "Fitted to the keypoints with a mean distance of" in text and "posed frame by frame" in text


def test_a_scene_without_viser_is_refused_before_the_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_page, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="--scene: needs viser; pip install"):
        run(Job(folder, scene=True))


def test_the_page_holds_the_scene_if_asked_for(folder: Path) -> None:
    pytest.importorskip("viser")
    outcome = run(Job(folder, weights="none", write_video=False, scene=True))
    assert outcome.outputs.page is not None and not outcome.page_error
    page = Page(outcome.outputs.page.read_text(encoding="utf-8"))
    (scene,) = [attributes for tag, attributes in page.tags if tag == "iframe"]
    assert scene["sandbox"] == "allow-scripts" and "lsmplify-refine-seek" in (scene["srcdoc"] or "")
    assert "http-equiv" not in (scene["srcdoc"] or ""), "it inherits the policy"


def test_a_scene_that_cannot_be_drawn_costs_the_scene_alone(folder: Path) -> None:
    pytest.importorskip("viser")
    outcome = run(Job(folder, weights="none", write_video=False, scene=True, output_format="bvh"))
    assert outcome.page_error is None and outcome.outputs.page is not None
    assert "scene-failed" in {note.code for note in outcome.notes}
    text = Page(outcome.outputs.page.read_text(encoding="utf-8")).text
    assert "lsmplify-refine view hmr4d_results_refined.bvh" in text
