"""Batches: all frames in order for any number of threads; torch's own thread count does not change."""

from __future__ import annotations

import threading

import pytest
import torch

from lsmplify_refine.solver import batches
from lsmplify_refine.solver.batches import in_parallel

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(batches, "_BATCH", 7)
    count: int = request.param
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    return count


@pytest.mark.parametrize("count", [1, 7, 8, 50])
def test_every_frame_once_and_in_order(threads: int, count: int) -> None:
    frames = torch.arange(count)
    parts = list(in_parallel(lambda rows: frames[rows], count, CPU))
    assert torch.equal(torch.cat(parts), frames)
    assert max(len(part) for part in parts) <= 7


def test_batches_are_at_work_at_once(threads: int) -> None:
    together = threading.Barrier(threads, timeout=10)
    assert list(in_parallel(lambda rows: together.wait() >= 0, 7 * threads, CPU)) == [True] * threads


def test_an_error_is_the_callers(threads: int) -> None:
    def fail(rows: slice) -> None:
        raise ValueError("batch")

    with pytest.raises(ValueError, match="batch"):
        list(in_parallel(fail, 20, CPU))


def test_new_threads_get_as_many_cores_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_BATCH", 7)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        inside = list(in_parallel(lambda rows: torch.get_num_threads(), 20, CPU))
        after: list[int] = []
        thread = threading.Thread(target=lambda: after.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert inside == [1, 1, 1] and after == [3] and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
