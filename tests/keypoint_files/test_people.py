from __future__ import annotations

import numpy as np

from lsmplify_refine.keypoint_files.detections import Detection
from lsmplify_refine.keypoint_files.people import ids_repeat, link

SHAPE = np.random.default_rng(0).uniform(0, 100, (17, 2))
ALL_SEEN = np.ones(17)


def test_link_keeps_people_who_leave_and_come_back() -> None:
    frames = [
        Detection(frame, SHAPE + np.array([400 * person + 2 * frame, 0]), ALL_SEEN)
        for frame in range(30)
        for person in (0, 1)
        if person == 0 or not 5 <= frame < 25
    ]
    names = link(frames)
    people = [int(each.points.mean(axis=0)[0] > 300) for each in frames]
    assert {(name, person) for name, person in zip(names, people)} == {("0", 0), ("1", 1)}


def test_link_tells_a_newcomer_from_one_who_was_there() -> None:
    frames = [Detection(0, SHAPE, ALL_SEEN), Detection(1, SHAPE, ALL_SEEN), Detection(1, SHAPE + 500, ALL_SEEN)]
    assert link(frames) == ["0", "0", "1"]


def test_link_goes_on_with_the_old_one_where_somebody_was_found_twice() -> None:
    twice = [Detection(20, SHAPE + offset, ALL_SEEN) for offset in (3, -3)]
    frames = [Detection(frame, SHAPE, ALL_SEEN) for frame in range(40) if frame != 20]
    names = link(sorted([*frames, *twice], key=lambda each: each.frame))
    assert sorted(names)[:-1] == ["0"] * 40 and sorted(names)[-1] == "1"


def test_an_id_for_several_people_of_a_frame_identifies_nobody() -> None:
    apart = [Detection(0, SHAPE, ALL_SEEN), Detection(0, SHAPE + 400, ALL_SEEN), Detection(1, SHAPE, ALL_SEEN)]
    assert ids_repeat(apart, ["0", "0", "0"])
    assert not ids_repeat(apart, ["0", "1", "0"])
    found_twice = [Detection(0, SHAPE, ALL_SEEN), Detection(0, SHAPE + 3, ALL_SEEN)]
    assert not ids_repeat(found_twice, ["0", "0"])
    unseen = [Detection(0, SHAPE, ALL_SEEN), Detection(0, SHAPE + 400, 0 * ALL_SEEN)]
    assert not ids_repeat(unseen, ["0", "0"])
