from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import refine
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.job.job import Job, Outcome, Outputs
from lsmplify_refine.job.report import build_report, plain, write_report
from tests.support.rooms import STILL, in_room
from tests.support.scenes import scene


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


def test_each_frame_has_its_confidence_weighted_error_before_and_after() -> None:
    refinement = refine(scene(6, noise_px=2.0), weights="none")
    confidence = np.random.default_rng(0).uniform(0.1, 1.0, (6, 17))
    confidence[4] = 0
    keypoints = replace(refinement.keypoints, confidence=confidence)
    refinement = replace(refinement, keypoints=keypoints)
    outcome = Outcome((refinement,), Outputs(Path("a.pt"), Path("a.json")))
    frames = build_report(Job(Path("a.pt")), outcome, device="cpu")["people"][0]["per_frame"]
    assert refinement.camera is not None
    for name, track in (("before", refinement.before), ("after", refinement.after)):
        pixels = project_to_image(track.keypoints("coco17"), refinement.camera.K)
        apart = np.linalg.norm(pixels - keypoints.positions, axis=-1)
        found = frames[f"reprojection_px_coco17_{name}"]
        assert found[4] is None
        for frame in (0, 1, 2, 3, 5):
            expected = np.average(apart[frame], weights=confidence[frame])
            assert found[frame] == pytest.approx(expected, rel=1e-4)


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


def test_frames_have_their_own_numbers_rate_and_share() -> None:
    estimate = in_room(STILL, 60, noise_m=0.12, error_deg=3.0)  # better than its keypoints
    refinement = refine(estimate.replace(frame_ids=np.arange(100, 160), fps=25.0), weights="none")
    outcome = Outcome((refinement,), Outputs(Path("a.pt"), Path("a.json")))
    (person,) = build_report(Job(Path("a.pt")), outcome, device="cpu")["people"]
    assert person["fps"] == 25.0
    frames = person["per_frame"]
    assert frames["frame_id"] == list(range(100, 160))
    assert frames["blend"] == pytest.approx(refinement.blend.tolist(), rel=1e-5) and min(frames["blend"]) < 1
    assert [status == "held" for status in frames["status"]] == [share == 0 for share in frames["blend"]]
    names = ("accepted", "blended", "held", "doubtful")
    assert person["counts"] == {name: frames["status"].count(name) for name in names}


def test_the_report_has_every_metric_of_every_stage() -> None:
    refinement = refine(scene(12), weights="none")
    outcome = Outcome((refinement,), Outputs(Path("a.pt"), Path("a.json")))
    (person,) = build_report(Job(Path("a.pt")), outcome, device="cpu")["people"]
    assert set(person["metrics"]) == {"input", "calibrated", "refined"}
    for stage, metrics in person["metrics"].items():
        assert metrics == pytest.approx(refinement.metrics[stage], rel=1e-5)
        assert {"jitter_10m_per_s3", "speed_p95_m_per_s_wrists_ankles"} <= metrics.keys()
