from __future__ import annotations

import numpy as np

from lsmplify_refine.keypoint_files import match_people, swapped_sides
from lsmplify_refine.keypoint_files.detections import Detection
from lsmplify_refine.keypoint_files.people import link
from lsmplify_refine.keypoints import BODY25, COCO17
from tests.engine.rooms import true_points

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


def test_match_people_finds_each_person_once() -> None:
    steps = np.arange(6)[:, None, None] * 2.0
    here, there, elsewhere = (SHAPE + steps + offset for offset in (0, 300, 5000))
    absent = np.full_like(here, np.nan)
    noise = np.random.default_rng(1).normal(0, 3, here.shape)
    weights = [np.ones(here.shape[:2])] * 2
    assert match_people([there + noise, here + noise], weights, [here, there]) == [1, 0]
    assert match_people([there, here], weights, [elsewhere, here]) == [None, 1]
    assert match_people([there, here], weights, [absent]) == [None]


def test_swapped_sides() -> None:
    points = true_points(20)
    noisy = points + np.random.default_rng(0).normal(0, 0.02, points.shape)
    swapped = noisy.copy()
    swapped[5:15] = swapped[5:15][:, list(BODY25.mirror)]
    seen = np.ones(points.shape[:2])
    found = swapped_sides(swapped + 3, seen, points, BODY25.mirror)
    assert found.tolist() == [5 <= frame < 15 for frame in range(20)]
    assert not swapped_sides(swapped, np.zeros_like(seen), points, BODY25.mirror).any()
    assert not swapped_sides(noisy[..., :2], seen, points[..., :2], BODY25.mirror).any()
    assert len(COCO17.mirror) == 17
