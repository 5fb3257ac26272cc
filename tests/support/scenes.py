"""Generated tracks for the engine's tests: a moving body, a camera, an estimate with known errors."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lsmplify_refine import BodyModel, Camera, Estimate, Keypoints
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.estimate import WorldRoot

FPS = 30.0
SIZE = (640, 480)
#: Joints that COCO keypoints see: hips, knees, shoulders, elbows.
SEEN = (1, 2, 4, 5, 16, 17, 18, 19)


@lru_cache(maxsize=1)
def open_body() -> BodyModel:
    return BodyModel.open()


def true_motion(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth exercise before the camera: rotation vectors (T, 24, 3) and pelvis (T, 3) in camera coordinates."""
    phase = 2 * np.pi * np.arange(frames) / 45
    pose = np.zeros((frames, 24, 3))
    # the body faces the camera: y up and z towards the viewer become y down and z away
    pose[:, 0] = rotmat_to_rotvec(rotvec_to_rotmat([np.pi, 0, 0]) @ rotvec_to_rotmat([0, 0.3, 0]))
    for side, sign in ((0, 1.0), (1, -1.0)):
        pose[:, 1 + side, 0] = -0.5 + 0.4 * np.sin(phase)
        pose[:, 4 + side, 0] = 0.9 - 0.6 * np.sin(phase)
        pose[:, 16 + side, 2] = -sign * (0.7 + 0.4 * np.cos(phase))
        pose[:, 18 + side, 1] = -sign * (0.9 + 0.5 * np.sin(phase + side))
    pelvis = np.stack([0.1 * np.sin(phase), 0.05 * np.cos(phase), 4.0 + 0 * phase], 1)
    return pose, pelvis


def scene(
    frames: int = 45,
    *,
    error_deg: float = 10.0,
    noise_px: float = 0.0,
    seed: int = 0,
    fps: float = FPS,
    world: bool = False,
) -> Estimate:
    """An estimate of `true_motion` with slowly changing joint errors and the true body's COCO keypoints."""
    generator = np.random.default_rng(seed)
    pose, pelvis = true_motion(frames)
    camera = Camera(np.tile([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]], (frames, 1, 1)), SIZE)
    body = open_body()
    points = body.keypoints("coco17", rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    pixels = project_to_image(points, camera.K)
    pixels = pixels + generator.normal(0, noise_px, pixels.shape)
    drift = np.zeros_like(pose)
    phase = np.arange(frames)[:, None, None] * 2 * np.pi / 90
    drift[:, SEEN] = np.sin(phase + generator.uniform(0, 6, (1, len(SEEN), 3))) * np.radians(error_deg)
    wrong = rotmat_to_rotvec(rotvec_to_rotmat(pose) @ rotvec_to_rotmat(drift)).astype(np.float32)
    transl = (pelvis - MEAN_REST_PELVIS["smplx"]).astype(np.float32)
    root = WorldRoot(np.tile(np.float32([0, 0.3, 0]), (frames, 1)), np.zeros((frames, 3), np.float32))
    return Estimate(
        "smplx",
        "neutral",
        wrong[:, 0],
        wrong[:, 1:22],
        np.zeros((frames, 10), np.float32),
        transl,
        camera=camera,
        fps=fps,
        keypoints=Keypoints("coco17", pixels.astype(np.float32), np.ones(pixels.shape[:2], np.float32)),
        world=root if world else None,
    )
