"""Small test sets: generated takes, and files in the layouts of 3DPW and RICH."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from lsmplify_refine.evaluate.datasets import TakeSet
from lsmplify_refine.learn.motion import Take
from tests.support.scenes import true_motion


def take(frames: int = 40, subject: str = "02", first: int = 0) -> Take:
    pose, pelvis = (values[first:].astype(np.float32) for values in true_motion(frames + first))
    return Take(f"{subject}/{first}", subject, pose[:, :22], pelvis, 30.0)


def take_set(name: str = "generated") -> TakeSet:
    return TakeSet(name, (take(), take(25, first=7)))


def poses(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """`poses` (F, 66) that differ in every frame, and `trans` (F, 3)."""
    pose = 0.01 * np.arange(frames)[:, None] + 0.001 * np.arange(66)
    return pose, np.tile([0.1, 0.2, 0.3], (frames, 1)) + 0.01 * np.arange(frames)[:, None]


def write_3dpw(folder: Path, part: str = "test", name: str = "downtown_walking_00", frames: int = 12) -> Path:
    """Two people, as Python 2 pickled them; the camera of the second is lost at frame 5."""
    pose, trans = poses(frames)
    pose = np.concatenate([pose, np.full((frames, 6), 0.5)], 1)
    valid = np.ones(frames, bool)
    lost = valid.copy()
    lost[5] = False
    data = {
        "sequence": name,
        "betas": [np.zeros(10), np.zeros(10)],
        "poses": [pose, pose + 0.2],
        "trans": [trans, trans],
        "genders": ["m", "f"],
        "campose_valid": [valid, lost.astype(np.int64)],
        "cam_poses": np.tile(np.eye(4), (frames, 1, 1)),
        "img_frame_ids": np.arange(frames),
    }
    path = folder / "sequenceFiles" / part / f"{name}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(data, protocol=2))
    return path


def write_rich(folder: Path, part: str = "test_body", subject: str = "017", frames: tuple[int, ...] = ()) -> Path:
    """One person's frames, one file each, with RICH's batch dimension and hands; returns the first file."""
    pose, trans = poses(40)
    paths = []
    for frame in frames or (3, 4, 5, 6, 9, 10, 11):
        row = {
            "global_orient": pose[frame : frame + 1, :3],
            "body_pose": pose[frame : frame + 1, 3:],
            "transl": trans[frame : frame + 1],
            "betas": np.zeros((1, 10)),
            "left_hand_pose": np.ones((1, 12)),
            "jaw_pose": np.zeros((1, 3)),
        }
        path = folder / part / f"ParkingLot2_{subject}_eating1" / f"{frame:05d}" / f"{subject}.pkl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps({key: value.astype(np.float32) for key, value in row.items()}))
        paths.append(path)
    return paths[0]
