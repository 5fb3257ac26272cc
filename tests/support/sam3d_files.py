"""Results of SAM 3D Body: what `process_one_image` returns for two people, in the containers that people save it in."""

from __future__ import annotations

import json
import pickle
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.recorder import Sam3dRecorder
from tests.support.estimator_files import values
from tests.support.scenes import open_body, true_motion

#: Pixels of the image, and its camera's focal length.
SIZE, FOCAL = (1280, 720), 1100.0
#: Frames in which the second person is not seen.
UNSEEN = (3, 4)
FRAMES = 8


@lru_cache(maxsize=4)
def true_points(person: int, frames: int = FRAMES) -> np.ndarray:
    """(T, 70, 3) the person's points in the camera's metres: two people beside each other."""
    pose, pelvis = true_motion(frames)
    shifted = pelvis + np.array([1.6 * person - 0.8, 0.0, 0.3 * person])
    return open_body().keypoints("mhr70", rotvec_to_rotmat(pose), shifted, np.zeros(10)).astype(np.float64)


def seen_people(frame: int) -> list[int]:
    """Who is seen in a frame; the order of detections changes."""
    people = [person for person in (0, 1) if not (person == 1 and frame in UNSEEN)]
    return people[::-1] if frame % 2 else people


def person_of(person: int, frame: int, *, frames: int = FRAMES, noise_m: float = 0.0) -> dict[str, Any]:
    """One person's dict; `noise_m` is the noise of each coordinate."""
    noise = noise_m * np.random.default_rng(1000 * person + frame).standard_normal((70, 3))
    points = true_points(person, frames)[frame] + noise
    shift = points[[9, 10]].mean(0) + np.array([0.0, 0.9, 0.0])
    shift32, relative = shift.astype(np.float32), (points - shift).astype(np.float32)
    placed = relative.astype(np.float64) + shift32
    pixels = FOCAL * placed[:, :2] / placed[:, 2:] + np.array(SIZE) / 2
    return {
        "bbox": np.concatenate([pixels.min(0), pixels.max(0)]).astype(np.float32),
        "focal_length": np.float32(FOCAL),
        "pred_keypoints_3d": relative,
        "pred_keypoints_2d": pixels.astype(np.float32),
        "pred_vertices": values(5, 3),
        "pred_cam_t": shift32,
        "pred_pose_raw": values(266),
        "global_rot": values(3, seed=frame),
        "body_pose_params": values(133, seed=frame),
        "hand_pose_params": values(108),
        "scale_params": values(28),
        "shape_params": values(45, seed=person),
        "expr_params": values(72),
        "mask": None,
        "pred_joint_coords": values(127, 3),
        "pred_global_rots": np.tile(np.eye(3, dtype=np.float32), (127, 1, 1)),
        "mhr_model_params": values(204),
    }


def outputs(frame: int, *, frames: int = FRAMES, noise_m: float = 0.0) -> list[dict[str, Any]]:
    """What `process_one_image` returns for a frame."""
    return [person_of(person, frame, frames=frames, noise_m=noise_m) for person in seen_people(frame)]


def write_recording(folder: Path, *, frames: int = FRAMES, noise_m: float = 0.0, fps: float | None = 30.0) -> Path:
    """The recorder's folder, with track ids 4 and 9."""
    recorder = Sam3dRecorder(folder, fps=fps)
    for frame in range(frames):
        recorder.add(
            frame,
            outputs(frame, frames=frames, noise_m=noise_m),
            ids=[(4, 9)[person] for person in seen_people(frame)],
        )
    return folder


def write_person_npz(path: Path, person: int = 0, frame: int = 0) -> Path:
    """One person of one image, without the focal length, as the samples of facebookresearch/MHR are."""
    arrays = {key: value for key, value in person_of(person, frame).items() if key not in ("focal_length", "mask")}
    np.savez(path, **arrays)
    return path


def write_lists_npy(path: Path) -> Path:
    """`np.save` of an array of objects, made from a list of lists."""
    np.save(path, np.array([outputs(frame) for frame in range(FRAMES)], dtype=object), allow_pickle=True)
    return path


def write_dict_pickle(path: Path) -> Path:
    """A pickled dict of lists by image name."""
    path.write_bytes(pickle.dumps({f"{frame:06d}.jpg": outputs(frame) for frame in range(FRAMES)}))
    return path


def write_json(path: Path) -> Path:
    """JSON of a list for each frame."""

    def plain(value: Any) -> Any:
        return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value

    rows = [[{key: plain(value) for key, value in row.items()} for row in outputs(frame)] for frame in range(FRAMES)]
    path.write_text(json.dumps(rows))
    return path
