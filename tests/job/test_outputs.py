"""Outputs: all of them or none, but for the video and the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsmplify_refine.job.outputs import name_outputs, staged


def test_outputs_appear_together_or_not_at_all(tmp_path: Path) -> None:
    outputs = name_outputs(tmp_path / "a.b.pkl", tmp_path / "deep" / "er")
    assert [path.name for path in outputs.all] == [
        "a.b_refined.pkl",
        "a.b_comparison.mp4",
        "a.b_report.html",
        "a.b_report.json",
    ]
    with pytest.raises(RuntimeError), staged(outputs, overwrite=False) as staging:
        staging.results.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with staged(outputs, overwrite=False) as staging:
        for path in staging.all:
            path.write_text("whole")
        assert not outputs.results.exists()
    assert sorted(outputs.results.parent.iterdir()) == sorted(outputs.all)


def test_only_the_comparison_video_and_the_page_may_be_missing(tmp_path: Path) -> None:
    outputs = name_outputs(tmp_path / "a.pkl", tmp_path / "out")
    with staged(outputs, overwrite=False) as staging:
        staging.results.write_text("whole")
        staging.report.write_text("whole")
    assert sorted(outputs.results.parent.iterdir()) == sorted([outputs.results, outputs.report])
    other = name_outputs(tmp_path / "b.pkl", tmp_path / "other")
    with pytest.raises(FileNotFoundError), staged(other, overwrite=False) as staging:
        staging.report.write_text("whole")
    assert not other.results.parent.exists()
