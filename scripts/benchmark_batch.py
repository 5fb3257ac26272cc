"""How fast a batch is, on a miniature of LucidAction made from motion capture.

    python scripts/benchmark_batch.py ../shared/data/mocap/cmu --recordings 80

Prints the table of the refined data set, and clips per second: with one and two processes, with short clips packed and
not, and of a shell loop over the single command (measured on a few clips). The seconds of CPU time for each clip hardly
depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lsmplify_refine.evaluate.datasets import Choice, motion_set
from lsmplify_refine.evaluate.miniature import write_lucidaction
from lsmplify_refine.learn.motion import Take

#: Length of a clip.
SECONDS = 3.0


def main() -> None:
    """Make the miniature, and run it in every way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motion", type=Path, help="folder of motion: AMASS, 3DPW or RICH")
    parser.add_argument("--recordings", type=int, default=80, help="each is seen by three views and two estimators")
    parser.add_argument("--loop", type=int, default=8, help="clips of the shell loop")
    parser.add_argument("--output", type=Path, help="folder for the report, JSON (default: only printed)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = write_lucidaction(folder / "LucidAction", cut(args.motion), args.recordings)
        print(f"{clips} clips of {SECONDS:g} s", flush=True)
        rates = {
            "--jobs 1": clips / batch(folder, "--jobs", "1"),
            "--jobs 2": clips / batch(folder, "--jobs", "2", keep=args.output),
            "--jobs 2 --pack 1": clips / batch(folder, "--jobs", "2", "--pack", "1"),
            "shell loop": args.loop / loop(folder, args.loop),
        }
    for way, rate in rates.items():
        print(f"{way:20} {rate:7.2f} clips/s")
    print(f"two processes {rates['--jobs 2'] / rates['--jobs 1']:.2f} times one")
    print(f"packed {rates['--jobs 2'] / rates['--jobs 2 --pack 1']:.2f} times not packed")
    print(f"two processes {rates['--jobs 2'] / rates['shell loop']:.1f} times the loop")
    if args.output:
        report = {"clips": clips, "seconds_per_clip": SECONDS, "clips_per_second": rates}
        (args.output / "speed.json").write_text(json.dumps(report, indent=1) + "\n")


def cut(motion: Path) -> list[Take]:
    """The first three seconds of each take that is as long."""
    takes = motion_set(motion, Choice(everybody=True)).takes
    return [
        Take(take.name, take.subject, take.rotvec[:count], take.pelvis[:count], take.fps)
        for take in takes
        if len(take) >= (count := round(SECONDS * take.fps))
    ]


def batch(folder: Path, *options: str, keep: Path | None = None) -> float:
    """Seconds of the whole command; `keep` gets the summary, which is printed too."""
    output = folder / "refined"
    shutil.rmtree(output, ignore_errors=True)
    arguments = ["batch", str(folder / "LucidAction"), "--layout", "lucidaction", "--align", "camera"]
    before = cpu_seconds()
    seconds = timed([*arguments, "--videos", "none", "--device", "cpu", "--output", str(output), *options])
    print(f"{' '.join(options)}: {seconds:.1f} s, {cpu_seconds() - before:.1f} s of CPU time", flush=True)
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        for name in ("table.md", "summary.csv", "summary.json"):
            shutil.copy(output / name, keep)
        print((output / "table.md").read_text(encoding="utf-8"))
    return seconds


def loop(folder: Path, count: int) -> float:
    """Seconds of the single command, one clip after another."""
    results = sorted((folder / "LucidAction" / "predictions").rglob("*.npz"))
    seconds, before = 0.0, cpu_seconds()
    for number, path in enumerate(results[:: max(1, len(results) // count)][:count]):
        place = path.relative_to(folder / "LucidAction" / "predictions").parts[1:]
        keypoints = folder.joinpath("LucidAction", "keypoints_3d", *place)
        arguments = ["--input", str(path), "--keypoints", str(keypoints), "--align", "camera", "--no-video"]
        seconds += timed([*arguments, "--device", "cpu", "--output", str(folder / "loop" / str(number))])
    print(f"shell loop, {count} clips: {seconds:.1f} s, {cpu_seconds() - before:.1f} s of CPU time", flush=True)
    return seconds


def cpu_seconds() -> float:
    """CPU time of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(arguments: Sequence[str]) -> float:
    """Seconds of one command."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "lsmplify_refine", *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
