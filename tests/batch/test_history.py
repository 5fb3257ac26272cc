from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine import __version__
from lsmplify_refine.batch.discover import discover
from lsmplify_refine.batch.dispatch import Dispatcher
from lsmplify_refine.batch.history import Run, load_runs
from lsmplify_refine.batch.run import run_batch
from lsmplify_refine.batch.shards import Shard
from lsmplify_refine.batch.videos import Videos
from tests.support.batches import settings, write_tree


def test_a_run_leaves_its_settings_versions_and_time(tmp_path: Path) -> None:
    rows = discover([write_tree(tmp_path / "in")]).rows
    given = settings(tmp_path / "out", videos=Videos("sample", 0))
    run_batch(rows, given)
    (run,) = load_runs(tmp_path / "out")
    assert (run.shard, run.clips) == ("1/1", 3) and run.seconds is not None and run.seconds > 0
    assert run.settings == {"device": "cpu", "videos": "sample:0", "jobs": 0, "weights": "none"}
    assert run.versions["lsmplify_refine"] == __version__ and "torch" in run.versions
    # a run without anything to do says nothing of how the clips were done
    run_batch(rows, given)
    assert load_runs(tmp_path / "out") == [run]


def test_each_share_has_its_own_last_run(tmp_path: Path) -> None:
    rows = discover([write_tree(tmp_path / "in")]).rows
    for index in (1, 2):
        run_batch(rows, settings(tmp_path / "out", shard=Shard(index, 2)))
    assert [(run.shard, run.clips) for run in load_runs(tmp_path / "out")] == [("2/2", 1), ("1/2", 2)]


def test_a_run_that_is_broken_off_has_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any) -> Any:
        raise KeyboardInterrupt

    rows = discover([write_tree(tmp_path / "in", ("a",))]).rows
    monkeypatch.setattr(Dispatcher, "do", dies)
    with pytest.raises(KeyboardInterrupt):
        run_batch(rows, settings(tmp_path / "out"))
    (run,) = load_runs(tmp_path / "out")
    assert (run.clips, run.seconds) == (0, None)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"layout": 2}', '{"layout": 1}', '{"layout": 1, "run": "a", "clips": "b"}']
)
def test_what_is_not_a_run_is_left_out(text: str, tmp_path: Path) -> None:
    Run("r", "1/2", 1, 2.0, {}, {}).save(tmp_path)
    (tmp_path / ".batch/run_2_of_2.json").write_text(text)
    assert [run.shard for run in load_runs(tmp_path)] == ["1/2"]
