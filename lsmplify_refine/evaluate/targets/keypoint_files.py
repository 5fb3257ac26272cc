"""Writers of the keypoint files that `targets.rows` refines onto."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from lsmplify_refine.evaluate.targets.motion import FPS

#: OpenPose's names of BODY_25's points, in its order.
_OPENPOSE_NAMES = (
    "Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip", "RHip", "RKnee",
    "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar", "LBigToe", "LSmallToe", "LHeel", "RBigToe",
    "RSmallToe", "RHeel",
)  # fmt: skip


def write_body25_trc(folder: Path, points: np.ndarray, fps: float = FPS) -> Path:
    """TRC in millimetres with OpenPose's names, as Pose2Sim and OpenSim write it; an empty cell where missing."""
    frames, count = points.shape[:2]
    path = folder / "keypoints.trc"
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate",
        f"{fps:g}\t{fps:g}\t{frames}\t{count}\tmm\t{fps:g}",
        "Frame#\tTime\t" + "\t\t\t".join(_OPENPOSE_NAMES) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{index + 1}" for index in range(count) for axis in "XYZ"),
        "",
    ]
    for index, frame in enumerate(1000 * points):
        cells = ["" if np.isnan(value) else f"{value:.6f}" for value in frame.ravel()]
        lines.append("\t".join([str(index + 1), f"{index / fps:.5f}", *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_h36m_npy(folder: Path, points: np.ndarray) -> Path:
    """A plain array in millimetres; NaN where missing."""
    np.save(folder / "keypoints.npy", (1000 * points).astype(np.float32))
    return folder / "keypoints.npy"


def write_h36m_npz(folder: Path, points: np.ndarray) -> Path:
    """The documented archive; it omits frames without any point."""
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
    """MMPose's list of frames, as its pose lifters write it."""
    there = np.isfinite(points).all(-1)
    frames = [
        {"frame_id": frame, "instances": [{"keypoints": found.tolist(), "keypoint_scores": seen.tolist()}]}
        for frame, (found, seen) in enumerate(zip(np.nan_to_num(points), there.astype(float)))
        if seen.any()
    ]
    (folder / "keypoints.json").write_text(json.dumps(frames))
    return folder / "keypoints.json"


def write_easymocap_people(folder: Path, people: Mapping[int, np.ndarray]) -> Path:
    """EasyMocap's `keypoints3d/000000.json`, ...: the people of each frame, with their ids."""
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
    """EasyMocap's folder for one person."""
    return write_easymocap_people(folder, {0: points})


#: Name of a form -> (convention, writer, whether the user must name the convention).
SPACE_FORMS: dict[str, tuple[str, Callable[[Path, np.ndarray], Path], bool]] = {
    "TRC (BODY_25, mm)": ("body25", write_body25_trc, False),
    "H36M-17 .npy (mm)": ("h36m17", write_h36m_npy, True),
    "H36M-17 .npz": ("h36m17", write_h36m_npz, False),
    "H36M-17 .json (MMPose)": ("h36m17", write_h36m_json, True),
    "EasyMocap keypoints3d": ("body25", write_easymocap, False),
}


def write_openpose(folder: Path, people: Mapping[int, np.ndarray], *, ids: bool = True) -> Path:
    """OpenPose's folder with one file per frame; the order of people alternates, NaN where nobody is found."""
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
    """A list of COCO results for one person."""
    entries = []
    for frame, found in enumerate(points):
        there = np.isfinite(found).all(-1)
        if there.any():
            values = np.column_stack([np.nan_to_num(found), 0.9 * there]).round(3).ravel().tolist()
            entries.append({"image_id": frame, "category_id": 1, "keypoints": values, "score": 0.9})
    path.write_text(json.dumps(entries))
    return path
