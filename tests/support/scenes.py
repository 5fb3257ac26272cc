"""Generated tracks: a moving body, a camera, an estimate with known errors; and the same as tensors for the solver."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from lsmplify_refine import BodyModel, Camera, Estimate, Keypoints
from lsmplify_refine.body import skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.estimate import WorldRoot
from lsmplify_refine.values.smpl_joints import JOINTS

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


def true_pose(frames: int = 30) -> Pose:
    """`true_motion` as the solver's pose."""
    pose, pelvis = true_motion(frames)
    return Pose(torch.tensor(rotvec_to_rotmat(pose)).float(), torch.tensor(pelvis).float())


def skeleton() -> Skeleton:
    """The open body of mean shape with BODY_25 points."""
    return open_body().skeleton("body25", np.zeros(10))


def seen(pose: Pose, *, noise_m: float = 0.0) -> Targets:
    """A pose's BODY_25 keypoints in space as targets, with seeded noise."""
    points = skinning.keypoints(skeleton(), pose.rotations) + pose.pelvis[:, None]
    noise = noise_m * torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
    return Targets(points + noise, torch.ones(points.shape[:2]))


def joint_error_mm(estimate: Estimate) -> float:
    """MPJPE over the body joints against the true motion, pelvis-aligned, on the true shape."""
    pose, pelvis = true_motion(len(estimate))
    wrong = np.concatenate([estimate.global_orient[:, None], estimate.body_pose, pose[:, JOINTS:]], 1)
    got, true = (
        open_body().joints(rotvec_to_rotmat(rotvec), 0 * pelvis, np.zeros(10))[:, :JOINTS] for rotvec in (wrong, pose)
    )
    return float(np.linalg.norm(got - true, axis=-1).mean() * 1000)


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
    root = WorldRoot(np.tile(np.array([0, 0.3, 0], np.float32), (frames, 1)), np.zeros((frames, 3), np.float32))
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
