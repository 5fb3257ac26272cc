"""Every hostile file is refused in one line; none runs code, takes much memory, or much time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lsmplify_refine.errors import InputError
from tests.support.hostile_files import HOSTILE

#: More than refusing any of them takes, in MB.
MOST_MB = 200


def check(case: str, folder: Path) -> None:
    """Write a case's file and let it be refused."""
    name, write, read, reason = HOSTILE[case]
    write(folder / name)
    with pytest.raises(InputError, match=re.escape(reason)) as caught:
        read(folder / name)
    message = str(caught.value)
    assert name in message and "\n" not in message and message.isprintable() and len(message) < 600
    assert [entry.name for entry in folder.iterdir()] == [name]


# whole archives of a gigabyte are written only where memory is watched
@pytest.mark.parametrize("case", [case for case in HOSTILE if "1 GB" not in case and "300 MB" not in case])
def test_hostile_files_are_refused(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check(case, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
def test_refusing_takes_little_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parents[1] / "support" / "watch_memory.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    taken = {case: int(megabytes) for megabytes, case in (line.split(" ", 1) for line in done.stdout.splitlines())}
    assert list(taken) == list(HOSTILE)
    assert max(taken.values()) < MOST_MB, taken
