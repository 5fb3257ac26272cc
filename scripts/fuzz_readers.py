"""Damage valid files at random and read them with the package's readers: only InputError may be raised.

`fuzz_readers.py --cases 20000` is the whole run, `--seconds 60` a short one. The same seed gives the same cases. A case
that fails (another exception, or longer than --limit seconds) is kept in --keep with its traceback.
"""

from __future__ import annotations

import argparse
import bz2
import faulthandler
import gzip
import io
import lzma
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from fuzz_samples import Sample, all_samples

from lsmplify_refine.errors import InputError

#: Values to put in place of lengths, counts and offsets.
_EXTREMES = (0, 1, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 10**10, 2**63 - 1, 2**63, 2**64 - 1)
_TOKENS = (b"[", b"]", b"{", b"}", b'"', b",", b"null", b"-1", b"1e999", b"NaN", b"0", b"\t", b"\n", b"\\", b"\xff")
_PACKED: dict[bytes, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": (gzip.decompress, gzip.compress),
    b"BZh": (bz2.decompress, bz2.compress),
    b"\xfd7zXZ": (lzma.decompress, lzma.compress),
    b"\x78": (zlib.decompress, zlib.compress),
}


class Hang(BaseException):
    """A case took too long; no reader can catch it by mistake."""


def main() -> int:
    """Run until the cases or the seconds are over; return 1 if something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000, help="number of damaged files (default: 20000)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time (default: never)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same cases (default: 0)")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds that one case may take (default: 20)")
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz_failures"), help="folder of failed cases (default: fuzz_failures)"
    )
    parser.add_argument("--only", default="", help="only samples whose name contains this")
    args = parser.parse_args()
    faulthandler.enable()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _hang)
    with tempfile.TemporaryDirectory() as folder:
        return _run(args, Path(folder))


def _run(args: argparse.Namespace, work: Path) -> int:
    samples = [sample for sample in all_samples() if args.only in sample.name]
    valid = {sample.name: _write(sample, work / str(number)) for number, sample in enumerate(samples)}
    shares = [sample.share for sample in samples]
    rng, start, slowest = random.Random(args.seed), time.monotonic(), (0.0, "")
    outcomes: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for case in range(args.cases):
        if time.monotonic() - start > args.seconds:
            break
        sample = rng.choices(samples, shares)[0]
        path, what = damaged_copy(valid[sample.name], work / "current", rng)
        begun = time.monotonic()
        error = outcome(sample, path, args.limit)
        slowest = max(slowest, (time.monotonic() - begun, f"{sample.name}, case {case}"))
        outcomes["read" if error is None else "refused" if isinstance(error, InputError) else "failed"] += 1
        if error is not None and not isinstance(error, InputError):
            _keep(args.keep, case, f"{sample.name}: {what}", error, work / "current", failures)
    print(f"{sum(outcomes.values())} cases of {len(samples)} samples in {time.monotonic() - start:.0f} s: ", end="")
    print(
        ", ".join(f"{count} {name}" for name, count in outcomes.items()), f"; slowest {slowest[0]:.1f} s ({slowest[1]})"
    )
    for place, count in failures.most_common():
        print(f"{count} x {place}")
    return 1 if failures else 0


def outcome(sample: Sample, path: Path, limit: float) -> BaseException | None:
    """The error that reading a damaged file raised, or None."""
    faulthandler.dump_traceback_later(3 * limit, exit=True)  # if not even a signal gets through
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        sample.read(path)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    return None


def damaged_copy(source: Path, folder: Path, rng: random.Random) -> tuple[Path, str]:
    """A copy of a file or folder with one file damaged, and how."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    target = folder / source.name
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)
    victims = (
        sorted(p for p in target.rglob("*") if p.is_file() and p.suffix != ".mp4") if target.is_dir() else [target]
    )
    victim = rng.choice(victims)
    data, how = damaged(victim.read_bytes(), rng)
    victim.write_bytes(data)
    return target, f"{victim.name}: {how}"


