"""Image border: the size of the image, stated or inferred."""

from __future__ import annotations

import numpy as np

from lsmplify_refine import Camera, Keypoints
from lsmplify_refine.engine.image_border import image_size, inset_px

K = np.tile([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]], (2, 1, 1))


def keypoints(at: float) -> Keypoints:
    return Keypoints("coco17", np.full((2, 17, 2), at), np.ones((2, 17)))


def test_the_size_is_stated_or_inferred_from_the_principal_point() -> None:
    assert image_size(Camera(K, (1920, 1080)), keypoints(100.0)) == (1920, 1080)
    assert image_size(Camera(K), keypoints(100.0)) == (640, 480)


def test_a_principal_point_that_is_not_the_centre_says_nothing() -> None:
    assert image_size(Camera(K), keypoints(700.0)) is None
    assert image_size(Camera(K * [[1, 1, 0], [1, 1, 0], [1, 1, 1]]), keypoints(100.0)) is None


def test_inset_is_the_distance_from_the_nearest_border() -> None:
    points = np.array([[10.0, 200], [630, 200], [300, 5], [300, 475], [-7, 200], [300, 490]])
    assert inset_px(points, (640, 480)).tolist() == [10, 10, 5, 5, -7, -10]
