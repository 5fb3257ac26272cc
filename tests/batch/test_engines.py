"""Real worker processes: they are killed, hang, and die with the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lsmplify_refine.batch import engines
from lsmplify_refine.batch.discover import discover
from lsmplify_refine.batch.run import BatchOutcome, run_batch
from tests.support.batches import HANGS, KILLS, KILLS_ONCE, faulty_work, outputs, settings, write_tree

NAMES = tuple("abcdef")

# several processes import torch anew
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="kills processes by signals")]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "in", NAMES)


def run(tree: Path, output: Path, **changed: object) -> BatchOutcome:
    return run_batch(list(discover([tree]).rows), settings(output, **changed))


def results(output: Path) -> dict[str, bytes]:
    return {name: content for name, content in outputs(output).items() if "/" in name}


def test_processes_give_what_one_process_gives_and_lost_workers_cost_nothing(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "work", faulty_work)
    (tree / "c" / KILLS).touch()
    (tree / "d" / KILLS_ONCE).touch()
    outcome = run(tree, tmp_path / "out", jobs=2, pack=2)
    assert [done.name for done in outcome.failed] == ["c"] and "its worker ended" in outcome.failed[0].reason
    assert not (tree / "d" / KILLS_ONCE).exists()
    (tree / "c" / KILLS).unlink()
    assert run(tree, tmp_path / "out", jobs=2).skipped == 5
    run(tree, tmp_path / "plain")
    assert results(tmp_path / "out") == results(tmp_path / "plain")


def test_a_clip_that_takes_too_long_is_given_up(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "work", faulty_work)
    (tree / "b" / HANGS).touch()
    outcome = run(tree, tmp_path / "out", jobs=2, pack=1, clip_seconds=20.0)
    assert [done.name for done in outcome.failed] == ["b"]
    assert "not done within 20 seconds" in outcome.failed[0].reason
    assert len(results(tmp_path / "out")) == 2 * 5


class Command:
    """The command in a process group of its own."""

    def __init__(self, tree: Path, output: Path, *options: str) -> None:
        arguments = ["batch", str(tree), "--output", str(output), "--videos", "none", "--weights", "none", *options]
        self.output = output
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lsmplify_refine", *arguments],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip

    def wait_for_records(self, count: int) -> None:
        while self.process.poll() is None and len(list(self.output.glob(".batch/records/*/record.json"))) < count:
            time.sleep(0.02)

    def end(self) -> tuple[int, str]:
        _, text = self.process.communicate(timeout=300)
        return self.process.returncode, text


def group_is_empty(group: int) -> bool:
    """Whether no process of a group is left; waits for those that end with their parent."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_ctrl_c_finishes_the_clips_in_hand_and_says_how_to_go_on(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "in", tuple(f"{number:02}" for number in range(40)))
    command = Command(tree, tmp_path / "out", "--jobs", "2", "--pack", "1")
    command.wait_for_records(1)
    # a terminal sends it to the workers too
    os.killpg(command.process.pid, signal.SIGINT)
    code, text = command.end()
    assert code == 130 and "of 40 clips are done; run the same command again to go on" in text
    assert "failed" not in text and "Traceback" not in text
    assert group_is_empty(command.process.pid)
    assert Command(tree, tmp_path / "out", "--jobs", "2").end()[0] == 0
    run(tree, tmp_path / "plain")
    assert results(tmp_path / "out") == results(tmp_path / "plain")


def test_a_killed_run_leaves_no_process_and_the_next_one_goes_on(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "in", tuple(f"{number:02}" for number in range(20)))
    command = Command(tree, tmp_path / "out", "--jobs", "2", "--pack", "1")
    command.wait_for_records(3)
    command.process.kill()
    command.end()
    assert group_is_empty(command.process.pid)
    code, text = Command(tree, tmp_path / "out", "--jobs", "2").end()
    assert code == 0 and " 0 done before" not in text
    run(tree, tmp_path / "plain")
    assert results(tmp_path / "out") == results(tmp_path / "plain")
