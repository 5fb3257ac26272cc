"""The shapes in types are checked at run time in tests."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rigid import Rigid


@pytest.mark.parametrize(
    ("points", "K"),
    [
        (np.zeros((4, 5, 2)), np.zeros((4, 3, 3))),  # not in space
        (np.zeros((4, 5, 3)), np.zeros((1, 3, 3))),  # another number of frames
        (np.zeros((4, 5, 3), np.int64), np.zeros((4, 3, 3))),  # not real numbers
    ],
)
def test_a_wrong_shape_fails(points: np.ndarray, K: np.ndarray) -> None:
    with pytest.raises(TypeCheckError):
        project_to_image(points, K)


def test_a_dataclass_of_fields_that_do_not_fit_fails() -> None:
    with pytest.raises(TypeCheckError):
        Rigid(np.zeros((4, 3, 3)), np.zeros((5, 3)), 1.0, np.ones(4, dtype=bool))


def test_the_right_shape_passes() -> None:
    assert project_to_image(np.ones((4, 5, 3)), np.ones((4, 3, 3))).shape == (4, 5, 2)
