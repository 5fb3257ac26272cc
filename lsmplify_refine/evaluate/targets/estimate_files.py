"""Writers of the estimate files that `targets.rows` refines, in the estimators' own layouts."""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.evaluate.targets.motion import Motion
from lsmplify_refine.evaluate.targets.rooms import IMAGE_SIZE
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat

#: Middle of the hips from WHAM's pelvis, metres; see its adapter.
_HIPS_FROM_PELVIS = np.array([0.0009, -0.0910, -0.0056])


def write_generic(folder: Path, motion: Motion) -> Path:
    """SMPL parameters under smplx's argument names; the world has z up."""
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
    """AMASS's SMPL-H layout; the world has z up."""
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
    """WHAM's `wham_output.pkl`; `people` holds, for each id, motion in camera coordinates and frame ids."""
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
    """4D-Humans' `demo_clip.pkl`: a dict of frames with lists of people; `people` as in `write_wham`."""
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
