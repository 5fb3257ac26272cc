"""Damage valid files at random and read them with the package's readers.

A case fails if a reader raises anything but InputError, takes longer than --limit seconds or more than 200 MB, runs
code of the file, reads a file that is known to be hostile, or reads other values from the same content written in
another way. Where a file is read, what it holds is used: estimates are refined, bodies posed, videos decoded.

`fuzz_readers.py --cases 20000` is the whole run, `--seconds 60` a short one. The same seed gives the same cases. A
failed case is kept in --keep with its traceback. `--self-test` plants ten faults in the readers, one after the other,
and must find each of them within two minutes.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import torch
from fuzz_damage import MARKS, damaged, harmless, with_odd_number
from fuzz_faults import FAULTS
from fuzz_samples import Sample, all_samples, same

from lsmplify_refine.errors import InputError
from tests.support.hostile_files import HOSTILE

#: Memory that reading any file may take, and what each byte of a large file adds.
_MOST_MB, _PER_BYTE = 200, 6
#: Address space beyond the start's, MB: what takes more raises MemoryError, and so fails.
_ROOM_MB = 2500
#: Seconds of CPU time within which a planted fault must be found; the machine may be busy.
_SELF_TEST_S = 120
#: Exit code of a search that found nothing.
_MISSED = 3
#: Shares of cases: a hostile file of the tests, the same content written in another way; the rest is damage.
_HOSTILE_SHARE, _HARMLESS_SHARE = 0.1, 0.2
_CAN_MEASURE = sys.platform.startswith("linux")


class Hang(BaseException):
    """A case took too long; no reader can catch it by mistake."""


class Fault(Exception):
    """What a reader did that no exception shows."""


@dataclass
class Run:
    """One run: its files, its random numbers, and what it has found.

    Attributes:
        samples: What is drawn from.
        valid: The undamaged file of each sample, and the value read from it.
        work: A folder for the damaged ones.
        limit: Seconds that one case may take.
    """

    samples: list[Sample]
    valid: dict[str, tuple[Path, Any]]
    work: Path
    limit: float
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")

    def case(self, number: int, rng: random.Random, keep: Path) -> None:
        """Draw a case, run it, and keep it if it fails."""
        sample = rng.choices(self.samples, [sample.share for sample in self.samples])[0]
        path, what, expected = self._draw(sample, rng)
        begun = time.monotonic()
        error = self._outcome(sample, path, expected)
        self.slowest = max(self.slowest, (time.monotonic() - begun, f"{sample.name}, case {number}"))
        refused = isinstance(error, InputError)
        self.outcomes["read" if error is None else "refused" if refused else "failed"] += 1
        if error is not None and not refused:
            self._keep(keep, number, f"{sample.name}: {what}", error)

    def _draw(self, sample: Sample, rng: random.Random) -> tuple[Path, str, str]:
        """A file or folder to read, how it was made, and what must become of it: "refused", "same" or "any"."""
        source = self.valid[sample.name][0]
        target = self.work / "current" / source.name
        shutil.rmtree(target.parent, ignore_errors=True)
        target.parent.mkdir()
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)
        if sample.hostile:
            return target, "hostile", "refused"
        if target.is_file() and rng.random() < _HARMLESS_SHARE and (how := harmless(target, rng)):
            return target, how, "same"
        victims = [target]
        if target.is_dir():
            victims = sorted(p for p in target.rglob("*") if p.is_file() and p.suffix != ".mp4")
        victim = rng.choice(victims)
        odd = victim.suffix == ".npz" and rng.random() < 0.5
        data, how = (with_odd_number if odd else damaged)(victim.read_bytes(), rng)
        victim.write_bytes(data)
        return target, f"{victim.name}: {how}", "any"

    def _outcome(self, sample: Sample, path: Path, expected: str) -> BaseException | None:
        """What is wrong with reading a file, or the InputError that refused it, or None."""
        faulthandler.dump_traceback_later(3 * self.limit, exit=True)  # if not even a signal gets through
        size = path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in path.rglob("*"))
        before = _begin_measuring()
        signal.setitimer(signal.ITIMER_REAL, self.limit)
        try:
            value = sample.read(path)
            if sample.use is not None and expected == "any":
                sample.use(value)
            error: BaseException | None = None
        except KeyboardInterrupt:
            raise
        except BaseException as caught:
            error, value = caught, None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
        taken = _status_mb("VmHWM") - before if _CAN_MEASURE else 0
        self.largest = max(self.largest, (taken, sample.name))
        if MARKS:
            fault = MARKS[0]
            MARKS.clear()
            return Fault(fault)
        if taken > _MOST_MB + _PER_BYTE * (size >> 20):
            return Fault(f"took {taken} MB for {size} bytes")
        if error is not None and not (isinstance(error, InputError) and expected == "same"):
            return error
        if expected == "refused":
            return Fault("a hostile file was read")
        if expected == "same" and (error is not None or not same(value, self.valid[sample.name][1])):
            return Fault(f"the same content reads as other values: {error or ''}")
        return None

    def _keep(self, folder: Path, number: int, what: str, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        frame = next((each for each in reversed(frames) if "fuzz" not in each.filename), None)
        place = f"{Path(frame.filename).name}:{frame.lineno}" if frame else what.split(":")[0]
        place = f"{type(error).__name__} in {place}"
        self.failures[place] += 1
        if self.failures[place] > 2:
            return
        target = folder / str(number)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.work / "current", target)
        report = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        (target / "traceback.txt").write_text(f"{what}\n\n{report}", encoding="utf-8", errors="replace")
        print(f"case {number}: {what}: {place}: {' '.join(str(error).split())[:150]}", flush=True)


def main() -> int:
    """Run until the cases or the seconds are over; return 1 if something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000, help="number of damaged files (default: 20000)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time (default: never)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same cases (default: 0)")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds that one case may take (default: 10)")
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz_failures"), help="folder of failed cases (default: fuzz_failures)"
    )
    parser.add_argument("--only", default="", help="only samples whose name contains this")
    parser.add_argument("--self-test", action="store_true", help="plant faults and look for them")
    args = parser.parse_args()
    faulthandler.enable()
    torch.set_num_threads(1)  # its threads would not be in the copies that `_self_test` makes
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _hang)
    sys.addaudithook(_listen)
    with tempfile.TemporaryDirectory() as folder:
        run = _prepared(args.only, Path(folder), args.limit)
        return _self_test(run, args) if args.self_test else _fuzz(run, args)


