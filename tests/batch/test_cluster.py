"""A real Dask cluster on this machine: a scheduler and two workers, started by the test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsmplify_refine.batch import cluster
from lsmplify_refine.batch.discover import discover
from lsmplify_refine.batch.protocol import ClusterLostError
from lsmplify_refine.batch.run import BatchOutcome, run_batch
from lsmplify_refine.cli import main
from lsmplify_refine.errors import InputError
from tests.support.batches import KILLS, KILLS_ONCE, faulty_work, outputs, settings, write_tree

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.slow

NAMES = tuple("abcdefgh")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("dask")
    found = f"tcp://127.0.0.1:{port}"
    # the workers import the tests' faults
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    commands = [["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]]
    commands += [["worker", found, "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]] * 2
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *command], cwd=folder, env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]  # fmt: skip
    try:
        with distributed.Client(found, timeout="120s", set_as_default=False) as client:
            client.wait_for_workers(2, timeout=120)
        yield found
    finally:
        for process in reversed(processes):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "in", NAMES)


def run(tree: Path, output: Path, address: str | None, **changed: object) -> BatchOutcome:
    return run_batch(list(discover([tree]).rows), settings(output, cluster=address, **changed))


def results(output: Path) -> dict[str, bytes]:
    return {name: content for name, content in outputs(output).items() if "/" in name}


def test_a_cluster_gives_what_this_machine_gives(tree: Path, tmp_path: Path, address: str) -> None:
    code = main(["batch", str(tree), "--cluster", address, "--output", str(tmp_path / "out"), "--weights", "none"])
    assert code == 0
    run(tree, tmp_path / "plain", None)
    assert len(results(tmp_path / "out")) == 16 and results(tmp_path / "out") == results(tmp_path / "plain")
    with distributed.Client(address, set_as_default=False) as client:
        # the scheduler is left as it was
        assert client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.allowed_failures) == 3


def test_a_killed_worker_costs_nothing_and_a_poisoned_clip_only_itself(
    tree: Path, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "work", faulty_work)
    (tree / "b" / KILLS_ONCE).touch()
    (tree / "e" / KILLS).touch()
    outcome = run(tree, tmp_path / "out", address, pack=1)
    assert [done.name for done in outcome.failed] == ["e"] and "its worker ended" in outcome.failed[0].reason
    assert not (tree / "b" / KILLS_ONCE).exists()
    (tree / "e" / KILLS).unlink()
    run(tree, tmp_path / "plain", None)
    expected = {name: content for name, content in results(tmp_path / "plain").items() if name[0] != "e"}
    assert results(tmp_path / "out") == expected
    # the run that follows does the one clip that is left
    assert run(tree, tmp_path / "out", address).skipped == 7
    assert results(tmp_path / "out") == results(tmp_path / "plain")


def test_nobody_answers(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", "1s")
    with pytest.raises(InputError, match="no Dask scheduler answers there"):
        run(tree, tmp_path / "out", "tcp://127.0.0.1:9")


def test_a_scheduler_without_workers_is_told(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", "2s")
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as empty,
        pytest.raises(InputError, match="has no workers; start some with: dask worker tcp://127"),
    ):
        run(tree, tmp_path / "out", empty.scheduler_address)


def test_a_cluster_that_goes_away_ends_the_run(address: str) -> None:
    engine = cluster.Cluster(address)
    engine.check()
    engine.close(kill=True)
    with pytest.raises(ClusterLostError, match="is gone"):
        engine.check()
