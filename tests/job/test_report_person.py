"""What the report says of each frame and keypoint agrees with its metrics, and with what the engine did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import Estimate, Refinement, refine
from lsmplify_refine.job.report import plain
from lsmplify_refine.job.report_person import person_report
from lsmplify_refine.values.conventions import COCO17
from tests.support.scenes import scene


def with_keypoints(estimate: Estimate, change: Any) -> Estimate:
    assert estimate.keypoints is not None
    positions = estimate.keypoints.positions.copy()
    change(positions)
    return estimate.replace(keypoints=replace(estimate.keypoints, positions=positions))


def report(refinement: Refinement) -> dict[str, Any]:
    found: dict[str, Any] = plain(person_report(refinement))
    return found


@pytest.fixture(scope="module")
def refinement() -> Refinement:
    return refine(scene(60, noise_px=2.0, world=True), weights="none")


def test_keypoint_errors_have_the_metric_as_their_mean(refinement: Refinement) -> None:
    points = report(refinement)["per_keypoint"]
    assert points["name"] == list(COCO17.points) and points["seen_share"] == [1.0] * 17
    for stage, suffix in (("calibrated", "before"), ("refined", "after")):
        mean = np.mean(points[f"reprojection_px_coco17_{suffix}"])
        assert mean == pytest.approx(refinement.metrics[stage]["reprojection_px_coco17"], rel=1e-3)


def test_a_point_that_was_never_seen_has_no_error() -> None:
    estimate = scene(10)
    assert estimate.keypoints is not None
    confidence = estimate.keypoints.confidence.copy()
    confidence[:, 4], confidence[:5, 3] = 0, 0
    found = refine(estimate.replace(keypoints=replace(estimate.keypoints, confidence=confidence)), weights="none")
    points = report(found)["per_keypoint"]
    assert points["reprojection_px_coco17_after"][4] is None and points["seen_share"][3:5] == [0.5, 0.0]


def test_jitter_has_the_metric_as_its_mean_and_no_value_at_gaps() -> None:
    estimate = scene(60).replace(frame_ids=np.r_[0:30, 40:70])
    found = refine(estimate, weights="none")
    frames = report(found)["per_frame"]
    for stage, suffix in (("calibrated", "before"), ("refined", "after")):
        values = frames[f"jitter_10m_per_s3_{suffix}"]
        known = [value for value in values if value is not None]
        assert len(known) == 54 and values[:2] == [None, None] and values[29:32] == [None] * 3
        assert np.mean(known) == pytest.approx(found.metrics[stage]["jitter_10m_per_s3"], rel=1e-3)


def test_standing_feet_slide_as_the_metric_says(refinement: Refinement) -> None:
    frames, feet = report(refinement)["per_frame"], refinement.feet
    assert feet is not None and feet.stand.any()
    for stage, slide in (("calibrated", feet.slide_before), ("refined", feet.slide_after)):
        assert np.nanmean(slide) == pytest.approx(refinement.metrics[stage]["foot_slide_cm_per_s"], rel=1e-6)
    # in the order of `FEET`: ankles, then toes, left before right
    assert frames["left_foot_stands"] == (feet.stand[:, 0] | feet.stand[:, 2]).astype(int).tolist()
    assert frames["right_foot_stands"] == (feet.stand[:, 1] | feet.stand[:, 3]).astype(int).tolist()
    for row, mean in enumerate(frames["foot_slide_cm_per_s_after"]):
        stands = feet.stand[row]
        expected = feet.slide_after[row, stands].mean() if stands.any() else None
        assert mean == (None if expected is None else pytest.approx(expected, rel=1e-3))
    assert not feet.stand[-1].any(), "nobody knows what the last frame goes on to"


def test_without_a_world_no_foot_is_said_to_stand() -> None:
    found = refine(scene(8), weights="none")
    assert found.feet is None and "left_foot_stands" not in report(found)["per_frame"]


def test_swapped_sides_are_counted_where_they_were() -> None:
    def swap(positions: np.ndarray) -> None:
        positions[10:20] = positions[10:20, list(COCO17.mirror)]

    found = refine(with_keypoints(scene(40), swap), weights="none")
    assert "sides-swapped" in {note.code for note in found.notes} and found.repairs is not None
    frames, points = report(found)["per_frame"], report(found)["per_keypoint"]
    swapped = np.array(frames["keypoints_swapped"])
    assert (swapped[11:19] > 0).all() and not swapped[:9].any() and not swapped[21:].any()
    wrist = COCO17.points.index("left_wrist")
    assert points["swapped_share"][wrist] == pytest.approx(found.repairs.swapped[:, wrist].mean(), rel=1e-3)


def test_outliers_are_counted_as_distrusted() -> None:
    def jump(positions: np.ndarray) -> None:
        positions[15, 9] += 200

    clean, found = (refine(each, weights="none") for each in (scene(40), with_keypoints(scene(40), jump)))
    assert not any(report(clean)["per_frame"]["keypoints_distrusted"])
    frames, points = report(found)["per_frame"], report(found)["per_keypoint"]
    assert frames["keypoints_distrusted"][15] == 1 == sum(frames["keypoints_distrusted"])
    assert points["distrusted_share"][9] == pytest.approx(1 / 40, rel=1e-3)
