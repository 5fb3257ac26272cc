from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.job.report import plain, write_report


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (np.float32("inf"), None),
        (np.array([1.5, np.nan]), [1.5, None]),
        (np.array(["held", "accepted"]), ["held", "accepted"]),
        (np.array([True, False]), [True, False]),
        (np.int64(3), 3),
        (Path("a") / "b", "a/b"),
        ({"x": (1, None, {"y": 0.1234567890})}, {"x": [1, None, {"y": 0.123457}]}),
    ],
)
def test_plain(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_written_report_reads_back_and_keeps_lists_on_a_line(tmp_path: Path) -> None:
    report = {"notes": ["a [ bracket ]", "tab\tand\nline"], "per_frame": {"blend": [1, 0.5]}, "empty": []}
    write_report(report, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert '"blend": [1, 0.5]' in (tmp_path / "report.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_report_with_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_report({"x": float("nan")}, tmp_path / "report.json")
    assert list(tmp_path.iterdir()) == []
