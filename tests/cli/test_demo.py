"""The demo runs the command's own path on the built-in input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lsmplify_refine import load
from lsmplify_refine.cli import main
from lsmplify_refine.job.demo import FILES
from tests.support.clips import DEMO


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
