"""Process independent frames in batches, in parallel on a CPU's cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

#: Frames at a time: few enough for the caches, enough to spread the overhead of every operation.
_BATCH = 256

_Result = TypeVar("_Result")


def in_parallel(work: Callable[[slice], _Result], count: int, device: torch.device) -> Iterator[_Result]:
    """Results of `work` for frames 0 .. count - 1, batch after batch.

    On a CPU, each of torch's threads works on its own batch: single operations are too small to be shared among
    cores. Torch's kernels release the interpreter lock, so threads suffice.

    Args:
        work: Processes a slice of frames; called from several threads.
        count: Number of frames.
        device: The device that `work` computes on.
    """
    batches = [slice(begin, min(begin + _BATCH, count)) for begin in range(0, count, _BATCH)]
    threads = min(torch.get_num_threads(), len(batches)) if device.type == "cpu" else 1
    if threads < 2:
        yield from map(work, batches)
        return
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(work, batches)
    finally:
        # new threads inherit the value that any thread set last
        torch.set_num_threads(before)
