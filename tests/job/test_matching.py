from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine.job.matching import assign_frames, assign_tracks, box_distances, distances

SHAPE = np.random.default_rng(0).uniform(0, 100, (17, 2))
STEPS = np.arange(6)[:, None, None] * 2.0
SEEN = np.ones((6, 17))
SIZE = float(np.linalg.norm(np.ptp(SHAPE, axis=0)))


def costs(detected: list[np.ndarray], expected: list[np.ndarray]) -> np.ndarray:
    """(P, N), track by track."""
    return np.array([np.concatenate([distances(points, SEEN, own) for points in detected]) for own in expected])


def tracks(detected: list[np.ndarray], expected: list[np.ndarray]) -> list[int | None]:
    return assign_tracks(costs(detected, expected), np.repeat(np.arange(len(detected)), 6), 6)


def test_distances_are_shares_of_the_size_where_both_are_known() -> None:
    points, confidence = SHAPE + STEPS, SEEN.copy()
    expected = points + np.array([0.1 * SIZE, 0])
    points[1, 3] = np.nan
    points[2, :8] += 1e4
    confidence[2, :8] = 0
    confidence[3] = 0
    expected[4] = np.nan
    assert distances(points, confidence, expected) == pytest.approx([0.1, 0.1, 0.1, np.inf, np.inf, 0.1])


def test_box_distances_fall_with_the_overlap() -> None:
    low, high = SHAPE.min(axis=0), SHAPE.max(axis=0)
    width = high[0] - low[0]
    boxes = np.array([[low[0] + x, low[1], high[0] + x, high[1]] for x in (0, width / 2, 2 * width, np.nan)])
    confidence = np.ones((5, 17))
    confidence[4] = 0
    apart = box_distances(np.stack([SHAPE] * 5), confidence, np.vstack([boxes, boxes[:1]]))
    assert apart == pytest.approx([0, 0.5 * 2 / 3, np.inf, np.inf, np.inf])


def test_tracks_go_to_the_nearest_person_once() -> None:
    here, there, elsewhere = (SHAPE + STEPS + offset for offset in (0, 300, 5000))
    noise = np.random.default_rng(1).normal(0, 3, here.shape)
    assert tracks([there + noise, here + noise], [here, there]) == [1, 0]
    assert tracks([there, here], [elsewhere, here]) == [None, 1]
    assert tracks([there, here], [np.full_like(here, np.nan)]) == [None]


def test_of_two_tracks_that_fit_the_longer_one_counts() -> None:
    here = SHAPE + STEPS
    short = np.where(STEPS < 4, here, np.nan)
    assert tracks([short, here + 2], [here]) == [1]


def test_frames_are_given_out_one_by_one() -> None:
    """A tracker exchanges two people half way; one frame has nobody, one a stranger in the neighbourhood."""
    here, there = SHAPE + STEPS, SHAPE + STEPS + 300
    one, other = (np.concatenate([a[:3], b[3:]]) for a, b in ((here, there), (there, here)))
    one[1] = np.nan
    one[2] += 0.3 * SIZE
    found = assign_frames(costs([one, other], [here, there]), np.tile(np.arange(6), 2), 6)
    assert np.where(found < 0, -1, found // 6).tolist() == [[0, -1, -1, 1, 1, 1], [1, 1, 1, 0, 0, 0]]
    assert (found[found >= 0] % 6).tolist() == [0, 3, 4, 5, 0, 1, 2, 3, 4, 5]
