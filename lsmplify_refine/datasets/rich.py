"""RICH: SMPL-X of each frame in the first camera's axes, seen by one of the cameras of its scan calibration.

`bodies/<split>/<sequence>/<frame>/<subject>.pkl`; `scan_calibration/<scene>/calibration/<camera>.xml` in OpenCV's
storage: CameraMatrix 3x4 [R|t], Intrinsics 3x3, Distortion. Source: paulchhuang/rich_toolkit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.datasets.truth import Truth, check_options, truth_of
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.leaves import gender_of
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, move_body
from lsmplify_refine.safe_load import load_npz, load_pickle, read_text
from lsmplify_refine.values.camera import CalibratedCamera, Camera
from lsmplify_refine.values.estimate import Estimate

#: Frame rate of its videos.
FPS = 30.0
#: Numbers of each parameter in a frame's file.
KEYS = {"global_orient": 3, "body_pose": 63, "transl": 3}
_BETAS = 10
_MATRIX = r"<{name}\b[^>]*>.*?<data>([^<]*)</data>"


def read(path: Path, options: Mapping[str, str]) -> list[Truth]:
    """Read one person of a sequence.

    Args:
        path: The sequence's folder of frames.
        options: `subject` (017), needed if several people are in it; `view`, the number of a camera, for its axes;
            `gender` of the body, which its files do not state.

    Raises:
        InputError: Files or keys are missing, or an option that is needed.
    """
    check_options("rich", options, ("subject", "view", "gender"))
    files = sorted(
        (file for file in path.glob("*/*") if file.suffix in (".pkl", ".npz") and file.parent.name.isdigit()),
        key=lambda file: int(file.parent.name),
    )
    subjects = sorted({file.stem for file in files})
    subject = options.get("subject", subjects[0] if len(subjects) == 1 else "")
    files = [file for file in files if file.stem == subject]
    if not files:
        raise InputError(f"{path}: no frames of subject {subject or '?'}; known: {', '.join(subjects) or 'none'}")
    if "gender" not in options:
        raise InputError(f"{path}: say the gender of {subject}'s body, as in rich,gender=female:{path}")
    rows = [read_frame(file) for file in files]
    root, pose, transl, betas = (np.concatenate([row[key] for row in rows]) for key in (*KEYS, "betas"))
    camera = None
    if "view" in options:
        found = camera_of(path, options["view"])
        rest = np.array(MEAN_REST_PELVIS["smplx"])
        root, transl = move_body(root, transl, rest, rotation=found.R, translation=found.t)
        camera = Camera(np.tile(found.K, (len(rows), 1, 1)))
    person = Estimate(
        family="smplx",
        gender=gender_of(options["gender"], f"{path}: gender"),
        global_orient=root,
        body_pose=pose.reshape(len(rows), -1, 3),
        betas=betas,
        transl=transl,
        frame="world" if camera is None else "camera",
        camera=camera,
        fps=FPS,
        frame_ids=np.array([int(file.parent.name) for file in files]),
        track_id=subject,
        source=path,
    )
    return [truth_of(person)]


def read_frame(path: Path) -> dict[str, np.ndarray]:
    """A frame's parameters, (1, n) each, and `betas` (1, 10), zeros where the file has none.

    Args:
        path: A person's file of one frame, .pkl or .npz.

    Raises:
        InputError: A parameter is missing, or not as many finite numbers.
    """
    data = load_npz(path) if path.suffix == ".npz" else load_pickle(path)
    values = {}
    for key, width in KEYS.items():
        if not isinstance(data, dict) or key not in data:
            raise InputError(f"{path}: {key}: missing; not a body of RICH")
        values[key] = _numbers(data[key], width, f"{path}: {key}")
    betas = np.reshape(data.get("betas", np.zeros(_BETAS)), -1)[:_BETAS]
    return values | {"betas": _numbers(betas, len(betas), f"{path}: betas")}


def camera_of(sequence: Path, view: str) -> CalibratedCamera:
    """A camera of a sequence's scene; `scan_calibration` lies in a folder above the sequence.

    Args:
        sequence: The sequence's folder of frames.
        view: Number of the camera.

    Raises:
        InputError: The calibration is missing or incomplete.
    """
    scene = sequence.name.partition("_")[0]
    if not view.isdigit():
        raise InputError(f"{sequence}: view {view}: give the number of a camera")
    within = Path("scan_calibration") / scene / "calibration" / f"{int(view):03d}.xml"
    file = next((folder / within for folder in sequence.parents if (folder / within).is_file()), None)
    if file is None:
        raise InputError(f"{sequence}: no {within} in a folder above it")
    text = read_text(file)
    pose, K = _matrix(text, "CameraMatrix", (3, 4), file), _matrix(text, "Intrinsics", (3, 3), file)
    return CalibratedCamera(view, K, pose[:, :3], pose[:, 3])


def _matrix(text: str, name: str, shape: tuple[int, int], file: Path) -> np.ndarray:
    found = re.search(_MATRIX.format(name=name), text, re.DOTALL)
    try:
        numbers = np.array([float(value) for value in found[1].split()]) if found else np.empty(0)
        return numbers.reshape(shape)
    except ValueError as error:
        raise InputError(f"{file}: {name}: expected {shape[0]} x {shape[1]} numbers") from error


def _numbers(value: Any, width: int, where: str) -> np.ndarray:
    array = np.reshape(np.asarray(value), (1, -1))
    if array.shape[1] != width or array.dtype.kind not in "fiu":
        raise InputError(f"{where}: shape {np.shape(value)} of {array.dtype}; expected {width} numbers")
    if not np.isfinite(array).all():
        raise InputError(f"{where}: NaN or infinite; remove the frame")
    return array.astype(np.float64)
