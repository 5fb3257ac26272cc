"""Read every hostile file in a process with limited memory, and print the megabytes that each took.

Run as `watch_memory.py FOLDER`. Files are written by another process, so that only reading counts.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.registry import adapters
from tests.support.hostile_files import HOSTILE

_MB = 1 << 20


def status_mb(field: str) -> int:
    """A field of /proc/self/status in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) >> 10


def in_child(work: Callable[[], object]) -> None:
    """Run in a copy of this process."""
    child = os.fork()
    if child == 0:
        try:
            work()
            sys.stdout.flush()
            os._exit(0)
        except BaseException as error:  # the parent sees the exit code
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    _, code = os.waitpid(child, 0)
    if code:
        raise SystemExit(f"failed with {code}")


def main() -> None:
    """Run every case in its own child process."""
    folder = Path(sys.argv[1])
    os.chdir(folder)
    adapters()  # imported now, not in the first child that needs them
    for case, (name, write, read, _) in HOSTILE.items():
        path = folder / name
        in_child(partial(write, path))

        def refuse(case: str = case, read: Callable[[Path], object] = read, path: Path = path) -> None:
            Path("/proc/self/clear_refs").write_text("5")  # the peak so far is the parent's
            before = status_mb("VmRSS")
            limit = (status_mb("VmSize") + 1000) * _MB
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            try:
                read(path)
            except InputError:
                print(status_mb("VmHWM") - before, case)
                return
            raise SystemExit(f"{case}: not refused")

        in_child(refuse)
        path.unlink()


if __name__ == "__main__":
    main()
