"""Generated 3D keypoints: the motion of `scenes` as cameras in another room would triangulate it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lsmplify_refine import Estimate, Keypoints
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.scenes import open_body, scene, true_motion


@dataclass(frozen=True)
class Room:
    """The keypoints' frame: x_estimate = scale * rotation @ x_room + translation, per frame or for all."""

    rotation: np.ndarray
    translation: np.ndarray
    scale: float = 1.0

    def enter(self, points: np.ndarray) -> np.ndarray:
        """Points (T, K, 3) from the estimate's frame to the room's."""
        inside: np.ndarray = (points - self.translation[..., None, :]) @ self.rotation / self.scale
        return inside


SAME = Room(np.eye(3), np.zeros(3))
STILL = Room(rotvec_to_rotmat([1.2, -0.7, 0.4]), np.array([3.0, -1.0, 5.0]))


def from_moving_camera(frames: int) -> Room:
    """A camera that pans by 40 degrees and walks by 2 m while the room stands still."""
    time = np.linspace(0, 1, frames)
    turn = rotvec_to_rotmat(np.stack([0 * time, 0.7 * time, 0.1 * time], 1))
    return Room(turn @ STILL.rotation, STILL.translation + np.stack([2 * time, 0 * time, time], 1))


def at_wrong_depths(frames: int, swing_m: float = 0.4) -> Room:
    """A still room, as seen by an estimate whose depth oscillates with amplitude `swing_m`."""
    swing = swing_m * np.sin(2 * np.pi * np.arange(frames) / 40)
    return Room(STILL.rotation, STILL.translation + np.stack([0 * swing, 0 * swing, swing], 1))


def true_points(frames: int, convention: str = "body25") -> np.ndarray:
    """The true keypoints (T, K, 3) in the estimate's frame."""
    pose, pelvis = true_motion(frames)
    return open_body().keypoints(convention, rotvec_to_rotmat(pose), pelvis, np.zeros(10))


def in_room(
    room: Room,
    frames: int = 60,
    *,
    convention: str = "body25",
    error_deg: float = 10.0,
    noise_m: float = 0.01,
    garbage: float = 0.0,
    gap: slice = slice(0),
    seed: int = 0,
) -> Estimate:
    """`scene`'s estimate with 3D keypoints of a room, without camera and video.

    Args:
        room: The keypoints' frame.
        frames: Number of frames T.
        convention: The keypoints' convention.
        error_deg: Error of the estimate's joints, degrees.
        noise_m: Noise of the keypoints, metres, in the estimate's frame.
        garbage: Share of outliers with full confidence.
        gap: Frames whose keypoints are all missing.
        seed: Seed of noise and outliers.
    """
    generator = np.random.default_rng(seed)
    points = true_points(frames, convention)
    points = points + generator.normal(0, noise_m, points.shape)
    bad = generator.random(points.shape[:2]) < garbage
    points = np.where(bad[..., None], points + generator.uniform(-2, 2, points.shape), points)
    confidence = np.ones(points.shape[:2])
    confidence[gap] = 0
    positions = np.where(confidence[..., None] > 0, room.enter(points), np.nan)
    keypoints = Keypoints(convention, positions, confidence, "room")
    return scene(frames, error_deg=error_deg).replace(keypoints=keypoints, camera=None)