def _prepared(only: str, work: Path, limit: float) -> Run:
    """Write and read every valid file; what is read is what the same content must give later."""
    samples = [sample for sample in all_samples() if only in sample.name]
    chosen = [name for name in HOSTILE if only in f"hostile {name}" and "300 MB" not in name]
    share = _HOSTILE_SHARE * sum(sample.share for sample in samples) / max(len(chosen), 1)
    for name in chosen:
        _, _, read, _ = HOSTILE[name]
        samples.append(Sample(f"hostile {name}", _hostile(name), read, share, hostile=True))
    valid = {}
    for number, sample in enumerate(samples):
        folder = work / str(number)
        folder.mkdir()
        path = sample.write(folder)
        valid[sample.name] = path, None if sample.hostile else sample.read(path)
    if _CAN_MEASURE:
        most = (_status_mb("VmSize") + _ROOM_MB) << 20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return Run(samples, valid, work, limit)


def _hostile(name: str) -> Any:
    def write(folder: Path) -> Path:
        file, write_file, _, _ = HOSTILE[name]
        write_file(folder / file)
        return folder / file

    return write


def _fuzz(run: Run, args: argparse.Namespace) -> int:
    rng, start = random.Random(args.seed), time.monotonic()
    for number in range(args.cases):
        if time.monotonic() - start > args.seconds:
            break
        run.case(number, rng, args.keep)
    counts = ", ".join(f"{count} {name}" for name, count in run.outcomes.items())
    print(f"{run.outcomes.total()} cases of {len(run.samples)} samples in {time.monotonic() - start:.0f} s: {counts}")
    print(f"slowest {run.slowest[0]:.1f} s ({run.slowest[1]}), largest {run.largest[0]} MB ({run.largest[1]})")
    for place, count in run.failures.most_common():
        print(f"{count} x {place}")
    return 1 if run.failures else 0


def _self_test(run: Run, args: argparse.Namespace) -> int:
    """Plant each fault in a copy of this process, and look for it."""
    missed = []
    for name, plant in FAULTS.items():
        begun, child = time.monotonic(), os.fork()
        if child == 0:
            plant()
            rng, number = random.Random(args.seed), 0
            while not run.failures and time.process_time() < _SELF_TEST_S:
                run.case(number, rng, run.work / "found")
                number += 1
            sys.stdout.flush()
            os._exit(0 if run.failures else _MISSED)
        # a crash or a hang is a finding too
        missed += [name] if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == _MISSED else []
        print(f"{'MISSED' if name in missed[-1:] else 'found'} in {time.monotonic() - begun:.0f} s: {name}", flush=True)
    return 1 if missed else 0


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    # the package looks names up in its own table
    if event == "pickle.find_class" and any("safe_load" in str(f.filename) for f in traceback.extract_stack(limit=8)):
        MARKS.append(f"a pickle reached {arguments[0]}.{arguments[1]}")


def _begin_measuring() -> int:
    """Start a new peak of memory; the megabytes now."""
    if not _CAN_MEASURE:
        return 0
    Path("/proc/self/clear_refs").write_text("5")
    return _status_mb("VmRSS")


def _status_mb(field: str) -> int:
    """A field of /proc/self/status in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) >> 10


def _hang(*_: Any) -> None:
    raise Hang("took too long")


if __name__ == "__main__":
    sys.exit(main())
