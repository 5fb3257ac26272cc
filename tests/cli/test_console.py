"""What the terminal shows of a result."""

from __future__ import annotations

import pytest
from rich.console import Console

from lsmplify_refine import refine
from lsmplify_refine.cli._console import metrics_table
from tests.support.scenes import scene


def test_the_table_has_every_metric_of_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    refinement = refine(scene(12), weights="none")
    Console(width=100).print(metrics_table(refinement))
    shown = capsys.readouterr().out
    assert shown.index("as read") < shown.index("do nothing (calibrated)") < shown.index("refined")
    assert {"jitter_10m_per_s3", "speed_p95_m_per_s_wrists_ankles"} <= set(refinement.metrics["refined"])
    for name in refinement.metrics["refined"]:
        (row,) = (line for line in shown.splitlines() if name in line)
        values = [f"{refinement.metrics[stage][name]:.2f}" for stage in ("input", "calibrated", "refined")]
        assert row.split() == [name, *values]
