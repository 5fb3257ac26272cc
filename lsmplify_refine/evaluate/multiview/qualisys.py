"""Calibration by Qualisys (`*.qca.txt`), as Pose2Sim's demos have it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.camera import CalibratedCamera

#: The file counts in 64ths of a pixel.
_SUBPIXELS = 64.0
_DISTORTION = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
#: Qualisys' cameras have y up and look along -z.
_OPENCV_FROM_QUALISYS = np.diag([1.0, -1.0, -1.0])


def load_qualisys(path: Path) -> dict[str, CalibratedCamera]:
    """Read the video cameras of a calibration, by serial.

    Raises:
        InputError: The file cannot be read, or holds no camera.
    """
    try:
        cameras = ElementTree.parse(path).getroot().findall("cameras/camera")
        found = {camera.attrib["serial"]: _camera(camera) for camera in cameras}
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ElementTree.ParseError as error:
        raise InputError(f"{path}: not XML as Qualisys writes it ({error})") from error
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: a camera lacks a number or has a bad one ({error})") from error
    if not found:
        raise InputError(f"{path}: holds no cameras; Qualisys lists them under calibration/cameras")
    return found


def _camera(camera: ElementTree.Element) -> CalibratedCamera:
    inner, pose, view = (_numbers(camera, tag) for tag in ("intrinsic", "transform", "fov_video"))
    left, top = view["left"], view["top"]
    K = np.array(
        [
            [inner["focalLengthU"] / _SUBPIXELS, 0.0, inner["centerPointU"] / _SUBPIXELS - left],
            [0.0, inner["focalLengthV"] / _SUBPIXELS, inner["centerPointV"] / _SUBPIXELS - top],
            [0.0, 0.0, 1.0],
        ]
    )
    axes = np.array([[pose[f"r{row}{column}"] for column in (1, 2, 3)] for row in (1, 2, 3)])
    R = _OPENCV_FROM_QUALISYS @ axes
    position_m = np.array([pose[axis] for axis in "xyz"]) / 1000
    distortion = np.array([inner[name] for name in _DISTORTION]) / _SUBPIXELS
    return CalibratedCamera(camera.attrib["serial"], K, R, -R @ position_m, distortion)


def _numbers(camera: ElementTree.Element, tag: str) -> dict[str, float]:
    element = camera.find(tag)
    if element is None:
        raise KeyError(tag)
    return {name: float(value) for name, value in element.attrib.items()}
