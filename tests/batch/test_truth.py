"""A batch over a data set with truth: its table and summary hold the scores; a broken truth costs no clip."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from lsmplify_refine.batch.layouts import rows
from lsmplify_refine.batch.record import load_record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.run import run_batch
from lsmplify_refine.datasets.readers import read_truth
from lsmplify_refine.datasets.scores import score
from lsmplify_refine.formats import load_save
from tests.support import dataset_files as datasets
from tests.support.batches import settings


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return rows("hmr4d_support", datasets.write_hmr4d_support(tmp_path_factory.mktemp("gvhmr") / "inputs"))


def test_one_command_gives_the_table_of_the_benchmarks(bundles: list[Row], tmp_path: Path) -> None:
    outcome = run_batch(bundles, settings(tmp_path))
    assert (outcome.clips, outcome.failed) == (6, ())
    table = (tmp_path / "table.md").read_text()
    for expected in ("EMDB-1", "EMDB-2", "RICH", "3DPW", "VIMO", "MPJPE mm", "PA-MPJPE mm", "PVE mm", "Accel m/s²"):
        assert expected in table, expected
    with (tmp_path / "summary.csv").open() as stream:
        lines = {line["name"]: line for line in csv.DictReader(stream)}
    for row in bundles:
        # what was written, read again and scored again
        name = row.options["format"].removeprefix("hmr4d:clip=")
        written = tmp_path / row.name / f"{row.input.stem}_refined.pt"
        versions = {
            "calibrated": load_save.load(row.input, format=row.options["format"])[0],
            "refined": load_save.load(written, format=f"hmr4d:clip={name}")[0],
        }
        assert row.truth is not None
        # the written file has no labels beside it: RICH's frame numbers are those of the input
        versions["refined"] = versions["refined"].replace(frame_ids=versions["calibrated"].frame_ids)
        for stage, scores in score(versions, read_truth(row.truth)).items():
            for metric, value in scores.metrics.items():
                assert float(lines[row.name][f"truth:{metric}_{stage}"]) == pytest.approx(value, abs=0.1), metric


def test_a_truth_that_cannot_be_used_does_not_cost_the_clip(bundles: list[Row], tmp_path: Path) -> None:
    row = replace(bundles[0], truth="emdb:/nowhere/P1_data.pkl")
    outcome = run_batch([row], settings(tmp_path))
    assert outcome.failed == ()
    record = load_record(tmp_path, row.name)
    assert record is not None and record.people[0]["truth"] == {}
    (note,) = [note for note in record.people[0]["notes"] if note["code"] == "truth-unusable"]
    assert "/nowhere/P1_data.pkl: no such file" in note["text"]


def test_a_clip_is_done_again_if_its_truth_has_changed(bundles: list[Row], tmp_path: Path) -> None:
    truth = tmp_path / "truth.pkl"
    datasets.write_emdb(tmp_path, name="P1_14_outdoor_climb").rename(truth)
    row = replace(bundles[1], truth=f"emdb:{truth}")
    given = settings(tmp_path / "out")
    run_batch([row], given)
    first = load_record(given.output, row.name)
    run_batch([row], given)
    again = load_record(given.output, row.name)
    truth.write_bytes(truth.read_bytes() + b" ")
    run_batch([row], given)
    changed = load_record(given.output, row.name)
    assert first is not None and again is not None and changed is not None
    assert first.run == again.run != changed.run
