"""People are linked over time by their boxes: near ones are one person, far ones and long absent ones are not."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.formats.linking import ids_repeat, link_boxes, link_places, name_people, what_list_counts


def box(x: float) -> list[float]:
    return [x, 50.0, x + 100.0, 250.0]


def test_people_keep_their_numbers_whatever_the_order_in_a_frame() -> None:
    frames = [0, 0, 1, 1, 2, 2]
    boxes = np.array([box(0), box(400), box(405), box(10), box(20), box(410)])
    assert link_boxes(frames, boxes).tolist() == [0, 1, 1, 0, 0, 1]


def test_a_box_elsewhere_is_another_person() -> None:
    assert link_boxes([0, 1, 2], np.array([box(0), box(300), box(10)])).tolist() == [0, 1, 0]
    # beside each other: an overlap of a ninth
    assert link_boxes([0, 1], np.array([box(0), box(80)])).tolist() == [0, 1]


def test_who_was_away_for_long_is_a_new_person() -> None:
    assert link_boxes([0, 10], np.array([box(0), box(0)])).tolist() == [0, 0]
    assert link_boxes([0, 100], np.array([box(0), box(0)])).tolist() == [0, 1]


def test_of_two_boxes_the_nearer_one_is_taken() -> None:
    assert link_boxes([0, 1, 1], np.array([box(0), box(40), box(5)])).tolist() == [0, 1, 0]


def test_people_are_linked_by_place_without_boxes() -> None:
    places = np.array([[0, 0, 0], [2, 0, 0], [2.2, 0, 0], [0.1, 0, 0], [0.2, 0, 0.3], [9, 0, 0]])
    assert link_places([0, 0, 1, 1, 2, 2], places).tolist() == [0, 1, 1, 0, 0, 2]


def test_an_id_twice_in_a_frame_repeats() -> None:
    assert ids_repeat([0, 0, 1], ["a", "a", "b"])
    assert not ids_repeat([0, 0, 1], ["a", "b", "a"])


def test_gaps_in_ids_are_filled_from_the_nearest_frame_of_the_same_track() -> None:
    frames = [0, 0, 1, 1, 2]
    boxes = np.array([box(0), box(400), box(402), box(2), box(4)])
    assert name_people(frames, ["a", "b", "b", "a", "a"], boxes) == (["a", "b", "b", "a", "a"], False)
    assert name_people(frames, ["a", "b", "", "", ""], boxes) == (["a", "b", "b", "a", "a"], True)
    # taken in its frame, the id is no longer free
    assert name_people([0, 1, 1], ["a", "", "a"], np.array([box(0), box(1), box(400)])) == (
        ["a", "linked 0", "a"],
        True,
    )
    assert name_people(frames, ["a"] * 5, boxes) == (["0", "1", "1", "0", "0"], True)
    assert name_people([3, 3], ["", ""], boxes[:2]) == (["0", "1"], False)


def test_boxes_tell_what_a_list_counts() -> None:
    assert what_list_counts(np.array([box(0), box(300), box(600)])) == "people"
    assert what_list_counts(np.array([box(0), box(5), box(10)])) == "frames"
    assert what_list_counts(np.array([box(0), box(5), box(600)])) is None
