"""Small motion files in the true layouts of AMASS's two releases and of SMPL takes beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

#: Speed of the left elbow (degrees per second) and of the rising pelvis (metres per second) in every file.
ELBOW_SPEED = 60.0
RISE_SPEED = 0.3


def motion(frames: int, rate: float, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """`poses` and `trans`: the left elbow (joint 18) turns about y at a steady speed, the rest stands still."""
    seconds = np.arange(frames) / rate
    poses = np.zeros((frames, columns))
    poses[:, 18 * 3 + 1] = np.radians(ELBOW_SPEED) * seconds
    # fingers, jaw and eyes are bent; readers must drop them
    poses[:, 66:] = 0.7
    trans = np.tile([0.1, 0.2, 0.3], (frames, 1))
    return poses, trans + seconds[:, None] * [0, 0, RISE_SPEED]


def write_smpl(path: Path, frames: int = 31, **changed: Any) -> Path:
    """Our retargeted CMU takes: `trans` is the pelvis joint, y up, and `source` says so."""
    poses, trans = motion(frames, 30.0, 72)
    arrays = {
        "poses": poses.astype(np.float32),
        "trans": trans[:, [0, 2, 1]].astype(np.float32),
        "betas": np.zeros(10, np.float32),
        "mocap_framerate": np.float32(30),
        "gender": np.array("neutral"),
        "source": np.array("cmu_bvh"),
    }
    return _write(path, arrays | changed)


def write_smplh(path: Path, frames: int = 121, rate: float = 120.0, **changed: Any) -> Path:
    """AMASS SMPL-H `*_poses.npz`: float64, z up, `trans` the model's translation."""
    poses, trans = motion(frames, rate, 156)
    arrays = {
        "poses": poses,
        "trans": trans,
        "betas": np.zeros(16),
        "dmpls": np.zeros((frames, 8)),
        "gender": np.array("male"),
        "mocap_framerate": np.array(rate),
    }
    return _write(path, arrays | changed)


def write_smplx(path: Path, frames: int = 121, rate: float = 120.0, **changed: Any) -> Path:
    """AMASS SMPL-X `*_stageii.npz`: split copies, the other spelling of the rate, keys of pickled objects."""
    poses, trans = motion(frames, rate, 165)
    arrays = {
        "gender": np.array("female"),
        "surface_model_type": np.array("smplx"),
        "mocap_frame_rate": np.array(rate),
        "mocap_time_length": np.array(frames / rate),
        "markers_latent": np.zeros((3, 3)),
        "latent_labels": np.array(["C7", "T10", "LFHD"]),
        "markers_latent_vids": np.array({"C7": 3832}, dtype=object),
        "trans": trans,
        "poses": poses,
        "betas": np.zeros(16),
        "num_betas": np.array(16),
        "root_orient": poses[:, :3],
        "pose_body": poses[:, 3:66],
        "pose_hand": poses[:, 75:],
        "pose_jaw": poses[:, 66:69],
        "pose_eye": poses[:, 69:75],
    }
    return _write(path, arrays | changed)


def _write(path: Path, arrays: dict[str, Any]) -> Path:
    """Write the arrays; keys with the value None are omitted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **{key: value for key, value in arrays.items() if value is not None})
    return path
