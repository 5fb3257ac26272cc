"""Two people in front of three calibrated cameras, as files of OpenPose's form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lsmplify_refine.evaluate.targets.camera_files import write_pose2sim_cameras
from lsmplify_refine.values.camera import CalibratedCamera
from lsmplify_refine.values.keypoints import Keypoints
from tests.support.cameras import camera_at

#: A bystander, two metres to the side of the person whom the cameras surround.
ASIDE = np.array([2.0, 0.0, 0.6])
_NOISE_PX = 2.0


def cameras_around(truth: np.ndarray) -> dict[str, CalibratedCamera]:
    middle = truth.reshape(-1, 3).mean(axis=0)
    return {name: camera_at(name, degrees, middle) for name, degrees in (("01", -40), ("02", 20), ("03", 80))}


def view_of(camera: CalibratedCamera, truth: np.ndarray, seed: int = 0) -> Keypoints:
    pixels = camera.project(truth) + np.random.default_rng(seed).normal(0, _NOISE_PX, (*truth.shape[:2], 2))
    return Keypoints("body25", pixels, np.full(truth.shape[:2], 0.8), camera.name)


def write_openpose(folder: Path, *views: Keypoints) -> None:
    """One camera's people, in an order that changes."""
    folder.mkdir(parents=True)
    for frame in range(len(views[0].positions)):
        people = []
        for view in views if frame % 2 else reversed(views):
            flat = np.nan_to_num(np.hstack([view.positions[frame], view.confidence[frame][:, None]])).ravel().tolist()
            people += [{"person_id": [-1], "pose_keypoints_2d": flat}] if view.confidence[frame].any() else []
        (folder / f"clip_{frame:012d}_keypoints.json").write_text(json.dumps({"people": people}))


def write_crowd(folder: Path, truth: np.ndarray) -> tuple[Path, Path]:
    """Keypoints of the person and of a bystander, who moves the other way round in time; and the calibration."""
    cameras = cameras_around(truth)
    for seed, (name, camera) in enumerate(cameras.items()):
        views = (view_of(camera, truth, seed), view_of(camera, truth[::-1] + ASIDE, 10 + seed))
        write_openpose(folder / "kp" / f"{name}_json", *views)
    return folder / "kp", write_pose2sim_cameras(folder / "calib.toml", cameras)
