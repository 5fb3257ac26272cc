"""Which of several people in keypoints is meant."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.keypoint_files.choose import choose_tracks
from lsmplify_refine.values.keypoints import Keypoints


def person(name: str, size: float, frames: int = 20, dimensions: int = 2) -> KeypointTrack:
    points = np.random.default_rng(0).uniform(0, size, (frames, 17, dimensions))
    keypoints = Keypoints("coco17", points, np.ones((frames, 17)), "k.json")
    return KeypointTrack(keypoints, np.arange(frames), person=name)


def test_the_nearest_is_the_largest_in_the_image_who_stays() -> None:
    far, near, passer_by = person("far", 80), person("near", 200), person("passer-by", 900, frames=3)
    assert choose_tracks([far, near, passer_by], "nearest") == [near]
    assert choose_tracks([far, near], "all") == [far, near] and choose_tracks([far, near], "far") == [far]


def test_points_in_space_need_cameras_to_tell_who_is_near() -> None:
    people = [person("a", 2, dimensions=3), person("b", 2, dimensions=3)]
    assert choose_tracks(people, "nearest", nearest_first=True) == people[:1]
    assert choose_tracks(people[1:], "nearest") == people[1:]
    with pytest.raises(InputError, match=r"--person nearest: k\.json has points in space, .*choose one: --person a, b"):
        choose_tracks(people, "nearest")
