"""Points by name: TRC and CSV, and OpenPose's names."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def words(text: str) -> list[str]:
    return text.split()


OPENPOSE = words(
    "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee LAnkle REye LEye "
    "REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel"
)


def metres(frames: int, count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.5, (frames, count, 3))


def write_trc(
    path: Path, names: list[str], points: np.ndarray, unit: str = "m", first: int = 1, fps: float = 60
) -> Path:
    """As Pose2Sim and OpenSim write it; NaN as an empty cell."""
    frames, count = points.shape[:2]
    heads = ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate"]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "\t".join(heads),
        f"{fps:g}\t{fps:g}\t{frames}\t{count}\t{unit}\t{fps:g}",
    ]
    lines.append("Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t")
    lines.append("\t\t" + "\t".join(f"{axis}{i + 1}" for i in range(count) for axis in "XYZ"))
    lines.append("")
    for row, frame in enumerate(points):
        cells = ["" if np.isnan(value) else f"{value:.6f}" for value in frame.ravel()]
        lines.append("\t".join([str(row + first), f"{row / fps:.5f}", *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path


def csv_of(points: np.ndarray, people: list[str], axes: str) -> str:
    lines = [f"frame,person,point,{','.join(axes)},confidence"]
    for person in people:
        for frame, values in enumerate(points):
            lines += [
                f"{frame + 2},{person},{name},{','.join(f'{v:.4f}' for v in value)},0.5"
                for name, value in zip(OPENPOSE, values)
                if name != "Nose" or frame != 1
            ]
    return "\n".join(lines)
