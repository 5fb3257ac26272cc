"""Calibrated cameras around the person of `scenes`, their calibration as Qualisys writes it, and what they see."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lsmplify_refine import CalibratedCamera, Keypoints
from lsmplify_refine.evaluate.multiview.protocol import View
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.scenes import open_body, true_motion

SIZE = (640, 480)
_CAMERA = """
    <camera active="1" model="none" serial="{name}" viewrotation="0">
      <fov_video bottom="479" left="0" right="639" top="0"/>
      <transform {axes} x="{x!r}" y="{y!r}" z="{z!r}"/>
      <intrinsic centerPointU="{cu!r}" centerPointV="{cv!r}" focalLengthU="{fu!r}" focalLengthV="{fv!r}"
        radialDistortion1="{k1!r}" radialDistortion2="{k2!r}" radialDistortion3="0.0"
        tangentalDistortion1="{p1!r}" tangentalDistortion2="{p2!r}" sensorMaxU="40960" skew="0.0"/>
    </camera>"""


def around(count: int = 4) -> dict[str, CalibratedCamera]:
    """Cameras on a circle about the person, with a little distortion; the first one's axes are the world's."""
    middle = np.array([0.0, 0.0, 4.0])
    K = np.array([[600.0, 0, 320], [0, 610, 240], [0, 0, 1]])
    found = {}
    for index in range(count):
        R = rotvec_to_rotmat(np.array([0.0, 2 * np.pi * index / count, 0.0]))
        distortion = np.array([-0.01, 0.02, 0.001, -0.0005])
        found[f"cam{index}"] = CalibratedCamera(f"cam{index}", K, R, middle - R @ middle, distortion)
    return found


def write_qualisys(path: Path, cameras: dict[str, CalibratedCamera]) -> Path:
    """The cameras as a `.qca.txt`: 64ths of a pixel, millimetres, y up, looking along -z."""
    text = ""
    for name, camera in cameras.items():
        axes = np.diag([1.0, -1.0, -1.0]) @ camera.R
        x, y, z = (1000 * (-camera.R.T @ camera.t)).tolist()
        k1, k2, p1, p2 = (64 * camera.distortion).tolist()
        named = " ".join(f'r{i + 1}{j + 1}="{float(axes[i, j])!r}"' for i in range(3) for j in range(3))
        (fu, _, cu), (_, fv, cv) = (64 * camera.K[:2]).tolist()
        text += _CAMERA.format(
            name=name, axes=named, x=x, y=y, z=z, fu=fu, fv=fv, cu=cu, cv=cv, k1=k1, k2=k2, p1=p1, p2=p2
        )
    head = "<?xml version='1.0' encoding='ASCII'?>\n<calibration source=\"made\"><cameras>"
    path.write_text(f"{head}{text}\n</cameras></calibration>\n")
    return path


def true_landmarks(frames: int) -> np.ndarray:
    """The true MediaPipe points (T, 33, 3) in the world."""
    pose, pelvis = true_motion(frames)
    return open_body().keypoints("mediapipe33", rotvec_to_rotmat(pose), pelvis, np.zeros(10))


def views(frames: int = 45, *, flattened: float = 0.8, jitter_m: float = 0.0) -> dict[str, View]:
    """What a detector says of each camera: exact pixels, and points in space whose depth is too flat."""
    points, ones = true_landmarks(frames), np.ones((frames, 33), np.float32)
    generator = np.random.default_rng(0)
    found = {}
    for name, camera in around().items():
        there = points @ camera.R.T + camera.t
        about_hips = there - there[:, 23:25].mean(1, keepdims=True)
        guess = about_hips * [1, 1, flattened] + generator.normal(0, jitter_m, about_hips.shape)
        found[name] = View(
            camera,
            Keypoints("mediapipe33", camera.project(points), ones, name),
            Keypoints("mediapipe33", guess, ones, name),
            SIZE,
            30.0,
        )
    return found
