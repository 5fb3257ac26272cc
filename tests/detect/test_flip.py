from __future__ import annotations

import numpy as np

from lsmplify_refine.detect.flip import detect_flipped
from lsmplify_refine.values.conventions import COCO17

WIDTH = 200
IMAGE = np.zeros((100, WIDTH, 3), np.uint8)
PERSON = np.column_stack([np.random.default_rng(0).uniform(20, 90, (17, 2)), np.full(17, 0.8)])
NOBODY = np.zeros((0, 17, 3))


def in_mirror(person: np.ndarray) -> np.ndarray:
    """How a perfect detector sees the person in the mirror image: other places, other sides."""
    return (person * [-1, 1, 1] + [WIDTH, 0, 0])[list(COCO17.mirror)]


def found(*calls: np.ndarray) -> np.ndarray:
    """What comes of a detector's findings in the image and in the mirror image."""
    remaining = iter(calls)
    return detect_flipped(lambda image: next(remaining).copy(), IMAGE, COCO17.mirror)


def test_the_mirror_image_is_a_mirror_image() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    images: list[np.ndarray] = []

    def detect(seen: np.ndarray) -> np.ndarray:
        images.append(seen)
        return NOBODY

    assert len(detect_flipped(detect, image, COCO17.mirror)) == 0
    np.testing.assert_array_equal(images[0], image)
    np.testing.assert_array_equal(images[1], image[:, ::-1])


def test_agreement_keeps_the_person() -> None:
    np.testing.assert_allclose(found(PERSON[None], in_mirror(PERSON)[None]), PERSON[None])


def test_what_they_disagree_on_loses_confidence() -> None:
    other = PERSON.copy()
    other[9, :2] += 0.1 * np.linalg.norm(np.ptp(PERSON[:, :2], axis=0)) / np.sqrt(2)
    (person,) = found(PERSON[None], in_mirror(other)[None])
    np.testing.assert_allclose(person[9, :2], (PERSON[9, :2] + other[9, :2]) / 2)
    np.testing.assert_allclose(person[9, 2], 0.8 / 5)
    np.testing.assert_allclose(np.delete(person[:, 2], 9), 0.8)


def test_who_is_found_once_is_kept_at_half() -> None:
    far = PERSON + np.array([60, 0, 0])
    np.testing.assert_allclose(found(PERSON[None], NOBODY), PERSON[None] * [1, 1, 0.5])
    np.testing.assert_allclose(found(NOBODY, in_mirror(PERSON)[None]), PERSON[None] * [1, 1, 0.5])
    people = found(np.stack([PERSON, far]), in_mirror(PERSON)[None])
    np.testing.assert_allclose(people, [PERSON, far * [1, 1, 0.5]])


def test_sides_that_are_mixed_up_are_not_averaged() -> None:
    swapped = PERSON[list(COCO17.mirror)]
    people = found(PERSON[None], in_mirror(swapped)[None])
    np.testing.assert_allclose(people, np.stack([PERSON, swapped]) * [1, 1, 0.5])
