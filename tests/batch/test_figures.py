from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.batch.figures import figures, got_worse, primary
from lsmplify_refine.batch.record import Record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.table import Person, interval, markdown, tables
from lsmplify_refine.batch.videos import Videos, parse_videos
from lsmplify_refine.errors import InputError


def person(before: float | None, after: float | None, *, frames: int = 10, truth: bool = False) -> dict[str, Any]:
    def stages(name: str, *values: float | None) -> dict[str, Any]:
        return {stage: {name: value} for stage, value in zip(("input", "calibrated", "refined"), values)}

    return {
        "frames": frames,
        "metrics": stages("mpjpe_mm_body25", before, before, after),
        "truth": stages("mpjpe_mm", 90.0, 80.0, 40.0) if truth else {},
        "truth_frames": frames - 1,
    }


def table(people: Sequence[Person]) -> str:
    return markdown(tables(people), people)


def test_the_truth_goes_before_the_keypoints() -> None:
    assert [(each.source, each.name) for each in figures([person(50, 20)])] == [("metrics", "mpjpe_mm_body25")]
    assert [(each.source, each.name) for each in figures([person(50, 20, truth=True)])] == [("truth", "mpjpe_mm")]
    assert primary(person(50, 20)) == (50, 20)
    assert primary(person(50, 20, truth=True)) == (90, 40)
    assert all(map(math.isnan, primary({"frames": 1, "metrics": {}, "truth": {}})))


def test_worse_is_more_than_a_rounding() -> None:
    assert not got_worse(person(50, 50.05))
    assert got_worse(person(50, 50.2))
    assert not got_worse(person(None, None))


def test_the_table_has_means_over_frames_for_each_group_and_all() -> None:
    people = [
        (Row("a", Path("a"), groups={"sport": "judo"}), person(100, 50, frames=30)),
        (Row("b", Path("b"), groups={"sport": "judo"}), person(60, 70, frames=10)),
        (Row("c", Path("c"), groups={"sport": "tennis|x"}), person(20, 10, frames=40)),
    ]
    lines = table(people).splitlines()
    assert lines[0] == "| sport | clips | frames | MPJPE mm to the keypoints | worse |"
    assert lines[2].startswith("| judo | 2 | 40 | 90.0 → 55.0 [-50.0, +10.0] | 1 |")
    assert lines[3] == "| tennis\\|x | 1 | 40 | 20.0 → 10.0 | 0 |"
    assert lines[4].startswith("| **all** | 3 | 80 | 55.0 → 32.5 [")
    assert "The true motion is not known" in table(people)
    assert "The true motion is not known" not in table([(people[0][0], person(1, 1, truth=True))])


def test_more_columns_make_more_tables() -> None:
    people = [
        (
            Row(
                f"{estimator}{view}",
                Path("a"),
                groups={"estimator": estimator, "sport": "s", "view": view},
            ),
            person(50, 40),
        )
        for estimator in ("g", "s")
        for view in ("1", "2")
    ]
    heads = [line for line in table(people).splitlines() if "| clips |" in line]
    assert [head.partition(" | clips")[0] for head in heads] == ["| estimator | sport", "| estimator | view"]
    people = [(replace(row, groups=row.groups | {"day": "one"}), each) for row, each in people]
    assert len([line for line in table(people).splitlines() if "| clips |" in line]) == 2


def test_a_table_without_clips() -> None:
    assert table([]) == "No clip is done.\n"


def test_several_people_of_a_clip_are_one_draw() -> None:
    rows = [Row(name, Path("a")) for name in ("a", "a", "b")]
    people = list(zip(rows, (person(100, 50), person(60, 30), person(20, 10))))
    assert table(people).splitlines()[2].startswith("| 2 | 30 | 60.0 → 30.0 [-40.0, -10.0]")


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(100):
        low, high = interval(generator.normal(5.0, 2.0, 40), np.ones(40))
        hits += low < 5.0 < high
    assert 88 <= hits <= 100


def test_the_worst_clips_are_those_that_gained_least() -> None:
    records = [
        Record("good", "r", "done", people=(person(100, 10),)),
        Record("bad", "r", "done", people=(person(10, 20),)),
        Record("fair", "r", "done", people=(person(10, 9), person(10, 1))),
        Record("failed", "r", "failed", people=(person(1, 100),)),
        Record("blind", "r", "done", people=(person(None, None),)),
    ]
    assert Videos("worst", 2).after(records) == ("bad", "fair")
    assert Videos("all").after(records) == Videos("none").after(records) == ()


def test_videos_that_do_not_depend_on_results() -> None:
    rows = [Row(str(number), Path("a")) for number in range(50)]
    sample = Videos("sample", 5).before(rows)
    assert len(sample) == 5 and sample == Videos("sample", 5).before(rows[::-1])
    assert sample != {str(number) for number in range(5)}
    assert len(Videos("all").before(rows)) == 50
    assert not Videos("worst", 5).before(rows) and not Videos("none").before(rows)


@pytest.mark.parametrize("text", ["none", "all", "worst:10", "sample:3"])
def test_videos_are_read_from_text(text: str) -> None:
    assert str(parse_videos(text)) == text


@pytest.mark.parametrize("text", ["", "some", "worst", "worst:", "worst:-1", "all:3"])
def test_other_words_for_videos_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="worst:N"):
        parse_videos(text)
