"""Cameras: the intrinsics of a track, and calibrated cameras of a room."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from lsmplify_refine.errors import InputError

#: Intrinsics outside these bounds belong to no camera, pixels.
_MIN_FOCAL_PX, _MAX_PX = 1e-2, 1e6


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in OpenCV convention (x right, y down, z forward), one K per frame.

    Attributes:
        K: (T, 3, 3) intrinsics in pixels of the full image.
        image_size: (width, height) in pixels, or None where the file does not say.
    """

    K: np.ndarray
    image_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        focal, last = self.K[..., [0, 1], [0, 1]], self.K[..., 2, :]
        usable = np.isfinite(self.K).all() and (focal > _MIN_FOCAL_PX).all() and (np.abs(self.K) < _MAX_PX).all()
        if not usable or np.abs(last - [0.0, 0.0, 1.0]).max(initial=0.0) > 1e-3:
            raise InputError(
                "the camera's intrinsics are no [fx 0 cx; 0 fy cy; 0 0 1] of finite numbers, fx and fy > 0"
            )


@dataclass(frozen=True)
class CalibratedCamera:
    """A pinhole camera in a world: x_camera = R x_world + t, OpenCV's axes (x right, y down, z forward).

    Attributes:
        name: As in the calibration file.
        K: (3, 3) intrinsics, pixels.
        R: (3, 3) `R_camera_world`.
        t: (3,) metres.
        distortion: (D,) OpenCV's coefficients.
    """

    name: str
    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    distortion: np.ndarray = field(default_factory=lambda: np.zeros(5))

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) in metres to pixels (..., 2), distorted as the lens does."""
        rotvec, _ = cv2.Rodrigues(self.R)
        pixels, _ = cv2.projectPoints(
            np.ascontiguousarray(points.reshape(-1, 1, 3), np.float64), rotvec, self.t, self.K, self.distortion
        )
        return pixels.reshape(*points.shape[:-1], 2)

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) to normalised image coordinates (..., 2) without distortion; NaN stays."""
        flat = np.nan_to_num(pixels.reshape(-1, 1, 2).astype(np.float64))
        return cv2.undistortPoints(flat, self.K, self.distortion).reshape(pixels.shape)
