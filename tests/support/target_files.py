"""Writers of the files that `benchmark_targets.py` and the acceptance tests refine: estimates and keypoints.

Layouts that other tests write too (TRC, calibrations) come from there.
"""

from __future__ import annotations

import json
import pickle
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.camera import CalibratedCamera
from tests.keypoint_files.test_named_points import OPENPOSE, write_trc
from tests.support.target_samples import FPS, Motion

#: Pixels of the image that the people's camera takes.
IMAGE_SIZE = (1920, 1080)
#: The hips' middle from WHAM's pelvis, see its adapter.
_HIPS_FROM_PELVIS = np.array([0.0009, -0.0910, -0.0056])


# estimates ------------------------------------------------------------------------------------------------------------


def write_generic(folder: Path, motion: Motion) -> Path:
    """SMPL parameters under smplx's argument names, world with z up."""
    path = folder / "estimate.npz"
    np.savez(
        path,
        global_orient=motion.rotvec[:, 0].astype(np.float32),
        body_pose=motion.rotvec[:, 1:].reshape(len(motion), 69).astype(np.float32),
        betas=np.zeros(10, np.float32),
        transl=motion.transl.astype(np.float32),
        mocap_framerate=np.array(motion.fps),
    )
    return path


def write_amass(folder: Path, motion: Motion) -> Path:
    """AMASS's SMPL-H layout, world with z up."""
    path = folder / "estimate_poses.npz"
    hands = np.zeros((len(motion), 30, 3))
    np.savez(
        path,
        trans=motion.transl,
        gender=np.array("neutral"),
        mocap_framerate=np.array(motion.fps),
        betas=np.zeros(16),
        dmpls=np.zeros((len(motion), 8)),
        poses=np.concatenate([motion.rotvec[:, :22], hands], 1).reshape(len(motion), 156),
    )
    return path


def write_wham(folder: Path, people: Mapping[int, tuple[Motion, np.ndarray]]) -> Path:
    """WHAM's `wham_output.pkl`: for each id what it is in the camera's frame, and the frames that have it."""
    result: dict[int, dict[str, np.ndarray]] = defaultdict(dict)
    for person, (motion, frame_ids) in people.items():
        seen = motion.rows(frame_ids)
        pose = seen.rotvec.reshape(len(seen), 72).astype(np.float32)
        level = rotvec_to_rotmat([np.pi, 0.0, 0.0])
        world = seen.moved(level, np.zeros(3))
        hips = world.pelvis + rotvec_to_rotmat(world.rotvec[:, 0]) @ _HIPS_FROM_PELVIS
        result[person] = {
            "pose": pose,
            "trans": seen.transl.astype(np.float32),
            "pose_world": world.rotvec.reshape(len(seen), 72).astype(np.float32),
            "trans_world": hips.astype(np.float32),
            "betas": np.zeros((len(seen), 10), np.float32),
            "verts": np.ones((len(seen), 5, 3), np.float32),
            "frame_ids": frame_ids,
        }
    path = folder / "wham_output.pkl"
    path.write_bytes(pickle.dumps(result))
    return path


def write_phalp(folder: Path, people: Mapping[int, tuple[Motion, np.ndarray]]) -> Path:
    """4D-Humans' `demo_clip.pkl`: a dict of frames with lists of the people in them."""
    frames = max(int(ids.max()) for _, ids in people.values()) + 1
    result: dict[str, dict[str, Any]] = {}
    for frame in range(frames):
        present = [person for person, (_, ids) in people.items() if frame in ids]
        name = f"outputs/_DEMO/clip/img/{frame + 1:06d}.jpg"
        result[name] = {
            "time": frame,
            "shot": 0,
            "frame_path": name,
            "tid": present,
            "tracked_time": [0] * len(present),
            "tracked_ids": present,
            "bbox": [np.array([0.0, 0, 80, 200])] * len(present),
            "smpl": [],
            "camera": [],
            "size": np.array(IMAGE_SIZE[::-1]),
        }
        for person in present:
            motion = people[person][0]
            turned = rotvec_to_rotmat(motion.rotvec[frame]).astype(np.float32)
            betas = np.zeros(10, np.float32)
            result[name]["smpl"].append({"global_orient": turned[:1], "body_pose": turned[1:], "betas": betas})
            result[name]["camera"].append(motion.transl[frame].astype(np.float32))
    path = folder / "demo_clip.pkl"
    path.write_bytes(pickle.dumps(result))
    return path


# keypoints in space ---------------------------------------------------------------------------------------------------


def write_body25_trc(folder: Path, points: np.ndarray, fps: float = FPS) -> Path:
    """TRC in millimetres, as Pose2Sim and OpenSim have it."""
    return write_trc(folder / "keypoints.trc", OPENPOSE, 1000 * points, "mm", fps=fps)


