"""How much memory a batch needs: its own process and its workers, over few and many clips, and for one long clip.

    python scripts/batch_memory.py --clips 10 1000 --frames 100000

Prints the peak resident memory (`VmHWM`) of each process of the whole command, with its own weights and no videos. The
exit code is 1 if many clips take over a tenth more than few. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo"

#: Seconds between two looks at the processes; their peaks are kept by the system, so that only the last look counts.
_LOOK_SECONDS = 0.1

#: How many times the memory of few clips many may take.
_FLAT = 1.1


@dataclass
class Peaks:
    """Peak resident memory of a command's processes, MB.

    Attributes:
        run: The command's own process.
        workers: By process id.
        seconds: How long the command took.
    """

    run: float = 0.0
    workers: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def worker(self) -> float:
        """The worker that needed most."""
        return max(self.workers.values(), default=0.0)

    def look(self, pid: int) -> None:
        """Take the peaks so far of a command and its workers."""
        self.run = max(self.run, peak_mb(pid))
        for worker in workers_of(pid):
            self.workers[worker] = max(self.workers.get(worker, 0.0), peak_mb(worker))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure batches of each size, and one of a long clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="*", default=[10, 1000], help="sizes of batches (default: 10 1000)")
    parser.add_argument("--clip-frames", type=int, default=8, help="frames of each of these clips (default: 8)")
    parser.add_argument("--frames", type=int, default=100_000, help="frames of the long clip, 0 for none")
    parser.add_argument("--jobs", type=int, default=2, help="workers (default: 2)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        peaks = [measured(Path(folder), count, args.clip_frames, args.jobs) for count in args.clips]
        if args.frames:
            measured(Path(folder), 1, args.frames, args.jobs)
    grown = [max(last.run / first.run, last.worker / first.worker) for first, last in pairwise(peaks)]
    for ratio in grown:
        print(f"most of a process, many clips against few: {ratio:.2f}")
    sys.exit(1 if any(ratio > _FLAT for ratio in grown) else 0)


def measured(folder: Path, clips: int, frames: int, jobs: int) -> Peaks:
    """Run a batch of so many clips of so many frames, and print what it needed."""
    tree, output = folder / f"in_{clips}_{frames}", folder / f"out_{clips}_{frames}"
    for number in range(clips):
        write_clip(tree / f"{number:05}", frames, moved=0.001 * number)
    arguments = ["batch", str(tree), "--output", str(output), "--videos", "none", "--device", "cpu"]
    command = [sys.executable, "-m", "lsmplify_refine", *arguments, "--jobs", str(jobs)]
    peaks, began = Peaks(), time.perf_counter()
    with (folder / "said.txt").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        while process.poll() is None:
            peaks.look(process.pid)
            time.sleep(_LOOK_SECONDS)
        peaks.seconds = time.perf_counter() - began
        if process.returncode:
            said.seek(0)
            sys.exit(f"the batch fails:\n{said.read()}")
    workers = ", ".join(f"{peak:.0f}" for peak in sorted(peaks.workers.values(), reverse=True))
    print(
        f"{clips} clips of {frames} frames: run {peaks.run:.0f} MB, workers {workers} MB, {peaks.seconds:.1f} s",
        flush=True,
    )
    return peaks


def write_clip(folder: Path, frames: int, *, moved: float) -> None:
    """A GVHMR folder: the demo, played to and fro until it has so many frames, and moved to one side (metres)."""
    (folder / "preprocess").mkdir(parents=True)
    results = torch.load(DEMO / "hmr4d_results.pt", weights_only=True)
    keypoints = torch.load(DEMO / "preprocess" / "vitpose.pt", weights_only=True)
    there_and_back = np.r_[0 : len(keypoints), len(keypoints) - 2 : 0 : -1]
    rows = torch.from_numpy(np.resize(there_and_back, frames))
    long: dict[str, Any] = dict(taken(results, rows))
    long["smpl_params_incam"]["transl"][:, 0] += moved
    torch.save(long, folder / "hmr4d_results.pt")
    torch.save(keypoints[rows], folder / "preprocess" / "vitpose.pt")


def taken(tree: dict[str, Any], rows: torch.Tensor) -> Iterator[tuple[str, Any]]:
    """The rows of each tensor in a tree."""
    for key, value in tree.items():
        yield key, dict(taken(value, rows)) if isinstance(value, dict) else value[rows]


def workers_of(pid: int) -> list[int]:
    """The worker processes of a batch."""
    found = subprocess.run(["pgrep", "-f", "-P", str(pid), "LokyProcess"], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def peak_mb(pid: int) -> float:
    """Peak resident memory of a process so far, MB; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


if __name__ == "__main__":
    main()
