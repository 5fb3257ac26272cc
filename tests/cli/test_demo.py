"""The demo runs the command's own path on the built-in input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lsmplify_refine import load
from lsmplify_refine.cli import main
from lsmplify_refine.job.demo import FILES, copy_input
from tests.support.clips import DEMO
from tests.support.faults import acting_at, die, in_child, needs_fork


def test_demo_refines_the_built_in_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    assert main(["demo", "--output", str(folder), "--no-video"]) == 0
    report = json.loads((folder / "hmr4d_results_report.json").read_text())
    metrics = report["people"][0]["metrics"]
    before, after = (metrics[stage]["reprojection_px_coco17"] for stage in ("calibrated", "refined"))
    assert after < 0.6 * before
    assert load(folder / "hmr4d_results_refined.pt")[0].family == "smplx"
    assert main(["demo", "--output", str(folder), "--no-video"]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_the_demo_never_replaces_somebodys_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hmr4d_results.pt").write_text("mine")
    for options in ([], ["--overwrite"]):
        assert main(["demo", "--output", str(tmp_path), "--no-video", *options]) == 2
        assert "is not the demo's" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["hmr4d_results.pt"]
    assert (tmp_path / "hmr4d_results.pt").read_text() == "mine"


def test_a_half_copied_demo_is_completed(tmp_path: Path) -> None:
    assert main(["demo", "--output", str(tmp_path), "--no-video"]) == 0
    for name in FILES:
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        assert main(["demo", "--output", str(tmp_path), "--no-video", "--overwrite"]) == 0
        assert (tmp_path / name).read_bytes() == whole


@needs_fork
def test_a_demo_killed_while_copying_is_completed(tmp_path: Path) -> None:
    for step in range(1, 20):
        folder = tmp_path / str(step)

        def killed(folder: Path = folder, step: int = step) -> None:
            with acting_at(step, die, on=("replace",)):
                copy_input(folder)

        code = in_child(killed)
        assert all(
            (DEMO / name).read_bytes() == (folder / name).read_bytes() for name in FILES if (folder / name).exists()
        )
        copy_input(folder)
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {*FILES}
        if code == 0:
            break
    assert 3 < step < 19


@pytest.mark.slow
def test_demo_writes_the_video(tmp_path: Path) -> None:
    assert main(["demo", "--output", str(tmp_path)]) == 0
    assert (tmp_path / "hmr4d_results_comparison.mp4").stat().st_size > 10_000


def test_demo_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--output", str(tmp_path / "file")]) == 2
    assert "choose another --output" in capsys.readouterr().err


def test_built_in_input_is_small() -> None:
    assert sum((DEMO / name).stat().st_size for name in FILES) < 600_000
