"""Keypoints: what a file writes for points that were not found."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine import Keypoints


@pytest.mark.parametrize("position", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_placeholders_have_no_confidence(position: float, dimensions: int) -> None:
    positions = np.ones((2, 17, dimensions))
    positions[0, 3] = position
    positions[1, 3, 0] = 0.0 if np.isfinite(position) else 1.0
    found = Keypoints("coco17", positions, np.full((2, 17), 0.9)).without_placeholders()
    assert found.confidence[0, 3] == 0 and found.confidence[1, 3] == 0.9
    assert (found.confidence == 0).sum() == 1


def test_confidence_that_is_nan_is_none() -> None:
    confidence = np.ones((1, 17))
    confidence[0, 2] = np.nan
    assert Keypoints("coco17", np.ones((1, 17, 2)), confidence).without_placeholders().confidence.sum() == 16


def test_the_pelvis_of_root_centred_keypoints_stays() -> None:
    positions = np.ones((2, 17, 3))
    positions[:, :2] = 0.0  # mid_hip and right_hip of h36m17
    found = Keypoints("h36m17", positions, np.ones((2, 17))).without_placeholders()
    assert found.confidence[:, 0].tolist() == [1, 1] and found.confidence[:, 1].tolist() == [0, 0]
    positions[1, 0] = 1.0
    found = Keypoints("h36m17", positions, np.ones((2, 17))).without_placeholders()
    assert found.confidence[:, 0].tolist() == [0, 1]
