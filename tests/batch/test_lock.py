from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lsmplify_refine.batch import lock
from lsmplify_refine.batch.lock import locked
from lsmplify_refine.batch.shards import WHOLE, Shard
from lsmplify_refine.errors import InputError

HOLDER = """
import sys
from pathlib import Path
from lsmplify_refine.batch.lock import locked
from lsmplify_refine.batch.shards import parse_shard
with locked(Path(sys.argv[1]), parse_shard(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(output: Path, shard: str = "1/1") -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(output), shard], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    return holder


def test_the_second_run_is_told_who_holds_the_folder_and_takes_over_from_a_dead_one(tmp_path: Path) -> None:
    holder = hold(tmp_path)
    with pytest.raises(InputError, match=rf"process {holder.pid} on {socket.gethostname()}"), locked(tmp_path, WHOLE):
        pass
    holder.kill()
    holder.communicate()
    with locked(tmp_path, WHOLE):
        assert list((tmp_path / ".batch").iterdir()) == [tmp_path / ".batch/lock_1_of_1"]
    assert not list((tmp_path / ".batch").iterdir())


def test_shards_stand_beside_each_other_but_not_beside_the_whole(tmp_path: Path) -> None:
    with locked(tmp_path, Shard(1, 3)), locked(tmp_path, Shard(2, 3)):
        with pytest.raises(InputError, match=r"shard 1/3"), locked(tmp_path, WHOLE):
            pass
        with pytest.raises(InputError, match=r"shard 1/3"), locked(tmp_path, Shard(2, 2)):
            pass
    with locked(tmp_path, WHOLE), pytest.raises(InputError, match=r"shard 1/1"), locked(tmp_path, Shard(1, 3)):
        pass


def lock_of_another_machine(output: Path, seconds_ago: float) -> Path:
    """What a run on another machine leaves, on a file system that does not share locks."""
    folder = output / ".batch/lock_1_of_1"
    folder.mkdir(parents=True)
    alive = folder / "alive"
    alive.write_text(json.dumps({"process": 77, "host": "elsewhere", "time": 0}))
    now = alive.stat().st_mtime
    os.utime(alive, (now - seconds_ago, now - seconds_ago))
    return alive


def test_another_machines_signs_of_life_hold_the_folder(tmp_path: Path) -> None:
    alive = lock_of_another_machine(tmp_path, 5)
    with (
        pytest.raises(InputError, match=r"process 77 on elsewhere, its last sign of life is 5 s old"),
        locked(tmp_path, WHOLE),
    ):
        pass
    # it is not ours to remove
    assert alive.exists()
    with pytest.raises(InputError, match="process 77 on elsewhere"), locked(tmp_path, Shard(1, 2)):
        pass


def test_another_machines_run_without_signs_of_life_is_taken_over(tmp_path: Path) -> None:
    alive = lock_of_another_machine(tmp_path, lock.DEAD_SECONDS + 5)
    with locked(tmp_path, WHOLE):
        assert json.loads(alive.read_text())["process"] == os.getpid()
    assert not alive.exists()


def test_a_run_shows_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    with locked(tmp_path, WHOLE):
        alive = tmp_path / ".batch/lock_1_of_1/alive"
        first = json.loads(alive.read_text())["time"]
        while json.loads(alive.read_text())["time"] == first:
            pass
