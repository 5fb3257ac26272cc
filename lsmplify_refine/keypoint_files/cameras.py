"""Calibrated cameras from files: EasyMocap's and OpenCV's YAML (intri.yml, extri.yml), and Pose2Sim's TOML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load import load_toml, read_text
from lsmplify_refine.values.camera import CalibratedCamera

#: Numbers of distortion coefficients that OpenCV knows.
_DISTORTIONS = (0, 4, 5, 8, 12, 14)


def load_calibration(path: str | Path) -> dict[str, CalibratedCamera]:
    """Read calibrated cameras, by name.

    Args:
        path: A folder with EasyMocap's intri.yml and extri.yml, either of these files, or a Pose2Sim `.toml`.

    Raises:
        InputError: Files or keys are missing or malformed.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir():
        tomls = sorted(path.glob("*.toml"))
        if (path / "intri.yml").is_file() or not tomls:
            return _from_yaml(path)
        if len(tomls) > 1:
            raise InputError(f"{path}: several .toml files; give the calibration file itself")
        path = tomls[0]
    return _from_toml(path) if path.suffix.lower() == ".toml" else _from_yaml(path.parent)


def _from_yaml(folder: Path) -> dict[str, CalibratedCamera]:
    intri, extri = folder / "intri.yml", folder / "extri.yml"
    for path in (intri, extri):
        if not path.is_file():
            raise InputError(f"{path}: no such file; EasyMocap's calibration is intri.yml and extri.yml together")
    names, inner = _read_yaml(intri)
    _, outer = _read_yaml(extri)
    if not names:
        raise InputError(f"{intri}: names: lists no cameras")
    return {
        name: _camera(
            name,
            {
                "matrix": inner.get(f"K_{name}"),
                "rotation": outer.get(f"Rot_{name}", outer.get(f"R_{name}")),
                "translation": outer.get(f"T_{name}"),
                "distortions": inner.get(f"dist_{name}", np.zeros(5)),
            },
            folder,
        )
        for name in names
    }


#: A matrix as OpenCV writes it, and the list of names, in block or bracket style.
_MATRIX = re.compile(
    r"^ *\"?([^\s:\"]+)\"?:\s*!!opencv-matrix\s+rows:\s*(\d{1,2})\s+cols:\s*(\d{1,2})\s+dt:\s*\"?[fdi]\"?\s+"
    r"data:\s*\[([^\[\]]*)\]",
    re.MULTILINE,
)
_NAMES = re.compile(r"^names:[ \t]*(?:\[([^\[\]]*)\]|((?:\r?\n *- *[^\r\n]*)+))", re.MULTILINE)


def _read_yaml(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Names and matrices of OpenCV's YAML; cv2.FileStorage would corrupt memory on damaged files."""
    text = read_text(path)
    if not text.startswith("%YAML"):
        raise InputError(f"{path}: not readable as OpenCV's YAML; it must begin with %YAML:1.0")
    matrices = {}
    for name, rows, columns, data in _MATRIX.findall(text):
        try:
            values = np.array([float(value) for value in data.replace("\n", " ").split(",")])
            matrices[name] = values.reshape(int(rows), int(columns))
        except ValueError as error:
            raise InputError(f"{path}: {name}: not a matrix of {rows} x {columns} numbers ({error})") from error
    listed = _NAMES.search(text)
    entries = [] if listed is None else (listed[1].split(",") if listed[1] is not None else listed[2].splitlines())
    names = [entry.strip().removeprefix("-").strip().strip("\"'") for entry in entries]
    return [name for name in names if name], matrices


def _from_toml(path: Path) -> dict[str, CalibratedCamera]:
    cameras = {}
    for section, values in load_toml(path).items():
        if not isinstance(values, dict) or "matrix" not in values:
            continue
        if values.get("fisheye"):
            raise InputError(f"{path}: {section}: fisheye lenses are not supported; undistort the keypoints first")
        name = str(values.get("name", section))
        cameras[name] = _camera(name, values, path)
    if not cameras:
        raise InputError(f"{path}: holds no cameras; each is a section with matrix, rotation and translation")
    return cameras


def _camera(name: str, values: Mapping[str, Any], where: Path) -> CalibratedCamera:
    found = {}
    for key in ("matrix", "rotation", "translation", "distortions"):
        value = values.get(key, [] if key == "distortions" else None)
        if value is None:
            raise InputError(f"{where}: camera {name}: {key} is missing")
        try:
            found[key] = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{where}: camera {name}: {key}: not numbers ({error})") from error
        if not np.isfinite(found[key]).all():
            raise InputError(f"{where}: camera {name}: {key}: NaN or infinite")
    K, rotation, translation, distortion = found.values()
    sizes = K.shape == (3, 3), rotation.size in (3, 9), translation.size == 3, distortion.size in _DISTORTIONS
    for key, fits in zip(found, sizes):
        if not fits:
            raise InputError(f"{where}: camera {name}: {key}: shape {found[key].shape} is not a camera's")
    R = rotation.reshape(3, 3) if rotation.size == 9 else cv2.Rodrigues(rotation.reshape(3, 1))[0]
    if not np.allclose(R @ R.T, np.eye(3), atol=1e-3) or np.linalg.det(R) < 0:
        raise InputError(f"{where}: camera {name}: rotation: not a rotation")
    coefficients = distortion.ravel() if distortion.size else np.zeros(5)
    return CalibratedCamera(name, K, R, translation.ravel(), coefficients)
