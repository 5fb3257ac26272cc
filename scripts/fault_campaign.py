"""Stop, kill and starve the command at random moments, and check what it leaves and says.

    python scripts/fault_campaign.py --runs 300 --sizes 50 --pairs 50

Each run refines a short clip and is stopped by SIGINT, SIGTERM or SIGKILL at a random moment or before one of its
renames, with and without `--overwrite`. After the next run, the outputs must equal an undisturbed run's, and nothing
else may be left. Full disks of many sizes and pairs of runs on one folder follow. The exit code is 1 if anything was
wrong.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

# the tests' own makers of clips and faults; no installed package holds them
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support import clips
from tests.support.fault_server import SWALLOWED, Fault, FaultServer

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
NOTHING, ALL = "stopped; no results were written\n", "stopped; the results were written already\n"
INPUT = {"0_input_video.mp4", "hmr4d_results.pt", "preprocess/vitpose.pt"}
RESULTS = {"hmr4d_results_refined.pt", "hmr4d_results_report.html", "hmr4d_results_report.json"}
VIDEO = "hmr4d_results_comparison.mp4"

#: More renames than a run makes.
_MAX_RENAMES = 12


class Campaign:
    """A folder with a clip, what an undisturbed run makes of it, and the faults found so far."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.server = FaultServer()
        self.seen: Counter[str] = Counter()
        self.faults: list[str] = []
        self.undisturbed: dict[tuple[bool, bool], dict[str, bytes]] = {}
        self.seconds: dict[bool, float] = {}
        for video, overwrite in product((False, True), repeat=2):
            self.begin_again(overwrite=overwrite)
            began = time.monotonic()
            code, text = self.server.run(self.arguments(video=video, overwrite=overwrite))
            self.seconds[video] = time.monotonic() - began
            if code:
                sys.exit(f"an undisturbed run fails: {text}")
            self.undisturbed[video, overwrite] = self.outputs()

    def arguments(self, *, video: bool, overwrite: bool) -> list[str]:
        """The command's arguments."""
        options = [] if video else ["--no-video"]
        return ["--input", str(self.folder), "--quiet", "--device", "cpu", *options, *["--overwrite"] * overwrite]

    def begin_again(self, *, overwrite: bool) -> dict[str, bytes]:
        """The input alone, with earlier outputs if these are replaced; returns the latter."""
        shutil.rmtree(self.folder, ignore_errors=True)
        clips.write_folder(self.folder)
        for name in (*RESULTS, VIDEO) if overwrite else ():
            (self.folder / name).write_text(f"earlier {name}")
        return self.outputs()

    def outputs(self) -> dict[str, bytes]:
        """All files beside the input's, hidden ones included."""
        return {name: content for name, content in clips.contents(self.folder).items() if name not in INPUT}

    def wrong(self, what: str) -> None:
        """Record something that must not happen."""
        self.faults.append(what)
        print(f"WRONG: {what}", flush=True)

    def stop_runs(self, runs: int) -> None:
        """Runs that get a signal at a random moment, or before each of their renames."""
        for index, (number, overwrite) in enumerate(_round_robin(runs)):
            video = self.random.random() < 0.3
            fault = Fault(number, seconds=self.random.uniform(0.01, 0.9 * self.seconds[video]))
            if index % 3 == 2:
                fault = Fault(number, step=self.random.randint(1, _MAX_RENAMES))
            self._stop_one(fault, video=video, overwrite=overwrite)

    def _stop_one(self, fault: Fault, *, video: bool, overwrite: bool) -> None:
        earlier, expected = self.begin_again(overwrite=overwrite), self.undisturbed[video, overwrite]
        given = self.arguments(video=video, overwrite=overwrite)
        code, text = self.server.run(given, fault)
        named, left = f"{fault} {given}: exit code {code}, {text!r}", self.outputs()
        stopped = 128 + fault.number
        if code == SWALLOWED:
            self.wrong(f"swallowed: {named}")
        elif fault.number != signal.SIGKILL or code == 0:
            true = {(stopped, NOTHING): earlier, (stopped, ALL): expected, (0, ""): expected}
            if (code, text) not in true or left != true[code, text]:
                self.wrong(f"a false message, or not one set: {named}, {sorted(left)}")
        elif code != -signal.SIGKILL:
            self.wrong(named)
        self.seen[f"{signal.Signals(fault.number).name}: exit code {code}"] += 1
        again, text = self.server.run(given)
        is_refused = again == 2 and "exists already" in text and not overwrite
        if not (again == 0 or is_refused) or self.outputs() != expected:
            self.wrong(f"the next run gives {again}, {text!r}, {sorted(self.outputs())} after {named}")

    def fill_disks(self, sizes: int) -> None:
        """Runs on disks that take files up to a size: from 0 to the size of the outputs."""
        largest = max(map(len, self.undisturbed[True, False].values()))
        for index in range(sizes):
            overwrite, video = index % 2 == 1, index % 4 > 1
            earlier, size = self.begin_again(overwrite=overwrite), largest * index // max(sizes - 1, 1)
            code, text = self.server.run(self.arguments(video=video, overwrite=overwrite), Fault(file_bytes=size))
            right = {0: self.undisturbed[video, overwrite].keys(), 2: earlier.keys(), 3: RESULTS}
            if code not in right or self.outputs().keys() != right[code] or text.count("\n") != (code != 0):
                self.wrong(f"disk of {size} bytes: exit code {code}, {text!r}, {sorted(self.outputs())}")
            if code == 2 and self.outputs() != earlier:
                self.wrong(f"disk of {size} bytes: earlier outputs changed, {text!r}")
            self.seen[f"full disk: exit code {code}"] += 1

    def run_pairs(self, pairs: int) -> None:
        """Two runs on one folder, the second a random time after the first, with different options."""
        other = FaultServer()
        plain = self.arguments(video=False, overwrite=False)
        for _ in range(pairs):
            sets = []
            for options in ([], ["--smooth-seconds", "0.3"]):
                self.begin_again(overwrite=False)
                self.server.run([*plain, *options])
                sets.append(self.outputs())
            self.begin_again(overwrite=False)
            with ThreadPoolExecutor(2) as pool:
                first = pool.submit(self.server.run, plain)
                time.sleep(self.random.uniform(0, self.seconds[False]))
                second = pool.submit(other.run, [*plain, "--smooth-seconds", "0.3"])
            answers = [first.result(), second.result()]
            codes = [code for code, _ in answers]
            told = "".join(text for _, text in answers)
            if sorted(codes) != [0, 2] or self.outputs() != sets[codes.index(0)]:
                self.wrong(f"two runs at once: {answers}, {sorted(self.outputs())}")
            known = "is being written by another run" in told or "exists already" in told
            self.seen[f"two runs at once: {'the second is told' if known else 'nothing is said'}"] += 1
            if not known:
                self.wrong(f"two runs at once: {answers}")
        other.close()


def _round_robin(runs: int) -> Iterator[tuple[signal.Signals, bool]]:
    for _ in range(runs):
        for overwrite in (False, True):
            for number in SIGNALS:
                yield number, overwrite


def main() -> int:
    """Run the campaign; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50, help="runs for each signal, with and without --overwrite")
    parser.add_argument("--sizes", type=int, default=50, help="sizes of a full disk")
    parser.add_argument("--pairs", type=int, default=50, help="pairs of runs at once")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        campaign = Campaign(Path(name) / "clip", args.seed)
        campaign.stop_runs(args.runs)
        campaign.fill_disks(args.sizes)
        campaign.run_pairs(args.pairs)
        campaign.server.close()
    for what, count in sorted(campaign.seen.items()):
        print(f"{count:5} {what}")
    print(f"{len(campaign.faults)} faults in {campaign.seen.total()} runs")
    return 1 if campaign.faults else 0


if __name__ == "__main__":
    sys.exit(main())
