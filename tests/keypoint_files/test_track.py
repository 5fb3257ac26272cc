"""Rows of a track for a video's frames, at the same rate and at others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.values.keypoints import Keypoints

SPEED = np.array([1.0, -2.0, 0.5])  # metres a second


def walking(ids: np.ndarray, fps: float, missing: Any = (), start: float = 0.0) -> KeypointTrack:
    """Points that move steadily, in a file whose first frame is `start` seconds after the video's."""
    points = ((ids - ids[0]) / fps + start)[:, None, None] * SPEED + np.arange(17)[:, None]
    confidence = np.ones((len(ids), 17))
    for row, point in missing:
        points[row, point], confidence[row, point] = np.nan, 0.0
    return KeypointTrack(Keypoints("coco17", points, confidence, "k.trc"), ids, numbered=True, fps=fps)


def expected(frames: np.ndarray, fps: float) -> np.ndarray:
    points: np.ndarray = (frames / fps)[:, None, None] * SPEED + np.arange(17)[:, None]
    return points


@pytest.mark.parametrize("rate", [15.0, 50.0, 100.0, 120.0, 240.0])
@pytest.mark.parametrize("first", [0, 500])
def test_another_rate_is_interpolated_in_time(rate: float, first: int) -> None:
    """Cut out of a longer recording or not: a file as long as the video begins where it begins."""
    frames = np.arange(60)
    found = walking(np.arange(first, first + round(2 * rate)), rate).at(frames, 30.0)
    seen = found.confidence[:, 0] > 0
    assert seen[:-2].all() and not found.positions[~seen].any()
    np.testing.assert_allclose(found.positions[seen], expected(frames, 30.0)[seen], atol=1e-5)
    assert found.source == f"k.trc ({rate:g} fps, interpolated to 30)"


def test_points_that_no_body_follows_are_named_as_not_used() -> None:
    keypoints = Keypoints("mhr70", np.ones((1, 70, 3)), np.ones((1, 70)))
    mapping = KeypointTrack(keypoints, np.arange(1)).mapping(BodyModel.open().point_origins("mhr70"))
    assert "left_index1" in mapping.used and mapping.missing == ()
    assert {"left_index_tip", "right_acromion"} <= set(mapping.unmapped)
    assert len(mapping.used) + len(mapping.unmapped) == 70


def test_nothing_is_interpolated_across_gaps_or_missing_points() -> None:
    ids = np.delete(np.arange(200), slice(50, 71))  # 100 fps, nothing between 0.49 and 0.71 s
    # frame 5 of 25 fps is sample 20; frame 6 of 30 fps would lie between two
    found = walking(ids, 100.0, missing=[(20, 3), (34, 4)]).at(np.arange(60), 30.0)
    there = found.confidence > 0
    lost = [frame for frame in range(60) if 49.02 < frame * 100 / 30 < 70.98]
    assert there[:, 0].nonzero()[0].tolist() == [frame for frame in range(60) if frame not in lost]
    assert np.flatnonzero(~there[:, 3]).tolist() == [6, *lost]  # at sample 20
    assert np.flatnonzero(~there[:, 4]).tolist() == [10, *lost]  # at 33.3
    np.testing.assert_allclose(found.positions[there], expected(np.arange(60), 30.0)[there], atol=1e-5)


def test_frames_outside_the_recording_are_missing() -> None:
    found = walking(np.arange(100), 100.0).at(np.arange(90), 30.0)
    assert (found.confidence[:, 0] > 0).nonzero()[0].tolist() == list(range(30))


def test_a_track_with_gaps_gets_its_own_times() -> None:
    frames = np.array([3, 4, 40, 41])
    found = walking(np.arange(600), 120.0).at(frames, 30.0)
    np.testing.assert_allclose(found.positions, expected(frames, 30.0), atol=1e-5)


@pytest.mark.parametrize("rate", [None, 29.97, 30.0])
def test_the_same_rate_is_taken_frame_by_frame(rate: float | None) -> None:
    track = walking(np.arange(5, 25), 30.0)
    for first in (0, 4, 40):  # rows without numbers, a file that counts from 1, a file that counts from elsewhere
        assert np.array_equal(track.at(np.arange(first, first + 20), rate).positions, track.keypoints.positions)
    # numbers that mean the same video's frames
    shifted = track.at(np.arange(10, 30), rate)
    np.testing.assert_allclose(shifted.positions[:15], track.keypoints.positions[5:], atol=1e-5)
    assert (shifted.confidence[15:] == 0).all()
    with pytest.raises(InputError, match="its frames are 5 to 24"):
        walking(np.arange(5, 25), 30.0).at(np.array([0, *range(50, 69)]), rate)
    assert (track.at(np.arange(10, 40), rate).confidence[:, 0] > 0).sum() == 15


def test_as_many_rows_as_frames_are_those_frames() -> None:
    track = walking(np.arange(30), 100.0)
    assert track.at(np.arange(30), 30.0) is track.keypoints


def test_another_time_is_said() -> None:
    with pytest.raises(InputError, match=r"k\.trc: lasts from 5 to 5\.99 s at its 100 fps, the parameters from 0 to 2"):
        walking(np.arange(500, 600), 100.0).at(np.arange(61), 30.0)
