"""The low-pass: no lag, gaps stay gaps, weights count."""

from __future__ import annotations

import functools
import itertools
import operator

import numpy as np
import pytest

from lsmplify_refine.geometry.smoothing import segments, smooth


@pytest.mark.parametrize("ids", [[0, 1, 2, 3], [0, 1, 5, 6, 7, 20]])
def test_segments_are_runs(ids: list[int]) -> None:
    runs = [ids[rows] for rows in segments(np.array(ids))]
    assert functools.reduce(operator.iadd, runs, []) == ids
    assert all(b - a == 1 for run in runs for a, b in itertools.pairwise(run))


def test_smoothing_has_no_lag_keeps_constants_and_fills_where_nothing_is_known() -> None:
    ids = np.arange(101)
    pulse = np.zeros((101, 2))
    pulse[50] = 1
    smoothed = smooth(pulse, ids, 30.0, 0.1)
    assert np.allclose(smoothed, smoothed[::-1]) and smoothed.argmax(0).tolist() == [50, 50]
    assert np.allclose(smooth(np.ones((101, 2)), ids, 30.0, 0.1), 1)
    assert smooth(pulse, ids, 30.0, 0.0) is pulse
    weights = np.ones((101, 1))
    values = np.ones((101, 2))
    weights[40:43], values[40:43] = 0, 0
    assert np.allclose(smooth(values, ids, 30.0, 0.1, weights), 1, atol=1e-4)
