"""Detections are linked by the least total distance within reach."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine import InputError
from lsmplify_refine.geometry.linking import Reach, link_detections

REACH = Reach(0.4, growth=0.2, frames=30)


def linked(frames: list[int], at: list[float], reach: Reach = REACH) -> list[int]:
    """Tracks of detections on a line."""
    places = np.array(at)
    found = link_detections(
        np.array(frames), lambda rows, others: np.abs(places[rows][:, None] - places[others][None]), reach
    )
    return [int(track) for track in found]


def test_the_least_total_distance_decides() -> None:
    # taking the nearest pair first, 0.2 and 0.15, would exchange the two
    assert linked([0, 0, 1, 1], [0.0, 0.2, 0.15, 0.35]) == [0, 1, 0, 1]


def test_a_row_of_people_keeps_its_names_while_one_leaves_and_another_comes() -> None:
    """Without a limit of the costs, moving everybody up by one place costs as much as one far newcomer."""
    assert linked([0, 0, 0, 1, 1, 1], [0.0, 1.0, 2.0, 1.02, 2.02, 3.0]) == [0, 1, 2, 1, 2, 3]


def test_people_may_move_further_over_a_gap_but_not_be_away_for_ever() -> None:
    assert linked([0, 0, 1, 6], [0.0, 9.0, 9.0, 0.7]) == [0, 1, 1, 0]
    assert linked([0, 0, 1, 2], [0.0, 9.0, 9.0, 0.7]) == [0, 1, 1, 2]
    assert linked([0, 0, 1, 40], [0.0, 9.0, 9.0, 0.0]) == [0, 1, 1, 2]


def test_frames_may_come_in_any_order() -> None:
    assert linked([2, 0, 1, 0, 2], [0.2, 0.0, 0.1, 5.0, 5.0]) == [0, 0, 0, 1, 1]


def test_an_older_track_wins_over_a_new_one_unless_it_is_out_of_reach() -> None:
    reach = Reach(0.4, growth=0.2, frames=30, handicap=0.2)
    frames = [*range(12), 12, 12, 13]
    assert linked(frames, [0.0] * 12 + [0.1, -0.02, 0.06], reach)[-3:] == [1, 0, 0]
    assert linked(frames, [0.0] * 12 + [5.0, 0.0, 5.25], reach)[-1] == 1


@pytest.mark.parametrize("nothing", [np.inf, np.nan])
def test_what_cannot_be_compared_is_not_linked(nothing: float) -> None:
    found = link_detections(np.array([0, 1]), lambda rows, others: np.full((1, 1), nothing), REACH)
    assert found.tolist() == [0, 1]


def test_too_many_people_in_a_frame_are_refused() -> None:
    with pytest.raises(InputError, match="frame 3: 501 people without ids; at most 500"):
        linked([3] * 501, [0.0] * 501)
