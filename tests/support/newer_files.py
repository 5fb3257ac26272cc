"""Small results of CoMotion, Human3R, Multi-HMR, CamSMPLify, GLAMR, HybrIK and SLAHMR in their true layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.estimator_files import FRAMES, HEIGHT, WIDTH, ahead, poses, values

#: Frames in which the second of two people is seen.
SECOND = (1, 2, 5, 6)


def write_comotion(path: Path) -> Path:
    """Two people, track after track; the second with a gap."""
    ids = np.concatenate([np.full(FRAMES, 3), np.full(len(SECOND), 8)])
    frames = np.concatenate([np.arange(FRAMES), SECOND])
    count = len(ids)
    rows = {
        "id": torch.from_numpy(ids),
        "frame_idx": torch.from_numpy(frames),
        "pose": torch.from_numpy(poses(24, count)),
        "trans": torch.from_numpy(ahead(count)),
        "betas": torch.from_numpy(values(count, 10)),
    }
    torch.save(rows, path)
    return path


def human3r_frame(frame: int, *, ids: tuple[int, ...]) -> dict[str, Any]:
    """`smpl/{frame:06d}.npz` of people with these ids; the image is a crop of 512 x 384 px."""
    count = len(ids)
    beside = np.array([[1.5 * person, 0, 0] for person in ids], np.float32).reshape(count, 3)
    return {
        "shape": values(count, 10, seed=1),
        "rotvec": values(count, 53, 3, seed=frame),
        "transl": ahead(count, seed=frame) * np.float32(0.1) + np.float32(2) + beside,
        "expression": values(count, 10, seed=2),
        "smpl_id": np.array(ids, np.int64),
        "scores": np.zeros((384, 512), np.float32),
        "cam2world": np.eye(4, dtype=np.float32),
        "intrinsics": np.array([[450, 0, 256], [0, 450, 192], [0, 0, 1]], np.float32),
    }


def write_human3r(folder: Path) -> Path:
    """Two people; nobody in frame 4; the second is not seen in frame 2."""
    (folder / "smpl").mkdir(parents=True)
    for frame in range(FRAMES):
        ids = () if frame == 4 else (1,) if frame == 2 else (2, 1) if frame == 5 else (1, 2)
        np.savez(folder / "smpl" / f"{frame:06d}.npz", **human3r_frame(frame, ids=ids))
    return folder


def multihmr_image(frame: int, people: tuple[int, ...], *, square: int = 896) -> dict[str, Any]:
    """What somebody saved of one image: a square of `square` px, to which the image was resized and padded."""
    humans = []
    for person in people:
        pelvis = ahead(1, seed=7)[0] + np.array([2.0 * person, 0.02 * frame, 0], np.float32)
        human = {
            "location": [100.0, 200.0],
            "translation": (pelvis + np.array([0.01, -0.6, 0.02])).tolist(),
            "translation_pelvis": [pelvis.tolist()],
            "rotation_vector": values(53, 3, seed=10 * person + frame).tolist(),
            "expression": values(10, seed=person).tolist(),
            "shape": values(10, seed=person).tolist(),
            "joints_2d": values(4, 2).tolist(),
        }
        humans.append(human)
    focal = square / 2 / np.tan(np.radians(30))
    return {
        "image_width": WIDTH,
        "image_height": HEIGHT,
        "checkpoint_resolution": square,
        "camera_intrinsics": [[focal, 0.0, square / 2], [0.0, focal, square / 2], [0.0, 0.0, 1.0]],
        "humans": humans,
    }


def write_multihmr_json(path: Path) -> Path:
    """One image of two people."""
    path.write_text(json.dumps(multihmr_image(0, (0, 1)), indent=2))
    return path


def write_multihmr_folder(folder: Path) -> Path:
    """A video's images; nobody in the image of frame 3."""
    folder.mkdir()
    for frame in range(FRAMES):
        people = () if frame == 3 else (1, 0) if frame % 2 else (0, 1)
        (folder / f"clip_{frame:06d}.json").write_text(json.dumps(multihmr_image(frame, people), indent=2))
    return folder


def camsmplify() -> dict[str, Any]:
    """Labels of three people in two images."""
    points = np.abs(values(3, 44, 3, scale=200.0))
    points[..., 2] = 0.8
    return {
        "imgname": np.array(["a/000123.jpg", "a/000123.jpg", "b/000007.jpg"]),
        "pose": poses(24, 3),
        "shape": values(3, 10),
        "cam_t": ahead(3),
        "cam_int": np.tile(np.array([[800, 0, 320], [0, 800, 240], [0, 0, 1]], np.float32), (3, 1, 1)),
        "center": values(3, 2),
        "scale": np.full(3, 1.2, np.float32),
        "gt_keypoints": points,
        "dense_kp": values(3, 6, 3),
    }


