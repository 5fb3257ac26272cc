"""The lock of a batch's output folder: it names its holder, and shows signs of life for other machines.

On one machine, the system's lock decides (see `job.run_lock`). Between machines, many network file systems lock
nothing. So the holder touches a file again and again. Another machine's run takes over when the signs have ended.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lsmplify_refine.batch.record import STATE
from lsmplify_refine.batch.shards import Shard
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.run_lock import HeldError, RunLock, acquire
from lsmplify_refine.job.transaction import unwritable

#: Seconds between two signs of life, and after the last of which another machine's run is taken for dead.
BEAT_SECONDS, DEAD_SECONDS = 10.0, 60.0

#: Sign of life and probe of the file system's clock, in the lock's folder.
_ALIVE, _CLOCK = "alive", "clock"

_NAME = re.compile(r"lock_(\d+)_of_(\d+)")


@contextmanager
def locked(output: Path, shard: Shard) -> Iterator[None]:
    """Hold a share of an output folder.

    Args:
        output: The batch's output folder.
        shard: The share. Different shares are held by different runs; the whole excludes all of them.

    Raises:
        InputError: A live run holds it, or the folder cannot be written to.
    """
    folder = output / STATE / f"lock_{shard.index}_of_{shard.count}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = acquire(folder)
    except HeldError as error:
        raise _busy(output, str(error)) from error
    except OSError as error:
        raise unwritable(output, error) from error
    try:
        _check_other_machine(output, folder)
        # both look after both have locked: at least one of two sees the other
        _check_others(output, shard, folder)
    except BaseException:
        _release(lock, ours=False)
        raise
    ended = threading.Event()
    _beat(folder)
    beat = threading.Thread(target=_beat_until, args=(folder, ended), daemon=True)
    beat.start()
    try:
        yield
    finally:
        ended.set()
        beat.join()
        _release(lock, ours=True)


def _check_others(output: Path, shard: Shard, own: Path) -> None:
    """Raise if a run holds a share that overlaps this one."""
    for folder in sorted(own.parent.glob("lock_*_of_*")):
        named = _NAME.fullmatch(folder.name)
        if folder == own or not named or (int(named[2]) == shard.count and not shard.is_all):
            continue
        try:
            other = acquire(folder, wait=False)
        except HeldError as error:
            raise _busy(output, f"{error}, shard {named[1]}/{named[2]}") from error
        except OSError:
            continue
        try:
            _check_other_machine(output, folder)
        except BaseException:
            _release(other, ours=False)
            raise
        _release(other, ours=True)


def _check_other_machine(output: Path, folder: Path) -> None:
    """Raise if another machine's run showed a sign of life just now, although the system gave the lock to this one."""
    alive = folder / _ALIVE
    try:
        holder = json.loads(alive.read_text(encoding="ascii"))
        clock = folder / _CLOCK
        clock.write_text("")  # by the file system's own clock: machines' clocks differ
        age = clock.stat().st_mtime - alive.stat().st_mtime
        clock.unlink()
        process, host = int(holder["process"]), str(holder["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if host != socket.gethostname() and age < DEAD_SECONDS:
        left = (
            f"its last sign of life is {max(age, 0):.0f} s old; if it is dead, try again in {DEAD_SECONDS - age:.0f} s"
        )
        raise _busy(output, f"process {process} on {host}, {left}")


def _beat(folder: Path) -> None:
    text = json.dumps({"process": os.getpid(), "host": socket.gethostname(), "time": time.time()})
    part = folder / f"{_ALIVE}.part"
    with suppress(OSError):  # a full disk: the system's lock still holds
        part.write_text(text, encoding="ascii")
        os.replace(part, folder / _ALIVE)  # noqa: PTH105 - the name says that it replaces


def _beat_until(folder: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        _beat(folder)


def _release(lock: RunLock, *, ours: bool) -> None:
    if ours:
        for name in (_ALIVE, f"{_ALIVE}.part", _CLOCK):
            with suppress(OSError):
                (lock.folder / name).unlink(missing_ok=True)
    lock.release()


def _busy(output: Path, holder: str) -> InputError:
    return InputError(
        f"{output}: another run is writing to it ({holder}); wait for it, choose another --output, or share the work "
        "with --shard I/N"
    )
