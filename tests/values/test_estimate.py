from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lsmplify_refine import Camera, Estimate, InputError, Keypoints
from lsmplify_refine.values.conventions import CONVENTIONS


def fields(frames: int = 4) -> dict[str, Any]:
    return {
        "family": "smplx",
        "gender": "neutral",
        "global_orient": np.zeros((frames, 3)),
        "body_pose": np.zeros((frames, 21, 3)),
        "betas": np.zeros((frames, 10)),
        "transl": np.zeros((frames, 3)),
    }


def test_frame_ids_count_from_zero() -> None:
    assert Estimate(**fields()).frame_ids.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"body_pose": np.zeros((4, 23, 3))}, "body_pose has shape"),
        ({"transl": np.zeros((3, 3))}, "transl has shape"),
        ({"transl": np.full((4, 3), np.nan)}, "NaN or infinite values \\(first in row 0\\)"),
        ({"transl": np.full((4, 3), 1e30)}, r"values beyond 1e\+06 \(first in row 0\)"),
        ({"frame_ids": np.arange(5)}, "frame_ids must be 4 frame numbers"),
        ({"frame_ids": np.arange(4) - 1}, "frame_ids must be 4 frame numbers"),
        ({"fps": 1e7}, "frames per second"),
        ({"contacts": np.zeros((4, 6))}, r"contacts must be \(4, 4\) probabilities"),
        ({"contacts": np.full((4, 4), 1.2)}, "probabilities from 0 to 1"),
        ({"contacts": np.full((4, 4), np.nan)}, "probabilities from 0 to 1"),
        (fields(0), "zero frames"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Estimate(**(fields() | changes))


def test_whole_numbers_become_floats() -> None:
    assert Estimate(**(fields() | {"transl": np.ones((4, 3), int)})).transl.dtype == np.float32


@pytest.mark.parametrize(
    ("row", "column", "value"), [(0, 0, 0.0), (1, 1, -5.0), (2, 2, 0.0), (0, 2, np.inf), (0, 0, 1e-300)]
)
def test_a_camera_that_sees_nothing_is_refused(row: int, column: int, value: float) -> None:
    K = np.tile([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]], (4, 1, 1))
    K[2, row, column] = value
    with pytest.raises(InputError, match="the camera's intrinsics must be"):
        Camera(K)


@pytest.mark.parametrize(
    ("convention", "positions", "confidence", "message"),
    [
        ("openpose", (4, 17, 2), (4, 17), "not known; known: coco17"),
        ("coco17", (4, 25, 2), (4, 25), "expected \\(T, 17"),
        ("body25", (4, 25, 4), (4, 25), "expected \\(T, 25"),
        ("coco17", (4, 17, 2), (3, 17), "confidence has shape"),
    ],
)
def test_keypoints_that_do_not_fit_are_refused(
    convention: str, positions: tuple[int, ...], confidence: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Keypoints(convention, np.zeros(positions), np.zeros(confidence))


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_mirroring_twice_is_identity_and_swaps_sides(name: str) -> None:
    convention = CONVENTIONS[name]
    mirror = convention.mirror
    assert [mirror[i] for i in mirror] == list(range(len(mirror)))
    for point, other in zip(convention.points, mirror):
        assert point.replace("left", "right") == convention.points[other].replace("left", "right")
        assert ("left" in point) == ("right" in convention.points[other])
    assert all(a != b and max(a, b) < len(convention.points) for a, b in convention.edges)
