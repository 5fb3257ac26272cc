"""AIST++'s 3D keypoints: centimetres, 60 fps, points that no camera saw."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import load_tracks
from tests.support.dataset_motion import record
from tests.support.sports_files import AIST_SCALING, AIST_SEQUENCE, write_aistpp


def test_metres_of_the_dancer(tmp_path: Path) -> None:
    clip = record(still=True, size=(1920, 1080))
    write_aistpp(tmp_path, clip)
    (track,) = load_tracks(tmp_path / "keypoints3d" / f"{AIST_SEQUENCE}.pkl")
    assert track.fps == 60.0 and track.keypoints.convention == "coco17"
    assert np.argwhere(track.keypoints.confidence == 0).tolist() == [[4, 9]]
    found, true = track.keypoints.positions, clip.points("coco17")
    for a, b in ((5, 11), (6, 12), (11, 13), (13, 15)):
        expected = AIST_SCALING / 100 * np.linalg.norm(true[:, a] - true[:, b], axis=-1)
        np.testing.assert_allclose(np.linalg.norm(found[:, a] - found[:, b], axis=-1), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("content", "convention", "expected"),
    [
        ({"keypoints2d": np.zeros((9, 4, 17, 3)), "timestamps": np.zeros(4)}, None, "of nine cameras in one file"),
        ({"keypoints3d": np.zeros((4, 24, 3))}, None, r"keypoints3d: expected points \(T, 17, 3\)"),
        ({"keypoints3d": np.zeros((4, 17, 3)), "keypoints3d_optim": np.zeros((5, 17, 3))}, None, "differ in length"),
        ({"keypoints3d": np.zeros((4, 17, 3))}, "h36m17", "are coco17, not h36m17"),
    ],
)
def test_what_does_not_fit_is_said(
    content: dict[str, np.ndarray], convention: str | None, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "k.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=expected):
        load_tracks(tmp_path / "k.pkl", convention=convention)
