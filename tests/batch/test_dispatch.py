from __future__ import annotations

import signal
from concurrent.futures import Future
from pathlib import Path

import pytest

from lsmplify_refine import stopping
from lsmplify_refine.batch.dispatch import Dispatcher
from lsmplify_refine.batch.record import load_record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.videos import Videos
from lsmplify_refine.batch.worker import Done, Task
from tests.support.batches import FakeEngine, settings, write_tree

NAMES = tuple("abcdef")


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    tree = write_tree(tmp_path / "in", NAMES)
    return [Row(name, tree / name) for name in NAMES]


class Told(list[Done]):
    @property
    def failed(self) -> list[str]:
        return [done.name for done in self if done.reason]


def dispatch(engine: FakeEngine, rows: list[Row], output: Path, **changed: object) -> tuple[Told, list[Row]]:
    told = Told()
    left = Dispatcher(engine, settings(output, **changed), "run", told.append).do(rows, frozenset())
    return told, left


def test_as_many_tasks_are_at_work_as_there_are_slots(rows: list[Row], tmp_path: Path) -> None:
    engine = FakeEngine(2, seconds=0.1)
    told, left = dispatch(engine, rows, tmp_path, pack=1)
    assert sorted(done.name for done in told) == list(NAMES) and not left and not told.failed
    assert engine.at_once == 2 and engine.tasks == [(name,) for name in NAMES]


def test_packs_hold_as_many_clips_as_asked_for(rows: list[Row], tmp_path: Path) -> None:
    engine = FakeEngine(seconds=0.1)
    dispatch(engine, rows, tmp_path, pack=4)
    assert engine.tasks == [tuple("abcd"), tuple("ef")]


@pytest.mark.parametrize(("seconds", "largest"), [(0.01, 10), (0.5, 4), (2.0, 1), (60.0, 1)])
def test_short_clips_are_packed_as_long_as_every_worker_has_tasks_to_come(
    seconds: float, largest: int, tmp_path: Path
) -> None:
    engine = FakeEngine(seconds=seconds)
    told, _ = dispatch(engine, [Row(str(number), tmp_path) for number in range(41)], tmp_path)
    sizes = [len(task) for task in engine.tasks]
    assert sizes[0] == 1 and max(sizes) == largest and sizes[-1] == 1 and len(told) == 41


def test_the_clip_that_kills_its_worker_is_found_and_the_others_are_done(rows: list[Row], tmp_path: Path) -> None:
    engine = FakeEngine(2, killers=("c",), seconds=0.1)
    told, left = dispatch(engine, rows, tmp_path, pack=2)
    assert told.failed == ["c"] and len(told) == 6 and not left
    record = load_record(tmp_path, "c")
    assert record is not None and "its worker ended" in record.reason
    # those that were at work with it run alone, and nothing beside them
    assert engine.tasks[2:7] == [("a",), ("b",), ("c",), ("d",), ("c",)] and engine.tasks[7:] == [("e", "f")]


def test_a_worker_that_is_lost_once_costs_nothing(rows: list[Row], tmp_path: Path) -> None:
    class Once(FakeEngine):
        def check(self) -> None:
            super().check()
            self._killers = ()

    told, _ = dispatch(Once(2, killers=("a",), seconds=0.1), rows, tmp_path, pack=1)
    assert not told.failed and len(told) == 6


def test_what_a_lost_worker_had_finished_is_not_done_again(rows: list[Row], tmp_path: Path) -> None:
    output = tmp_path / "out"
    Dispatcher(FakeEngine(), settings(output), "run", Told().append).do(rows[:1], frozenset())
    engine = FakeEngine(1, killers=("b",))
    told, _ = dispatch(engine, rows[:2], output, pack=2)
    assert [done.name for done in told] == ["a", "b"] and engine.tasks == [("a", "b"), ("b",), ("b",)]


def test_two_tasks_at_work_have_two_slots(rows: list[Row], tmp_path: Path) -> None:
    slots: list[int] = []

    class Seen(FakeEngine):
        def submit(self, task: Task) -> Future[list[Done]]:
            slots.append(task.slot)
            return super().submit(task)

    dispatch(Seen(2, seconds=0.1), rows, tmp_path, pack=1)
    assert slots == [0, 1] * 3


def test_a_stop_signal_finishes_the_clips_in_hand(rows: list[Row], tmp_path: Path) -> None:
    class Stopping(FakeEngine):
        def check(self) -> None:
            if len(self.tasks) == 2:
                signal.raise_signal(signal.SIGTERM)
            super().check()

    with stopping.watched():
        told, left = dispatch(Stopping(2, seconds=0.1), rows, tmp_path, pack=1)
    assert [done.name for done in told] == ["a", "b"] and not told.failed
    assert [row.name for row in left] == list("cdef")


def test_a_video_that_kills_its_worker_costs_the_video(rows: list[Row], tmp_path: Path) -> None:
    given = settings(tmp_path / "out", videos=Videos("all"))
    told = Told()
    Dispatcher(FakeEngine(), given, "first", told.append).do(rows[:1], frozenset())
    Dispatcher(FakeEngine(1, killers=("a",)), given, "second", told.append).do(rows[:1], frozenset("a"))
    record = load_record(tmp_path / "out", "a")
    assert not told.failed and record is not None and record.status == "done"
    assert "its worker ended" in record.video