def glamr() -> dict[str, Any]:
    """`<clip>_seed1.pkl`: two people; the second from frame 2 on."""
    people = {}
    for person, first in ((0, 0), (1, 2)):
        count = FRAMES - first
        people[person] = {
            "visible": np.ones(count),
            "exist_frames": np.ones(count, dtype=bool),
            "frames": np.arange(first, FRAMES),
            "frame2ind": {np.int64(first + row): row for row in range(count)},
            "scale": None,
            "smpl_pose": values(count, 69, seed=person),
            "smpl_beta": values(count, 10, seed=person),
            "smpl_orient_cam": values(count, 3, seed=3),
            "root_trans_cam": ahead(count, seed=4),
            "kp_2d": 100 + 50 * np.arange(count * 52).reshape(count, 26, 2) % 300,
            "kp_2d_score": np.ones((count, 26)),
            "cam_K": np.tile(np.array([[1000, 0, 320], [0, 1000, 240], [0, 0, 1]], np.float32), (count, 1, 1)),
            "root_trans_world": values(count, 3, seed=5),
            "smpl_orient_world": values(count, 3, seed=6),
            "traj_local": values(count, 11),
        }
    return {"seq_name": "running", "person_data": people, "seq_len": FRAMES, "cam_pose": values(FRAMES, 4, 4)}


def hybrik() -> dict[str, Any]:
    """`res.pk`; nobody was found in the first two images."""
    boxes = np.tile([200.0, 60.0, 440.0, 300.0], (FRAMES, 1)) + 3 * np.arange(FRAMES)[:, None]
    root, offset = ahead(FRAMES, 8.0), values(FRAMES, 3, seed=2)
    transl = root - offset
    return {
        "pred_uvd": values(FRAMES, 29, 3),
        "pred_scores": values(FRAMES, 29),
        "pred_camera": values(FRAMES, 3),
        "pred_betas": values(FRAMES, 10),
        "pred_thetas": rotvec_to_rotmat(values(FRAMES, 24, 3, seed=3)).reshape(FRAMES, 216).astype(np.float32),
        "pred_phi": values(FRAMES, 23, 2),
        "pred_cam_root": root,
        "transl": transl,
        "transl_camsys": (transl * 256 / (boxes[:, 2:3] - boxes[:, :1])).astype(np.float32),
        "bbox": boxes,
        "height": np.full(FRAMES, HEIGHT),
        "width": np.full(FRAMES, WIDTH),
        "img_path": np.array([f"out/raw_images/clip-{frame + 3:06d}.png" for frame in range(FRAMES)]),
    }


def write_slahmr(folder: Path, *, tracks: bool = True) -> Path:
    """Two people seen by a moving camera; the second in frames 1 to 4 of a clip that starts at frame 10."""
    folder.mkdir(exist_ok=True)
    turn = rotvec_to_rotmat(0.1 * np.arange(FRAMES)[:, None] * [0, 1, 0]).astype(np.float32)
    arrays: dict[str, Any] = {
        "trans": np.stack([ahead(), ahead(seed=3)]),
        "root_orient": values(2, FRAMES, 3, seed=1),
        "latent_pose": values(2, FRAMES, 32),
        "pose_body": values(2, FRAMES, 63, seed=2),
        "betas": values(2, 16, seed=4),
        "world_scale": np.ones((1, 1), np.float32),
        "floor_plane": np.array([[0, -1, 0]], np.float32),
        "cam_R": np.tile(turn, (2, 1, 1, 1)),
        "cam_t": np.tile(values(FRAMES, 3, seed=5), (2, 1, 1)),
        "intrins": np.array([700, 700, WIDTH / 2, HEIGHT / 2], np.float32),
    }
    np.savez(folder / "clip_000060_world_results.npz", **arrays)
    if tracks:
        masks = {"5": [1] * FRAMES, "2": [-1, 1, 0, 1, 1, -1, -1]}
        about = {name: {"index": index, "vis_mask": mask} for index, (name, mask) in enumerate(masks.items())}
        meta = {"seq_interval": [0, FRAMES], "data_interval": [10, 10 + FRAMES]}
        (folder / "track_info.json").write_text(json.dumps({"tracks": about, "meta": meta}))
    return folder / "clip_000060_world_results.npz"
