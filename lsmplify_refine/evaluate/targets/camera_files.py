"""Writers of camera calibrations, in the layouts of EasyMocap and Pose2Sim."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2

from lsmplify_refine.evaluate.targets.rooms import IMAGE_SIZE
from lsmplify_refine.values.camera import CalibratedCamera


def write_easymocap_cameras(folder: Path, cameras: Mapping[str, CalibratedCamera]) -> Path:
    """EasyMocap's folder of `intri.yml` and `extri.yml`."""
    folder.mkdir(exist_ok=True)
    for file, entries in (("intri.yml", ("K", "dist")), ("extri.yml", ("R", "Rot", "T"))):
        storage = cv2.FileStorage(str(folder / file), cv2.FILE_STORAGE_WRITE)
        storage.startWriteStruct("names", cv2.FILE_NODE_SEQ)
        for name in cameras:
            storage.write("", name)
        storage.endWriteStruct()
        for name, camera in cameras.items():
            values = {
                "K": camera.K,
                "dist": camera.distortion[None],
                "R": cv2.Rodrigues(camera.R)[0],
                "Rot": camera.R,
                "T": camera.t[:, None],
            }
            for entry in entries:
                storage.write(f"{entry}_{name}", values[entry])
        storage.release()
    return folder


def write_pose2sim_cameras(path: Path, cameras: Mapping[str, CalibratedCamera]) -> Path:
    """Pose2Sim's `Calib.toml`."""
    lines = []
    for name, camera in cameras.items():
        lines += [
            f"[cam_{name}]",
            f'name = "{name}"',
            f"size = {[float(length) for length in IMAGE_SIZE]}",
            f"matrix = {camera.K.tolist()}",
            f"distortions = {camera.distortion[:4].tolist()}",
            f"rotation = {cv2.Rodrigues(camera.R)[0].ravel().tolist()}",
            f"translation = {camera.t.tolist()}",
            "fisheye = false",
        ]
    path.write_text("\n".join([*lines, "[metadata]", "adjusted = false", "error = 0.0"]))
    return path
