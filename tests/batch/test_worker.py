from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from lsmplify_refine.batch import watch, worker
from lsmplify_refine.batch.record import load_record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.worker import Task, work
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.job import Job, Outcome
from lsmplify_refine.job.run_lock import HeldError
from tests.support.batches import settings, write_tree


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Devices that are chosen, of four."""
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(worker, "_SLOTS", [])
    return chosen


def test_processes_spread_over_the_devices_and_stay_there(devices: list[int], tmp_path: Path) -> None:
    given = settings(tmp_path, jobs=8, device="cuda")
    for slot in (6, 1, 3):
        work(Task(given, (), frozenset(), "run", slot))
    assert devices == [2, 2, 2]


@pytest.mark.parametrize(("jobs", "device"), [(8, "cpu"), (0, "cuda")])
def test_no_device_is_chosen_on_the_cpu_or_in_the_users_process(
    jobs: int, device: str, devices: list[int], tmp_path: Path
) -> None:
    work(Task(settings(tmp_path, jobs=jobs, device=device), (), frozenset(), "run", 3))
    assert devices == []


def test_a_worker_has_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    work(Task(settings(tmp_path, jobs=2), (), frozenset(), "run"))
    assert threads == [1]


def test_a_worker_of_a_dead_run_that_still_writes_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_PAUSE_SECONDS", 0.0)
    tree, tries, once = write_tree(tmp_path / "in", ("a",)), [], worker._run

    def busy(job: Job) -> Outcome:
        tries.append(job)
        if len(tries) < 3:
            raise InputError("is being written by another run") from HeldError("process 1")
        return once(job)

    monkeypatch.setattr(worker, "_run", busy)
    (done,) = work(Task(settings(tmp_path / "out"), (Row("a", tree / "a"),), frozenset(), "run"))
    assert done.reason == "" and len(tries) == 3


def test_a_time_limit_leaves_a_record_before_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    ended = threading.Event()

    def end() -> None:
        events.append("ended")
        ended.set()

    monkeypatch.setattr(watch, "end_now", end)
    with watch.time_limit(0.01, lambda: events.append("recorded")):
        assert ended.wait(60)
    assert events == ["recorded", "ended"]


def test_a_clip_in_time_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "end_now", lambda: pytest.fail("ended"))
    before = threading.active_count()
    with watch.time_limit(3600, lambda: None):
        assert threading.active_count() == before + 1
    with watch.time_limit(None, lambda: None):
        pass


def test_trust_belongs_to_the_clip_whose_file_it_is(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "in", ("a", "b"))
    given = settings(tmp_path / "out", trusted=(tree / "a/hmr4d_results.pt", tree / "b"))
    assert given.trusted_of(Row("a", tree / "a")) == [tree / "a/hmr4d_results.pt"]
    assert given.trusted_of(Row("a", tree / "a/hmr4d_results.pt")) == [tree / "a/hmr4d_results.pt"]
    assert given.trusted_of(Row("c", tree / "c")) == []


def test_a_trusted_file_is_read_and_only_its_clip_says_so(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "in", ("a", "b"))
    given = settings(tmp_path / "out", trusted=(tree / "a/hmr4d_results.pt",))
    work(Task(given, tuple(Row(name, tree / name) for name in "ab"), frozenset(), "run"))
    codes = []
    for name in "ab":
        record = load_record(tmp_path / "out", name)
        assert record is not None
        codes.append([note["code"] for note in record.people[0]["notes"]])
    assert "pickle-trusted" in codes[0] and "pickle-trusted" not in codes[1]