def damaged(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Damage bytes; in archives and compressed files mostly the content, so that checksums do not catch everything."""
    if rng.random() < 0.75:
        if data[:2] == b"PK":
            return _damaged_member(data, rng)
        for magic, (unpack, pack) in _PACKED.items():
            if data.startswith(magic):
                try:
                    content = unpack(data)
                except (OSError, EOFError, zlib.error, lzma.LZMAError):
                    continue  # data that happen to begin like a compressed file
                inner, how = damaged(content, rng)
                return pack(inner), f"inside, {how}"
    changed, done = bytearray(data), []
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        change = rng.choice(
            (_flip, _flip, _set_byte, _cut, _length, _length, _length, _splice, _remove, _token, _digit)
        )
        change(changed, rng)
        done.append(change.__name__.strip("_"))
    return bytes(changed), "+".join(done)


def _damaged_member(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        methods = {member.filename: member.compress_type for member in archive.infolist()}
    # pickles and headers can do the most harm
    names = [name for name in members if name.endswith("data.pkl")] or list(members)
    name = rng.choice(names if rng.random() < 0.7 else list(members))
    head, how = damaged(members[name][:400] if rng.random() < 0.5 else members[name], rng)
    members[name] = head + (members[name][400:] if len(head) <= 400 else b"")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content, methods[member])
    return stream.getvalue(), f"member {name}, {how}"


def _place(data: bytearray, rng: random.Random) -> int:
    """A random offset, often near the beginning, where lengths are stored."""
    return rng.randrange(min(len(data), 300) if rng.random() < 0.4 else len(data)) if data else 0


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 3, 8))):
        if data:
            data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _set_byte(data: bytearray, rng: random.Random) -> None:
    if data:
        data[_place(data, rng)] = rng.randrange(256)


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _length(data: bytearray, rng: random.Random) -> None:
    kind = rng.choice(["<B", ">B", "<H", ">H", "<I", ">I", "<Q", ">Q"])
    at, size = _place(data, rng), struct.calcsize(kind)
    data[at : at + size] = struct.pack(kind, rng.choice(_EXTREMES) & ((1 << 8 * size) - 1))


def _splice(data: bytearray, rng: random.Random) -> None:
    start, at = _place(data, rng), _place(data, rng)
    piece = data[start : start + rng.choice((1, 4, 16, 100, 1000))]
    data[at : at + rng.choice((0, len(piece)))] = piece * rng.choice((1, 1, 1, 50))


def _remove(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 2, 8, 100))]


def _token(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    token = rng.choice(_TOKENS)
    data[at : at + rng.choice((0, len(token)))] = token * rng.choice((1, 1, 1, 200))


def _digit(data: bytearray, rng: random.Random) -> None:
    """Replace a digit: a count in text or in the header of an array."""
    digits = [at for at in range(min(len(data), 2000)) if 48 <= data[at] < 58]
    if digits:
        at = rng.choice(digits)
        data[at : at + 1] = rng.choice((b"0", b"9", b"99999999999", b"-1", b"", b"7"))


def _write(sample: Sample, folder: Path) -> Path:
    folder.mkdir()
    path = sample.write(folder)
    sample.read(path)  # the undamaged file must be readable
    return path


def _hang(*_: Any) -> None:
    raise Hang("took too long")


def _keep(folder: Path, case: int, what: str, error: BaseException, current: Path, failures: Counter[str]) -> None:
    frame = next((f for f in reversed(traceback.extract_tb(error.__traceback__)) if "fuzz" not in f.filename), None)
    place = f"{type(error).__name__} in {frame and Path(frame.filename).name}:{frame and frame.lineno}"
    failures[place] += 1
    if failures[place] > 2:
        return
    target = folder / str(case)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(current, target)
    report = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    (target / "traceback.txt").write_text(f"{what}\n\n{report}", encoding="utf-8", errors="replace")
    print(f"case {case}: {what}: {place}: {' '.join(str(error).split())[:150]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
