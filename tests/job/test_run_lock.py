"""A hidden folder has one live owner, with and without locks of the system."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lsmplify_refine.job.run_lock import HeldError, acquire

fcntl = pytest.importorskip("fcntl")


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, as some clusters have."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    lock = acquire(tmp_path / "x")
    with pytest.raises(HeldError, match=rf"^process {os.getpid()} on {socket.gethostname()}$"):
        acquire(tmp_path / "x", wait=False)
    lock.release()
    acquire(tmp_path / "x", wait=False).release()
    assert not list(tmp_path.iterdir())


def test_a_dead_owners_folder_is_taken_over(tmp_path: Path) -> None:
    script = f"""
import os, pathlib
from lsmplify_refine.job.run_lock import acquire
acquire(pathlib.Path({str(tmp_path / "x")!r}))
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    assert (tmp_path / "x" / "lock").is_file()
    acquire(tmp_path / "x", wait=False).release()
    assert not list(tmp_path.iterdir())


def dead_process() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize(
    ("holder", "held"),
    [
        ("process {live} on {here}", True),
        ("process {dead} on {here}", False),
        ("process {dead} on another-machine", True),
        ("", False),
        ("rubbish", False),
    ],
)
def test_without_locks_the_holders_name_decides(holder: str, held: bool, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    named = holder.format(live=os.getppid(), dead=dead_process(), here=socket.gethostname())
    (tmp_path / "x" / "lock").write_text(named)
    if held:
        with pytest.raises(HeldError, match=f"{named}; if it is dead, remove {tmp_path / 'x'}"):
            acquire(tmp_path / "x", wait=False)
    else:
        lock = acquire(tmp_path / "x", wait=False)
        assert (tmp_path / "x" / "lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"
        lock.release()
        assert not list(tmp_path.iterdir())


def test_a_folder_that_goes_while_it_is_locked_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that held it removes it between our open and our lock."""
    flock = fcntl.flock
    removed: list[int] = []

    def remove_first(file: int, how: int) -> None:
        if not removed:
            removed.append(1)
            (tmp_path / "x" / "lock").unlink()
            (tmp_path / "x").rmdir()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    lock = acquire(tmp_path / "x")
    assert removed and (tmp_path / "x" / "lock").is_file()
    with pytest.raises(HeldError):
        acquire(tmp_path / "x", wait=False)
    lock.release()
