from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lsmplify_refine.batch import worker
from lsmplify_refine.batch.discover import discover
from lsmplify_refine.batch.plan import plan
from lsmplify_refine.batch.record import load_record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.run import BatchOutcome, run_batch, summarise
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.batch.shards import Shard
from lsmplify_refine.batch.videos import Videos
from lsmplify_refine.errors import InputError
from lsmplify_refine.job import run as job_run
from lsmplify_refine.regressor.network import NetworkConfig, ResidualRegressor
from lsmplify_refine.regressor.weights import save_weights
from tests.support import clips
from tests.support.batches import NAMES, outputs, settings, write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "in")


@pytest.fixture
def refined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the inputs that are refined from now on."""
    names: list[str] = []
    once = job_run.run

    def counted(job: Any, **options: Any) -> Any:
        names.append("/".join(job.input.parts[-2:]))
        return once(job, **options)

    monkeypatch.setattr(job_run, "run", counted)
    return names


def rows(tree: Path) -> list[Row]:
    return list(discover([tree]).rows)


def network(seed: int) -> ResidualRegressor:
    torch.manual_seed(seed)
    return ResidualRegressor(NetworkConfig(width=16, depth=1)).eval().requires_grad_(False)


def run(tree: Path, given: Settings) -> BatchOutcome:
    return run_batch(rows(tree), given)


def test_the_output_mirrors_the_input_and_equals_the_single_command(tree: Path, tmp_path: Path) -> None:
    outcome = run(tree, settings(tmp_path / "out"))
    assert (outcome.clips, outcome.failed, outcome.left) == (3, (), 0)
    assert set(outputs(tmp_path / "out")) == {
        "table.md",
        *(f"{name}/hmr4d_results_{what}" for name in NAMES for what in ("refined.pt", "report.json")),
    }
    job = settings(tmp_path / "out").job(rows(tree)[0])
    alone = job_run.run(replace(job, output=tmp_path / "alone"))
    assert alone.outputs.results.read_bytes() == (tmp_path / "out/judo/a/hmr4d_results_refined.pt").read_bytes()


def test_what_is_done_is_not_done_again(tree: Path, tmp_path: Path, refined: list[str]) -> None:
    given = settings(tmp_path / "out")
    run(tree, given)
    before = outputs(tmp_path / "out")
    assert refined == list(NAMES)
    again = run(tree, given)
    assert refined == list(NAMES) and again.skipped == 3
    assert outputs(tmp_path / "out") == before
    run(tree, replace(given, force=True))
    assert refined == [*NAMES, *NAMES]
    assert outputs(tmp_path / "out") == before


def change_input(tree: Path, output: Path) -> None:
    path = tree / "judo/b/hmr4d_results.pt"
    status = path.stat()
    path.write_bytes((tree / "judo/a/hmr4d_results.pt").read_bytes())
    # same size and time: the content decides
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def change_keypoints(tree: Path, output: Path) -> None:
    shutil.copy(tree / "judo/b/hmr4d_results.pt", tree / "judo/b/preprocess/vitpose.pt")


def cut_output(tree: Path, output: Path) -> None:
    os.truncate(output / "judo/b/hmr4d_results_refined.pt", 100)


def remove_report(tree: Path, output: Path) -> None:
    (output / "judo/b/hmr4d_results_report.json").unlink()


def damage_record(tree: Path, output: Path) -> None:
    (output / ".batch/records/judo/b/record.json").write_text('{"layout": 1, "name": "judo/b"')


@pytest.mark.parametrize("change", [change_input, change_keypoints, cut_output, remove_report, damage_record])
def test_a_change_makes_one_clip_be_done_again(change: Any, tree: Path, tmp_path: Path, refined: list[str]) -> None:
    run(tree, settings(tmp_path / "out"))
    change(tree, tmp_path / "out")
    run(tree, settings(tmp_path / "out"))
    assert refined == [*NAMES, "judo/b"]


def test_a_touched_file_is_the_same(tree: Path, tmp_path: Path, refined: list[str]) -> None:
    run(tree, settings(tmp_path / "out"))
    os.utime(tree / "judo/b/hmr4d_results.pt")
    run(tree, settings(tmp_path / "out"))
    assert refined == list(NAMES)


def test_other_options_or_another_version_do_all_again(
    tree: Path, tmp_path: Path, refined: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(tmp_path / "out")
    run(tree, given)
    run(tree, replace(given, options={"weights": "none", "align": "auto", "passes": 2}))
    assert len(refined) == 6
    monkeypatch.setattr("lsmplify_refine.batch.fingerprint.__version__", "0.0.0")
    run(tree, given)
    assert len(refined) == 9


def test_other_weights_in_the_same_file_do_all_again(tree: Path, tmp_path: Path, refined: list[str]) -> None:
    weights = tmp_path / "weights.safetensors"
    save_weights(network(0), weights, {})
    given = settings(tmp_path / "out", options={"weights": str(weights)})
    run(tree, given)
    run(tree, given)
    assert len(refined) == 3
    before = outputs(tmp_path / "out")
    save_weights(network(1), weights, {})
    run(tree, given)
    assert len(refined) == 6
    # the last run's network is not used again
    name = "judo/a/hmr4d_results_refined.pt"
    assert outputs(tmp_path / "out")[name] != before[name]


def test_a_broken_clip_is_recorded_and_the_rest_is_done(tree: Path, tmp_path: Path, refined: list[str]) -> None:
    whole = (tree / "judo/b/hmr4d_results.pt").read_bytes()
    (tree / "judo/b/hmr4d_results.pt").write_bytes(whole[:200])
    outcome = run(tree, settings(tmp_path / "out"))
    assert [done.name for done in outcome.failed] == ["judo/b"]
    assert "hmr4d_results.pt" in outcome.failed[0].reason
    assert (tmp_path / "out/tennis/a/hmr4d_results_refined.pt").exists()
    assert not (tmp_path / "out/judo/b").exists()
    # the mended clip alone is done by the next run
    (tree / "judo/b/hmr4d_results.pt").write_bytes(whole)
    assert run(tree, settings(tmp_path / "out")).failed == ()
    assert refined == [*NAMES, "judo/b"]


def test_an_unreadable_video_costs_the_video_and_not_the_clip(tree: Path, tmp_path: Path) -> None:
    (tree / "judo/b/0_input_video.mp4").write_bytes(b"broken")
    outcome = run(tree, settings(tmp_path / "out", videos=Videos("all")))
    record = load_record(tmp_path / "out", "judo/b")
    assert outcome.failed == () and record is not None
    assert {note["code"] for note in record.notes} >= {"video-ignored"}
    assert record.video == "there is no video to draw on"


def test_a_fault_of_the_program_is_a_reason_too(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(worker, "_person", fails)
    outcome = run(tree, settings(tmp_path / "out"))
    assert [done.reason for done in outcome.failed] == ["ZeroDivisionError: by zero"] * 3


def test_results_that_are_folders_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row, given = Row("a", tmp_path / "in"), settings(tmp_path / "out")
    (tmp_path / "in").mkdir()
    (tmp_path / "out/a/in_refined").mkdir(parents=True)
    (tmp_path / "out/a/in_refined/old.json").write_text("{}")

    def fails(*_: Any, **__: Any) -> Any:
        raise InputError("not refined here")

    monkeypatch.setattr(job_run, "run", fails)
    assert run_batch([row], given).failed[0].reason == "not refined here"
    assert not (tmp_path / "out/a/in_refined").exists()


def test_the_summary_has_a_line_for_each_clip_and_person(tree: Path, tmp_path: Path) -> None:
    (tree / "judo/b/hmr4d_results.pt").write_bytes(b"broken")
    grouped = [replace(row, groups={"sport": row.name.split("/")[0]}) for row in rows(tree)]
    run_batch(grouped, settings(tmp_path / "out"))
    content = json.loads((tmp_path / "out/summary.json").read_text())
    totals = content["totals"]
    assert (totals["clips"], totals["done"], totals["failed"], totals["frames"]) == (3, 2, 1, 2 * clips.FRAMES)
    assert {clip["name"]: clip["status"] for clip in content["clips"]} == {
        "judo/a": "done",
        "judo/b": "failed",
        "tennis/a": "done",
    }
    person = content["clips"][0]["people"][0]
    report = json.loads((tmp_path / "out/judo/a/hmr4d_results_report.json").read_text())["people"][0]
    assert person["metrics"] == report["metrics"] and person["counts"] == report["counts"]
    with (tmp_path / "out/summary.csv").open() as file:
        lines = {line["name"]: line for line in csv.DictReader(file)}
    assert lines["judo/a"]["group:sport"] == "judo" and "hmr4d_results.pt" in lines["judo/b"]["reason"]
    value = report["metrics"]["refined"]["reprojection_px_coco17"]
    assert float(lines["judo/a"]["reprojection_px_coco17_refined"]) == value
    assert (tmp_path / "out/table.md").read_text().startswith("| sport | clips |")


def test_parquet_holds_what_the_csv_holds(tree: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    run(tree, settings(tmp_path / "out"))
    found = parquet.read_table(tmp_path / "out/summary.parquet").to_pylist()
    assert [line["name"] for line in found] == list(NAMES)
    assert found[0]["frames"] == clips.FRAMES


def test_shards_put_together_equal_one_run(tree: Path, tmp_path: Path) -> None:
    run(tree, settings(tmp_path / "one"))
    for index in (3, 1, 2):
        outcome = run(tree, settings(tmp_path / "out", shard=Shard(index, 3)))
        assert (outcome.clips, outcome.summary.files) == (1, ())
    assert not (tmp_path / "out/summary.json").exists()
    merged = summarise(tmp_path / "out")
    assert (merged.clips, merged.left) == (3, 0)
    assert outputs(tmp_path / "out") == outputs(tmp_path / "one")
    one, many = (without_times(tmp_path / name / "summary.json") for name in ("one", "out"))
    assert one == many


def without_times(path: Path) -> Any:
    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(each) for key, each in value.items() if key != "seconds"}
        return [strip(each) for each in value] if isinstance(value, list) else value

    return strip(json.loads(path.read_text()))


def test_a_summary_of_part_says_what_is_not_begun(tree: Path, tmp_path: Path) -> None:
    run(tree, settings(tmp_path / "out", shard=Shard(1, 3)))
    outcome = summarise(tmp_path / "out")
    assert outcome.left == 2
    with pytest.raises(InputError, match="no batch has run"):
        summarise(tmp_path)


def test_the_worst_clips_get_their_video_after_all_are_done(tmp_path: Path, refined: list[str]) -> None:
    tree = write_tree(tmp_path / "in", video=True)
    given = settings(tmp_path / "out", videos=Videos("worst", 1))
    run(tree, given)
    videos = [name for name in outputs(tmp_path / "out") if name.endswith(".mp4")]
    assert len(videos) == 1 and len(refined) == 4
    drawn = videos[0].rpartition("/")[0]
    record = load_record(tmp_path / "out", drawn)
    assert record is not None and record.video == "written"
    run(tree, given)
    assert len(refined) == 4
    # the results are the same with their video and without
    run(tree, settings(tmp_path / "other"))
    same = {name: content for name, content in outputs(tmp_path / "out").items() if name.endswith(".pt")}
    assert same.items() <= outputs(tmp_path / "other").items()


def test_a_plan_says_what_would_be_done_and_does_nothing(tree: Path, tmp_path: Path) -> None:
    given = settings(tmp_path / "out")
    (tree / "judo/b/hmr4d_results.pt").write_bytes(b"broken")
    (tree / "judo/a/preprocess/vitpose.pt").unlink()
    extra = Row("extra", tree / "tennis/a", keypoints=tree / "none.json")
    lines = {line.name: line for line in plan([*rows(tree), extra], given)}
    assert {name: line.kind for name, line in lines.items()} == {
        "judo/a": "cannot",
        "judo/b": "cannot",
        "tennis/a": "to do",
        "extra": "cannot",
    }
    assert "no keypoints and no video" in lines["judo/a"].what
    assert "none.json: no such file" in lines["extra"].what
    assert lines["tennis/a"].what == f"gvhmr, 1 person, {clips.FRAMES} frames, keypoints of its own"
    assert not (tmp_path / "out").exists()
    run(tree, given)
    assert {line.kind for line in plan(rows(tree), given) if line.name == "tennis/a"} == {"done"}
