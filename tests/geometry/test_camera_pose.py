from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.camera_pose import recover_camera
from lsmplify_refine.geometry.projection import default_intrinsics
from lsmplify_refine.values.keypoints import Keypoints

FPS = 30.0


def moving_body(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(T, 17, 3) points of a person's size that turn, walk and wave, metres, y up."""
    rest = rng.uniform([-0.4, 0.0, -0.2], [0.4, 1.7, 0.2], (17, 3))
    time = np.arange(frames) / FPS
    turn = Rotation.from_rotvec(np.outer(0.8 * time, [0.0, 1.0, 0.0])).as_matrix()
    wave = 0.1 * np.sin(2 * np.pi * (time[:, None, None] + rng.uniform(0, 1, (17, 3))))
    walk = np.stack([0.5 * np.sin(time), 0 * time, 0.3 * np.cos(time)], axis=1)
    points: np.ndarray = np.einsum("tij,tkj->tki", turn, rest + wave) + walk[:, None]
    return points


def moving_camera(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """A camera 4 m away that pans and dollies; image y points down."""
    time = np.arange(frames) / FPS
    flip = np.diag([1.0, -1.0, -1.0])
    pan = Rotation.from_rotvec(np.outer(0.1 * np.sin(time), [0.0, 1.0, 0.2])).as_matrix()
    centre = np.stack([0.3 * np.sin(0.7 * time), 1.2 + 0 * time, 4.0 - 0.2 * time], axis=1)
    rotation = flip @ pan
    return rotation, -np.einsum("tij,tj->ti", rotation, centre)


def project(points: np.ndarray, rotation: np.ndarray, translation: np.ndarray, K: np.ndarray) -> np.ndarray:
    image: np.ndarray = np.einsum("tij,tjk,tlk->tli", K, rotation, points)
    image = image + np.einsum("tij,tj->ti", K, translation)[:, None]
    pixels: np.ndarray = image[..., :2] / image[..., 2:]
    return pixels


def scene(frames: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(0)
    points, K = moving_body(frames, rng), default_intrinsics(1280, 720, frames)
    rotation, translation = moving_camera(frames)
    return points, K, project(points, rotation, translation, K), rotation, rng


@pytest.mark.parametrize("trouble", ["none", "noise and outliers", "gap", "gap at the end"])
def test_recovers_a_moving_camera(trouble: str) -> None:
    points, K, truth, rotation, rng = scene()
    seen, confidence = truth.copy(), np.ones(truth.shape[:2])
    if trouble != "none":
        seen += rng.normal(0, 2, seen.shape)
        outliers = rng.random(seen.shape[:2]) < 0.1
        seen[outliers] = rng.uniform(0, 700, (int(outliers.sum()), 2))
        missing = rng.random(seen.shape[:2]) < 0.2
        seen[missing], confidence[missing] = np.nan, 0
    if trouble == "gap":
        confidence[25:32] = 0
    if trouble == "gap at the end":
        confidence[54:] = 0

    found, translation = recover_camera(points, Keypoints("coco17", seen, confidence), K, FPS)

    error = np.linalg.norm(project(points, found, translation, K) - truth, axis=-1)
    limit = {"none": 0.3, "noise and outliers": 1.5, "gap": 2.0, "gap at the end": 6.0}[trouble]
    assert error.mean(axis=1)[confidence.any(axis=1)].mean() < min(limit, 2.0)
    assert error.mean() < limit
    assert np.degrees(Rotation.from_matrix(found @ rotation.swapaxes(1, 2)).magnitude()).mean() < 1.0
    np.testing.assert_allclose(found @ found.swapaxes(1, 2), np.broadcast_to(np.eye(3), found.shape), atol=1e-9)


def test_does_not_shake() -> None:
    points, K, truth, rotation, rng = scene()
    seen = truth + rng.normal(0, 5, truth.shape)
    found, _ = recover_camera(points, Keypoints("coco17", seen, np.ones(seen.shape[:2])), K, FPS)

    def shake(turns: np.ndarray) -> float:
        steps = Rotation.from_matrix(turns[1:] @ turns[:-1].swapaxes(1, 2)).as_rotvec()
        return float(np.degrees(np.linalg.norm(np.diff(steps, axis=0), axis=1)).mean())

    assert shake(found) < shake(rotation) + 0.1


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_clips(frames: int) -> None:
    points, K, truth, _, _ = scene(frames)
    found, translation = recover_camera(points, Keypoints("coco17", truth, np.ones(truth.shape[:2])), K, FPS)
    assert np.linalg.norm(project(points, found, translation, K) - truth, axis=-1).max() < 1.0


def test_says_when_there_is_too_little_to_see() -> None:
    points, K, truth, _, _ = scene(10)
    with pytest.raises(InputError, match="too few confident keypoints"):
        recover_camera(points, Keypoints("coco17", truth, np.full(truth.shape[:2], 0.1)), K, FPS)
    with pytest.raises(InputError, match="2D keypoints of every frame"):
        recover_camera(points, Keypoints("coco17", points, np.ones(truth.shape[:2])), K, FPS)


@pytest.mark.parametrize(("focal", "expected"), [(None, np.hypot(1280, 720)), (900.0, 900.0)])
def test_default_intrinsics(focal: float | None, expected: float) -> None:
    K = default_intrinsics(1280, 720, 3, focal)
    assert K.shape == (3, 3, 3)
    np.testing.assert_allclose(K[2], np.array([[expected, 0, 640], [0, expected, 360], [0, 0, 1]]))
