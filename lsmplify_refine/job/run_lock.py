"""A hidden folder that belongs to one live run: locked by the system, so that a dead run's lock is free.

The lock is a file in the hidden folder. It names its holder, and goes with the folder.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from lsmplify_refine.errors import InputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCK = "lock"

#: Seconds to wait for a run that is just ending, and between two tries.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 1.0, 0.05

#: The byte that is locked on Windows, beyond the holder's name: a locked byte cannot be read.
_LOCKED_BYTE = 1 << 20

#: What a file system without locks answers.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


class HeldError(Exception):
    """Another live run holds the folder; the text names it."""


class RunLock:
    """A hidden folder and the lock in it, held until `release` or the end of the process.

    Attributes:
        folder: The hidden folder.
    """

    def __init__(self, folder: Path, file: IO[bytes]) -> None:
        self.folder = folder
        self._file = file

    def release(self) -> None:
        """Remove the hidden folder, which must hold nothing but the lock, and give the lock back."""
        lock = self.folder / _LOCK
        if sys.platform != "win32":
            # while it is locked: whoever waits for it then sees that it is gone
            with suppress(OSError):
                lock.unlink()
        self._file.close()
        with suppress(OSError):
            # Windows removes no open file; if another run opened it meanwhile, it stays
            if sys.platform == "win32":
                lock.unlink()
            self.folder.rmdir()


def acquire(folder: Path, *, wait: bool = True) -> RunLock:
    """Create a hidden folder and lock it, or take it over from a dead run.

    Args:
        folder: The hidden folder, in a folder that exists.
        wait: Whether to wait a moment for a run that is just ending.

    Raises:
        HeldError: A live run holds it.
        OSError: It cannot be created.
    """
    until = time.monotonic() + (_PATIENCE_SECONDS if wait else 0.0)
    while True:
        try:
            return _acquire_now(folder)
        except (HeldError, FileNotFoundError):
            # not found: the run that held it removes it just now, its parent perhaps too
            if time.monotonic() >= until:
                raise
            time.sleep(_PAUSE_SECONDS)


def _acquire_now(folder: Path) -> RunLock:
    if folder.is_symlink():
        folder.unlink()  # a planted link would lead out of the folder
    folder.mkdir(exist_ok=True)
    path = folder / _LOCK
    try:
        file = _opened(path)
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        raise
    try:
        _lock(file, path)
        if not _is_same(file, path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    except BaseException:
        file.close()
        raise
    lock = RunLock(folder, file)
    try:
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
    except BaseException:
        lock.release()
        raise
    return lock


def _opened(path: Path) -> IO[bytes]:
    # no link out of the folder, and no waiting for the other end of a pipe
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags, 0o644), "r+b", buffering=0)


def _lock(file: IO[bytes], path: Path) -> None:
    try:
        if sys.platform == "win32":
            file.seek(_LOCKED_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = _holder(file)
        if error.errno not in _NO_LOCKS:
            raise HeldError(holder) from error
        if _may_live(holder):
            raise HeldError(f"{holder}; if it is dead, remove {path.parent}") from error


def _holder(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(200).decode(errors="replace") or "a process that is just starting"


def _may_live(holder: str) -> bool:
    """Whether the holder may be alive, judged by its name alone: for file systems without locks."""
    name, _, host = holder.partition(" on ")
    number = name.removeprefix("process ")
    if not number.isdigit() or int(number) == os.getpid():
        return False
    if sys.platform == "win32" or host != socket.gethostname():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_same(file: IO[bytes], path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def busy(path: Path, holder: HeldError) -> InputError:
    """The error for outputs that another run is writing."""
    return InputError(f"{path}: is being written by another run ({holder}); wait for it or choose another --output")
