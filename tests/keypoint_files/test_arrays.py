from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import load_keypoints, load_tracks


def points(count: int, frames: int = 4) -> np.ndarray:
    """x, y in pixels, confidence."""
    return np.random.default_rng(0).uniform(0, [900, 900, 0.9], (frames, count, 3)).astype(np.float32)


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
    array = points(25)
    array[0, :4, 2] = [1.017, -0.1, np.nan, np.inf]
    array[0, 4, 0] = np.nan
    confidence = load_keypoints(written(tmp_path / "k.npy", array)).confidence
    assert confidence[0, :5].tolist() == [1, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("k.npy", points(19), "no known convention has 19 points"),
        ("k.npy", points(17), "17 points may be coco17, h36m17; choose one with --keypoint-convention"),
        ("k.npy", points(32), "32 points may be h36m32, kinect32; choose one with --keypoint-convention"),
        ("k.npy", points(25, frames=0), r"shape \(0, 25, 3\); expected"),
        ("k.npy", np.full((2, 25, 3), "a"), "expected numbers"),
        ("k.npy", np.zeros((2, 25, 5)), "five numbers per point"),
        ("k.npy", np.zeros((2, 25, 6)), r"shape \(2, 25, 6\); expected"),
        ("k.npy", points(25) * [0.001, 0.001, 1], "may be x, y, confidence or x, y, z"),
        ("k.npy", points(33) * [0.001, 0.001, 1], "normalised image coordinates; give --video"),
        ("k.pt", torch.zeros(2, 17, 5), r"shape \(2, 17, 5\); expected .* x, y, z in metres"),
        ("k.npz", {"positions": points(17)}, "lacks convention"),
        ("k.npz", {"a": points(17), "b": points(17)}, r"lacks convention and positions"),
        ("k.npz", {"convention": "coco17"}, r"lacks positions \(or keypoints3d\)"),
        ("k.npz", {**NAMED_25, "keypoints3d": points(25)}, "both positions and keypoints3d"),
        ("k.npz", {"convention": "coco17", "keypoints3d": points(17)[..., :2]}, r"keypoints3d: shape \(4, 17, 2\)"),
        ("k.npz", {"convention": "coco17", "positions": points_4(17)}, r"positions: shape \(4, 17, 4\)"),
        (
            "k.npz",
            {"convention": "coco17", "keypoints3d": points_4(17), "confidence": np.ones((4, 17))},
            "hold a confidence",
        ),
        ("k.npz", {"convention": "coco19", "positions": points(17)}, "'coco19' is not known; known: coco17"),
        ("k.npz", {**NAMED_25, "frame_ids": np.array([0, 1, 1, 2])}, "frame numbers do not ascend"),
        ("k.npz", {**NAMED_25, "frame_ids": np.arange(3)}, "frame_ids: int64 of shape"),
        ("k.npz", {**NAMED_25, "people": np.array(["a", "b"])}, "people: 2 ids; expected 1"),
        ("k.npz", {"convention": "coco17", "positions": points(25)}, "positions: 25 points; coco17 has 17"),
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


IN_METRES = np.random.default_rng(2).normal(0, 0.5, (4, 33, 3))


@pytest.mark.parametrize(
    ("array", "options", "convention", "expected", "unmapped"),
    [
        (points(17), {"convention": "coco17"}, "coco17", points(17)[..., :2], 0),
        (IN_METRES[:, :17], {"convention": "h36m17"}, "h36m17", IN_METRES[:, :17], 0),
        (IN_METRES[:, :24], {}, "smpl24", IN_METRES[:, :24], 0),
        (points(133), {}, "coco65", np.delete(points(133), range(23, 91), axis=1)[..., :2], 1),
        (points(133), {"convention": "coco23"}, "coco65", np.delete(points(133), range(23, 91), axis=1)[..., :2], 1),
        (points(65), {}, "body25", points(65)[:, :25, :2], 1),
        (points(65), {"convention": "coco65"}, "coco65", points(65)[..., :2], 0),
        (IN_METRES[:, :25], {"convention": "kinect25"}, "kinect25", IN_METRES[:, :25], 0),
        (IN_METRES[:, :25], {}, "body25", IN_METRES[:, :25], 0),
        # HumanML3D and MDM
        (IN_METRES[:, :22], {}, "smpl22", IN_METRES[:, :22], 0),
        (IN_METRES[:, :14], {}, "lsp14", IN_METRES[:, :14], 0),
        (IN_METRES[:, :32], {"convention": "kinect32"}, "kinect32", IN_METRES[:, :32], 0),
        (points(33), {}, "mediapipe33", points(33)[..., :2], 0),
        # freemocap: millimetres, the hands and face behind the body
        (np.tile(IN_METRES, (1, 17, 1))[:, :553] * 1000, {}, "mediapipe33", IN_METRES, 1),
        # MediaPipe's own: a share of the image, or metres about the hips
        (
            points(33) / [900, 900, 1],
            {"image_size": (1280, 720)},
            "mediapipe33",
            points(33)[..., :2] / 900 * [1280, 720],
            0,
        ),
        (IN_METRES - IN_METRES[:, 23:25].mean(1, keepdims=True), {}, "mediapipe33", None, 0),
    ],
)
def test_bare_arrays(
    array: np.ndarray,
    options: dict[str, Any],
    convention: str,
    expected: np.ndarray | None,
    unmapped: int,
    tmp_path: Path,
) -> None:
    (track,) = load_tracks(written(tmp_path / "k.npy", array), **options)
    expected = array if expected is None else expected
    assert track.keypoints.convention == convention and len(track.unmapped) == unmapped
    assert np.allclose(track.keypoints.positions, expected, rtol=1e-4, atol=1e-4)


def test_an_npz_of_one_array_is_read_like_the_same_npy(tmp_path: Path) -> None:
    """VideoPose3D's predictions."""
    path = written(tmp_path / "k.npz", {"arr_0": IN_METRES[:, :17]})
    (track,) = load_tracks(path, convention="h36m17")
    (same,) = load_tracks(written(tmp_path / "k.npy", IN_METRES[:, :17]), convention="h36m17")
    assert np.array_equal(track.keypoints.positions, same.keypoints.positions) and track.keypoints.is_3d
    with pytest.raises(InputError, match="17 points may be coco17, h36m17"):
        load_tracks(path)


def test_mediapipes_hands_have_no_visibility(tmp_path: Path) -> None:
    """Its message has 0 there, which does not mean that the hand was not found; a hand at the origin was not."""
    array = np.ones((3, 75, 4))
    array[..., :2] = points(75, 3)[..., :2] / 900
    array[:, 33:, 3] = 0
    array[1, 54:] = 0
    (track,) = load_tracks(written(tmp_path / "k.npy", array), image_size=(900, 900))
    for hand, seen in ((track.keypoints.hand("left"), [1, 1, 1]), (track.keypoints.hand("right"), [1, 0, 1])):
        assert hand is not None and (hand[1] == np.array(seen)[:, None]).all()


def test_npz_of_people_with_frame_numbers(tmp_path: Path) -> None:
    both = np.stack([points(25), points(25) + 5])
    content = {
        "convention": "body25", "positions": both[..., :2], "people": np.array(["a", "b"]), "frame_ids": [3, 4, 7, 9],
    }  # fmt: skip
    tracks = load_tracks(written(tmp_path / "k.npz", content))
    assert sorted(track.person for track in tracks) == ["a", "b"]
    assert all(track.identified and track.frame_ids.tolist() == [3, 4, 7, 9] for track in tracks)
    with pytest.raises(InputError, match="2 people; expected one"):
        load_keypoints(tmp_path / "k.npz")


@pytest.mark.parametrize("placeholder", [(0.0, 0.0), (-1.0, -1.0), (np.nan, np.nan)])
def test_placeholders_have_no_confidence_whatever_the_file_says(
    placeholder: tuple[float, float], tmp_path: Path
) -> None:
    positions = points(25)[..., :2]
    positions[1, 7] = placeholder
    content = {"convention": "body25", "positions": positions, "confidence": np.full(positions.shape[:2], 0.9)}
    confidence = load_keypoints(written(tmp_path / "k.npz", content)).confidence
    assert confidence[1, 7] == 0 and (confidence == 0).sum() == 1
