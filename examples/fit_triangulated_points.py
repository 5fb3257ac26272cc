"""Keypoints alone: triangulate what three cameras see, and fit SMPL to the points in space.

    python examples/fit_triangulated_points.py

The cameras and their keypoints are generated here. With your own, `load_calibration` reads the cameras (Pose2Sim,
EasyMocap and others), `load_keypoints` the detections, and the rest stays as it is. On the command line, the same is
`lsmplify-refine fit all_cameras/ --calibration Calib.toml`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import roma
import torch

from lsmplify_refine import BodyModel, CalibratedCamera, Keypoints, Refiner, save, triangulate

FPS, SECONDS = 30.0, 2.0
NOISE_PX = 1.5


def main(folder: Path) -> None:
    """See a person in three cameras, triangulate, fit and save."""
    truth = moving_person()
    cameras = {name: camera_at(angle, name) for name, angle in (("left", -60.0), ("front", 0.0), ("right", 60.0))}
    noise = np.random.default_rng(0)
    views = {}
    for name, camera in cameras.items():
        pixels = camera.project(truth)
        views[name] = Keypoints("body25", pixels + noise.normal(0, NOISE_PX, pixels.shape), np.ones(pixels.shape[:2]))

    points = triangulate(views, cameras)  # metres, in the calibration's world
    off_mm = 1000 * np.linalg.norm(points.positions - truth, axis=-1).mean()
    print(f"triangulated points: {off_mm:.1f} mm from the true ones")

    fitted = Refiner().fit(points, fps=FPS)  # the body tells the unit and which axis is up
    print(f"fitted body: {fitted.metrics['refined']['mpjpe_mm_body25']:.1f} mm from the triangulated points")
    for note in fitted.notes:
        print(f"  {note.severity}: {note.text}")
    folder.mkdir(parents=True, exist_ok=True)
    save([fitted.refined], folder / "triangulated_fit.npz", overwrite=True)


def moving_person() -> np.ndarray:
    """BODY_25 points (T, 25, 3) in metres, y up, of somebody who waves and bends the knees."""
    seconds = np.arange(round(FPS * SECONDS)) / FPS
    turns = np.zeros((len(seconds), 24, 3))
    turns[:, 16, 2] = -1.2 + 1.8 * np.sin(np.pi * seconds / SECONDS)  # left arm up
    turns[:, 17, 2] = 1.2  # right arm down
    bend = 0.5 - 0.5 * np.cos(2 * np.pi * seconds / SECONDS)
    turns[:, (1, 2), 0] = -0.6 * bend[:, None]
    turns[:, (4, 5), 0] = 1.2 * bend[:, None]
    rotations = roma.rotvec_to_rotmat(torch.as_tensor(turns)).numpy()
    pelvis = np.stack([0 * seconds, 0.95 - 0.15 * bend, 0 * seconds], axis=1)
    return BodyModel.open().keypoints("body25", rotations, pelvis, np.zeros(10)).astype(np.float64)


def camera_at(degrees: float, name: str) -> CalibratedCamera:
    """A camera 4 m from the origin and 1 m high that looks at it: x right, y down, z forward."""
    angle = np.radians(degrees)
    place = np.array([4 * np.sin(angle), 1.0, 4 * np.cos(angle)])
    forward = np.array([-np.sin(angle), 0.0, -np.cos(angle)])
    down = np.array([0.0, -1.0, 0.0])
    R = np.stack([np.cross(down, forward), down, forward])
    K = np.array([[1000.0, 0, 640], [0, 1000.0, 360], [0, 0, 1]])
    return CalibratedCamera(name, K, R, -R @ place)


if __name__ == "__main__":
    main(Path("example_output"))
