from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import load_keypoints


def points(count: int, frames: int = 4) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 0.9, (frames, count, 3)).astype(np.float32)


def points_4(count: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 0.9, (4, count, 4)).astype(np.float32)


def written(path: Path, value: object) -> Path:
    if path.suffix == ".pt":
        torch.save(value, path)
    elif path.suffix == ".npy":
        np.save(path, value)  # type: ignore[arg-type]
    else:
        np.savez(path, **value)  # type: ignore[arg-type]
    return path


NAMED_25 = {"convention": "body25", "positions": points(25)[..., :2], "confidence": points(25)[..., 2]}


@pytest.mark.parametrize(
    ("name", "value", "convention"),
    [
        ("k.pt", torch.as_tensor(points(17)), "coco17"),
        ("k.npy", points(17), "coco17"),
        ("k.npy", points(25), "body25"),
        ("k.npz", NAMED_25, "body25"),
    ],
)
def test_reads(name: str, value: object, convention: str, tmp_path: Path) -> None:
    keypoints = load_keypoints(written(tmp_path / name, value))
    expected = points(17 if convention == "coco17" else 25)
    assert keypoints.convention == convention and keypoints.source == name
    assert np.array_equal(keypoints.positions, expected[..., :2])
    assert np.array_equal(keypoints.confidence, expected[..., 2])


def test_reads_3d_and_assumes_full_confidence(tmp_path: Path) -> None:
    keypoints = load_keypoints(written(tmp_path / "k.npz", {"convention": "coco17", "positions": points(17)}))
    assert keypoints.positions.shape == (4, 17, 3) and (keypoints.confidence == 1).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("k.npy", points_4(25)),
        ("k.pt", torch.as_tensor(points_4(25))),
        ("k.npz", {"convention": "body25", "keypoints3d": points_4(25)}),
        (
            "k.npz",
            {"convention": "body25", "keypoints3d": points_4(25)[..., :3], "confidence": points_4(25)[..., 3]},
        ),
    ],
)
def test_reads_3d_with_confidence(name: str, value: object, tmp_path: Path) -> None:
    keypoints = load_keypoints(written(tmp_path / name, value))
    assert keypoints.convention == "body25" and keypoints.is_3d
    assert np.array_equal(keypoints.positions, points_4(25)[..., :3])
    assert np.array_equal(keypoints.confidence, points_4(25)[..., 3])


def test_confidence_is_brought_into_range(tmp_path: Path) -> None:
    array = points(17)
    array[0, :4, 2] = [1.017, -0.1, np.nan, np.inf]
    array[0, 4, 0] = np.nan
    confidence = load_keypoints(written(tmp_path / "k.npy", array)).confidence
    assert confidence[0, :5].tolist() == [1, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("k.npy", points(18), r"shape \(4, 18, 3\); expected"),
        ("k.npy", points(17)[..., :2], r"shape \(4, 17, 2\); expected"),
        ("k.npy", points(17, frames=0), r"shape \(0, 17, 3\); expected"),
        ("k.npy", np.full((2, 17, 3), "a"), "expected numbers"),
        ("k.npy", np.zeros((2, 17, 5)), r"shape \(2, 17, 5\); expected .* x, y, z in metres"),
        ("k.npz", {"positions": points(17)}, "lacks convention"),
        ("k.npz", {"convention": "coco17"}, r"lacks positions \(or keypoints3d\)"),
        ("k.npz", {**NAMED_25, "keypoints3d": points(25)}, "both positions and keypoints3d"),
        ("k.npz", {"convention": "coco17", "keypoints3d": points(17)[..., :2]}, r"keypoints3d: shape \(4, 17, 2\)"),
        ("k.npz", {"convention": "coco17", "positions": points_4(17)}, r"positions: shape \(4, 17, 4\)"),
        (
            "k.npz",
            {"convention": "coco17", "keypoints3d": points_4(17), "confidence": np.ones((4, 17))},
            "holds a confidence already",
        ),
        ("k.npz", {"convention": "coco18", "positions": points(17)}, "'coco18' is not known; known: coco17"),
        ("k.npz", {"convention": "coco17", "positions": points(25)}, r"positions: shape \(4, 25, 3\)"),
        (
            "k.npz",
            {"convention": "coco17", "positions": points(17), "confidence": np.ones(3)},
            "confidence: shape",
        ),
        ("k.pt", {"a": 1}, "not a keypoint file"),
    ],
)
def test_bad_files_are_named(name: str, value: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_keypoints(written(tmp_path / name, value))
    assert str(tmp_path / name) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such keypoint file"):
        load_keypoints(tmp_path / "none.pt")
