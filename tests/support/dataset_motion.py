"""One person's true motion before a moving camera, with 2D keypoints and a wrong estimate: what data sets are made of.

The motion lies in a world; the camera turns and walks. SMPL's hands stay at rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from tests.support.scenes import SEEN, open_body, true_motion

#: Frames that the miniature data sets declare invalid.
INVALID = (3, 4, 11)


@dataclass(frozen=True)
class Recording:
    """A recorded clip.

    Attributes:
        pose: (T, 24, 3) true axis-angle, the root in the camera's axes.
        pelvis: (T, 3) in the camera, metres.
        rotation, translation: (T, 3, 3), (T, 3) `R_camera_world`, `t_camera_world`.
        K: (3, 3) true intrinsics.
        size: (width, height).
        betas: (10,) true shape.
        wrong: (T, 24, 3) the estimate's axis-angle in the camera's axes.
        valid: (T,) frames that count.
    """

    pose: np.ndarray
    pelvis: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    K: np.ndarray
    size: tuple[int, int]
    betas: np.ndarray
    wrong: np.ndarray
    valid: np.ndarray

    def __len__(self) -> int:
        return len(self.pose)

    def transl(self, family: str = "smpl") -> np.ndarray:
        """(T, 3) the model's translation in the camera."""
        transl: np.ndarray = self.pelvis - MEAN_REST_PELVIS[family]
        return transl

    def world(self, family: str = "smpl") -> tuple[np.ndarray, np.ndarray]:
        """Root (T, 3) and translation (T, 3) in the world."""
        back = np.swapaxes(self.rotation, 1, 2)
        root = rotmat_to_rotvec(back @ rotvec_to_rotmat(self.pose[:, 0]))
        pelvis = (back @ (self.pelvis - self.translation)[..., None])[..., 0]
        return root, pelvis - MEAN_REST_PELVIS[family]

    @property
    def extrinsics(self) -> np.ndarray:
        """(T, 4, 4) `T_camera_world`."""
        poses = np.tile(np.eye(4), (len(self), 1, 1))
        poses[:, :3, :3], poses[:, :3, 3] = self.rotation, self.translation
        return poses

    def points(self, convention: str) -> np.ndarray:
        """(T, K, 3) true keypoints in the camera, metres, of the open body's mean shape."""
        return open_body().keypoints(convention, rotvec_to_rotmat(self.pose), self.pelvis, np.zeros(10))

    def pixels(self, convention: str, *, noise_px: float = 0.0, seed: int = 0) -> np.ndarray:
        """(T, K, 2) of them in the image."""
        seen = project_to_image(self.points(convention), np.tile(self.K, (len(self), 1, 1)))
        noisy: np.ndarray = seen + np.random.default_rng(seed).normal(0, noise_px, seen.shape)
        return noisy


def record(
    frames: int = 24,
    *,
    size: tuple[int, int] = (1440, 1920),
    focal: float = 1500.0,
    seed: int = 0,
    still: bool = False,
    first: int = 0,
    jitter_deg: float = 0.0,
) -> Recording:
    """Record a clip.

    Args:
        frames: T.
        size: (width, height) of the video.
        focal: Focal length, pixels.
        seed: Of camera, shape and the estimate's error.
        still: The camera stands where the moving one begins.
        first: Where in the motion the clip begins.
        jitter_deg: Jitter of the estimate, beside its slow error.
    """
    generator = np.random.default_rng(seed)
    pose, pelvis = (values[first:] for values in true_motion(frames + first))
    at = np.zeros(frames) if still else np.arange(frames) / 30
    turn = rotvec_to_rotmat(np.stack([0.2 + 0.1 * at, -0.4 * at, 0.1 * np.sin(at)], 1) + np.array([0.3, seed, 0.0]))
    walk = np.stack([0.5 * at, 0.1 * np.cos(at), -0.3 * at], 1) + np.array([0.2, 1.4, 0.7])
    drift = np.zeros_like(pose)
    phase = np.arange(frames)[:, None, None] * 2 * np.pi / 90
    drift[:, SEEN] = np.radians(10) * np.sin(phase + generator.uniform(0, 6, (1, len(SEEN), 3)))
    drift += np.radians(jitter_deg) * generator.normal(size=drift.shape)
    valid = np.ones(frames, bool)
    valid[[frame for frame in INVALID if frame < frames]] = False
    return Recording(
        pose=pose,
        pelvis=pelvis + np.array([0.02 * seed, 0.0, 0.0]),
        rotation=turn,
        translation=walk,
        K=np.array([[focal, 0, size[0] / 2 + 3], [0, focal, size[1] / 2 - 5], [0, 0, 1]]),
        size=size,
        betas=generator.normal(0, 0.5, 10),
        wrong=rotmat_to_rotvec(rotvec_to_rotmat(pose) @ rotvec_to_rotmat(drift)),
        valid=valid,
    )
