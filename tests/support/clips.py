"""Small GVHMR output folders for driving the command: the first frames of the built-in demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from lsmplify_refine import BodyModel, load
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.visual.encode import VideoWriter

FRAMES = 8
SIZE = (640, 360)
DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"


def results(frames: int = FRAMES) -> dict[str, Any]:
    """The dict of `hmr4d_results.pt`."""
    whole = torch.load(DEMO / "hmr4d_results.pt", weights_only=True)
    return {
        key: {name: value[:frames].clone() for name, value in block.items()}
        if isinstance(block, dict)
        else block[:frames].clone()
        for key, block in whole.items()
    }


def keypoints(frames: int = FRAMES) -> torch.Tensor:
    """As `preprocess/vitpose.pt`."""
    whole: torch.Tensor = torch.load(DEMO / "preprocess" / "vitpose.pt", weights_only=True)
    return whole[:frames].clone()


def keypoints_3d(frames: int = FRAMES, *, mirrored: bool = False) -> np.ndarray:
    """BODY_25 points (T, 25, 3) that a triangulation of the clip may give: metres, in another frame."""
    from lsmplify_refine.engine.targets import pose_on_body

    body = BodyModel.open()
    pose = pose_on_body(load(DEMO / "hmr4d_results.pt")[0], body)
    points = body.keypoints("body25", pose.rotations.numpy(), pose.pelvis.numpy(), np.zeros(10))[:frames]
    points = points + np.random.default_rng(0).normal(0, 0.01, points.shape)
    # the estimate bends both elbows too little
    points[:, [4, 7]] += np.array([0.0, -0.08, 0.0])
    turned = (points - [0.5, -1, 2]) @ rotvec_to_rotmat(np.array([1.5, 0.4, -0.3]))
    in_room: np.ndarray = turned * [1, 1, -1 if mirrored else 1]
    return in_room


def write_video(path: Path, frames: int = FRAMES, size: tuple[int, int] = SIZE) -> Path:
    """A grey clip."""
    with VideoWriter(path, *size, 30) as video:
        for _ in range(frames):
            video.write(np.full((size[1], size[0], 3), 128, np.uint8))
    return path


def write_images(folder: Path, frames: int = FRAMES, size: tuple[int, int] = SIZE) -> Path:
    """The grey clip as images, numbered from 1 without padding."""
    folder.mkdir(parents=True)
    for frame in range(frames):
        cv2.imwrite(str(folder / f"frame_{frame + 1}.png"), np.full((size[1], size[0], 3), 128, np.uint8))
    return folder


def write_folder(folder: Path) -> Path:
    """Results, keypoints and video, as GVHMR leaves them."""
    (folder / "preprocess").mkdir(parents=True)
    torch.save(results(), folder / "hmr4d_results.pt")
    torch.save(keypoints(), folder / "preprocess" / "vitpose.pt")
    write_video(folder / "0_input_video.mp4")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, hidden ones included."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
