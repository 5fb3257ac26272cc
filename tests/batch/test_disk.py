from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine.batch import run as batch_run
from lsmplify_refine.batch.discover import discover
from lsmplify_refine.batch.disk import DiskFullError, is_disk_full
from lsmplify_refine.batch.record import Record
from lsmplify_refine.batch.run import run_batch
from lsmplify_refine.cli import main
from lsmplify_refine.errors import InputError
from lsmplify_refine.job import run as job_run
from tests.support.batches import settings, write_tree

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x")


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (FULL, True),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), True),
        (caused(InputError("x: cannot be written"), FULL), True),
        (RuntimeError("PytorchStreamWriter failed: No space left on device"), True),
        (OSError(errno.EACCES, "no"), False),
        (InputError("x"), False),
    ],
)
def test_a_full_disk_is_known_through_other_errors(error: Exception, full: bool) -> None:
    assert is_disk_full(error) is full


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, begun = write_tree(tmp_path / "in"), []
    once = job_run.run

    def fills(job: Any, **options: Any) -> Any:
        begun.append(job.input)
        if len(begun) == 2:
            raise caused(InputError("cannot be written"), FULL)
        return once(job, **options)

    monkeypatch.setattr(job_run, "run", fills)
    rows = list(discover([tree]).rows)
    with pytest.raises(DiskFullError, match="the disk is full"):
        run_batch(rows, settings(tmp_path / "out"))
    assert len(begun) == 2
    assert run_batch(rows, settings(tmp_path / "out")).skipped == 1


def test_a_disk_too_full_for_a_record_ends_the_run_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: Any) -> None:
        raise FULL

    tree = write_tree(tmp_path / "in")
    monkeypatch.setattr(Record, "save", fails)
    code = main(["batch", str(tree), "--output", str(tmp_path / "out"), "--jobs", "0", "--weights", "none"])
    assert code == 3
    assert "the disk is full; what is done stays done" in capsys.readouterr().err


def test_a_disk_too_full_for_the_summary_ends_the_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise FULL

    monkeypatch.setattr(batch_run, "write_summary", fails)
    rows = list(discover([write_tree(tmp_path / "in")]).rows)
    with pytest.raises(DiskFullError):
        run_batch(rows, settings(tmp_path / "out"))