def write_h36m_npy(folder: Path, points: np.ndarray) -> Path:
    """A bare array in millimetres; NaN where missing."""
    np.save(folder / "keypoints.npy", (1000 * points).astype(np.float32))
    return folder / "keypoints.npy"


def write_h36m_npz(folder: Path, points: np.ndarray) -> Path:
    """The documented plain archive; frames without any point are left out of it."""
    kept = np.isfinite(points).all(-1).any(1)
    there = np.isfinite(points[kept]).all(-1)
    np.savez(
        folder / "keypoints.npz",
        convention=np.array("h36m17"),
        positions=points[kept],
        confidence=there.astype(np.float32),
        frame_ids=np.flatnonzero(kept),
    )
    return folder / "keypoints.npz"


def write_h36m_json(folder: Path, points: np.ndarray) -> Path:
    """MMPose's list of frames, as its pose lifters predict them."""
    there = np.isfinite(points).all(-1)
    frames = [
        {"frame_id": frame, "instances": [{"keypoints": found.tolist(), "keypoint_scores": seen.tolist()}]}
        for frame, (found, seen) in enumerate(zip(np.nan_to_num(points), there.astype(float)))
        if seen.any()
    ]
    (folder / "keypoints.json").write_text(json.dumps(frames))
    return folder / "keypoints.json"


def write_easymocap_people(folder: Path, people: Mapping[int, np.ndarray]) -> Path:
    """EasyMocap's `keypoints3d/000000.json`, ...: the people who are there, by id."""
    (folder / "keypoints3d").mkdir()
    for frame in range(max(map(len, people.values()))):
        entries = []
        for person, points in people.items():
            there = np.isfinite(points[frame]).all(-1)
            if there.any():
                values = np.column_stack([np.nan_to_num(points[frame]), there])
                entries.append({"id": person, "keypoints3d": values.round(5).tolist()})
        (folder / "keypoints3d" / f"{frame:06d}.json").write_text(json.dumps(entries))
    return folder / "keypoints3d"


def write_easymocap(folder: Path, points: np.ndarray) -> Path:
    """EasyMocap's folder of one person."""
    return write_easymocap_people(folder, {0: points})


#: Name of a form -> (convention, writer, whether the convention must be said).
SPACE_FORMS: dict[str, tuple[str, Callable[[Path, np.ndarray], Path], bool]] = {
    "TRC (BODY_25, mm)": ("body25", write_body25_trc, False),
    "H36M-17 .npy (mm)": ("h36m17", write_h36m_npy, True),
    "H36M-17 .npz": ("h36m17", write_h36m_npz, False),
    "H36M-17 .json (MMPose)": ("h36m17", write_h36m_json, True),
    "EasyMocap keypoints3d": ("body25", write_easymocap, False),
}


# keypoints in images --------------------------------------------------------------------------------------------------


def write_openpose(folder: Path, people: Mapping[int, np.ndarray], *, ids: bool = True) -> Path:
    """OpenPose's folder of a file per frame; people in changing order, NaN where nobody is found."""
    folder.mkdir(parents=True)
    for frame in range(max(map(len, people.values()))):
        order = list(people) if frame % 2 else list(people)[::-1]
        entries = []
        for person in order:
            points = people[person][frame]
            there = np.isfinite(points).all(-1)
            if there.any():
                values = np.column_stack([np.nan_to_num(points), 0.9 * there]).round(3).ravel().tolist()
                entries.append({"person_id": [person if ids else -1], "pose_keypoints_2d": values})
        name = f"{folder.name}_{frame:012d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.3, "people": entries}))
    return folder


def write_coco(path: Path, points: np.ndarray) -> Path:
    """A list of COCO results of one person."""
    entries = []
    for frame, found in enumerate(points):
        there = np.isfinite(found).all(-1)
        if there.any():
            values = np.column_stack([np.nan_to_num(found), 0.9 * there]).round(3).ravel().tolist()
            entries.append({"image_id": frame, "category_id": 1, "keypoints": values, "score": 0.9})
    path.write_text(json.dumps(entries))
    return path


def in_image(camera: CalibratedCamera, points: np.ndarray, *, noise_px: float, seed: int) -> np.ndarray:
    """Pixels (T, K, 2) with noise in x and in y; NaN outside the image and behind the camera."""
    pixels = camera.project(points) + np.random.default_rng(seed).normal(0, noise_px, (*points.shape[:-1], 2))
    inside = ((pixels > 0) & (pixels < IMAGE_SIZE)).all(-1) & ((points @ camera.R.T + camera.t)[..., 2] > 0.1)
    return np.where(inside[..., None], pixels, np.nan)
