"""Kill a batch and its workers at random moments, cut its inputs and fill its disk, and check what it leaves.

    python scripts/batch_campaign.py --kills 50

Each round refines the same clips and is killed a few times: the run itself, or one of its workers. Then it is run to
its end. The outputs must equal an undisturbed run's, no clip may be done twice, and nothing else may be left. A round
with cut inputs and one on a full disk (a mounted one, so only for root) follow. The exit code is 1 if anything was
wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

# the tests' own makers of clips; no installed package holds them
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.batches import outputs, write_tree

#: Kills in a round; a kill comes after up to so many further clips, and up to so many seconds.
_KILLS, _MAX_CLIPS, _MAX_WAIT_SECONDS = 3, 6, 0.5

#: Share of the outputs that the full disk takes.
_SHARE = 0.5


class Campaign:
    """Clips, what an undisturbed run makes of them, and the faults found so far."""

    def __init__(self, folder: Path, clips: int, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.names = tuple(f"{number % 3}/{number:02}" for number in range(clips))
        self.tree = write_tree(folder / "in", self.names)
        self.faults: list[str] = []
        self.kills = 0
        if self.finish(folder / "plain"):
            sys.exit("an undisturbed run fails")
        self.plain = results(folder / "plain")

    def start(self, output: Path, tree: Path | None = None) -> subprocess.Popen[str]:
        """Start the command."""
        arguments = ["batch", str(tree or self.tree), "--output", str(output), "--videos", "none", "--weights", "none"]
        command = [sys.executable, "-m", "lsmplify_refine", *arguments, "--jobs", "2", "--device", "cpu"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def finish(self, output: Path, tree: Path | None = None) -> int:
        """Run the command to its end; returns its exit code."""
        process = self.start(output, tree)
        _, text = process.communicate()
        self.said = text
        return process.returncode

    def round(self, kills: int) -> None:
        """Kill a batch some times, and let the last run end."""
        output = self.folder / "out"
        shutil.rmtree(output, ignore_errors=True)
        for _ in range(kills):
            done = runs_of(output)
            process = self.start(output)
            self.wait(process, output, len(done) + self.random.randint(0, _MAX_CLIPS))
            workers = children(process.pid)
            victim = self.random.choice([process.pid, *workers])
            kill(victim)
            self.kills += 1
            if victim == process.pid:
                process.communicate()
            elif process.communicate() and process.returncode:
                self.wrong(f"a killed worker: exit code {process.returncode}")
            self.check_once(done, output)
        done = runs_of(output)
        if code := self.finish(output):
            self.wrong(f"the last run has exit code {code}: {self.said}")
        self.check_once(done, output)
        self.check(output)

    def wait(self, process: subprocess.Popen[str], output: Path, clips: int) -> None:
        """Wait until so many clips are done, and a moment more."""
        while process.poll() is None and len(runs_of(output)) < clips:
            time.sleep(0.05)
        time.sleep(self.random.uniform(0, _MAX_WAIT_SECONDS))

    def cut_inputs(self) -> None:
        """Cut each input but the first at a random place; the next run with whole inputs mends it."""
        output, tree = self.folder / "out", self.folder / "cut"
        for folder in (output, tree):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.tree, tree)
        for name in self.names[1:]:
            path = tree / name / "hmr4d_results.pt"
            os.truncate(path, self.random.randrange(path.stat().st_size))
        if self.finish(output, tree) != 3:
            self.wrong(f"cut inputs: {self.said}")
        for name in self.names[1:]:
            shutil.copy(self.tree / name / "hmr4d_results.pt", tree / name)
        if code := self.finish(output, tree):
            self.wrong(f"mended inputs: exit code {code}: {self.said}")
        if {name: content for name, content in results(output).items() if name.endswith(".pt")} != {
            name: content for name, content in self.plain.items() if name.endswith(".pt")
        }:
            self.wrong("mended inputs: other results")

    def fill_disk(self) -> None:
        """Run on a disk that is too small, then make room and run again."""
        output = self.folder / "disk"
        output.mkdir()
        size = round(_SHARE * sum(path.stat().st_size for path in (self.folder / "plain").rglob("*") if path.is_file()))
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(output)]
        if subprocess.run(mount, capture_output=True).returncode:
            print("no disk could be mounted: left out")
            return
        try:
            if self.finish(output) != 3 or "the disk is full" not in self.said:
                self.wrong(f"a full disk: {self.said}")
            subprocess.run(["mount", "-o", "remount,size=64m", str(output)], check=True)
            if code := self.finish(output):
                self.wrong(f"after a full disk: exit code {code}: {self.said}")
            self.check(output)
        finally:
            subprocess.run(["umount", str(output)], check=True)

    def check(self, output: Path) -> None:
        """Compare what is left with what an undisturbed run leaves."""
        if results(output) != self.plain:
            self.wrong(f"other outputs: {sorted(set(results(output)) ^ set(self.plain))}")
        left = [
            path for path in output.rglob("*") if path.name.startswith((".lsmplify", "lock_")) or ".part" in path.name
        ]
        if left:
            self.wrong(f"left behind: {left}")
        clips = json.loads((output / "summary.json").read_text())["clips"]
        if [clip["name"] for clip in clips if clip["status"] == "done"] != sorted(self.names):
            self.wrong("the summary lacks clips, or has one twice")

    def check_once(self, before: dict[str, str], output: Path) -> None:
        """Check that clips that were done have not been done again."""
        after = runs_of(output)
        again = [name for name, run in before.items() if after.get(name) != run]
        if again:
            self.wrong(f"done twice: {again}")

    def wrong(self, what: str) -> None:
        """Note a fault."""
        print(f"wrong: {what}", flush=True)
        self.faults.append(what)


def results(output: Path) -> dict[str, bytes]:
    """The clips' outputs."""
    return {name: content for name, content in outputs(output).items() if "/" in name}


def runs_of(output: Path) -> dict[str, str]:
    """The run that did each clip that is done."""
    records = [json.loads(path.read_text()) for path in output.glob(".batch/records/**/record.json")]
    return {record["name"]: record["run"] for record in records if record["status"] == "done"}


def children(pid: int) -> list[int]:
    """The workers of a run."""
    found = subprocess.run(["pgrep", "-f", "-P", str(pid), "LokyProcess"], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def kill(pid: int) -> None:
    """End a process at once, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), args.clips, args.seed)
        while campaign.kills < args.kills:
            campaign.round(min(_KILLS, args.kills - campaign.kills))
            print(f"{campaign.kills} of {args.kills} kills, {len(campaign.faults)} wrong", flush=True)
        campaign.cut_inputs()
        campaign.fill_disk()
    print(f"{campaign.kills} kills, {len(campaign.faults)} wrong")
    sys.exit(1 if campaign.faults else 0)


if __name__ == "__main__":
    main()
