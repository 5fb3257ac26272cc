"""Cameras: the intrinsics of a track, and calibrated cameras of a room."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Float

from lsmplify_refine.errors import InputError

#: Valid range, pixels: focal lengths exceed the first, all intrinsics stay below the second.
_MIN_FOCAL_PX, _MAX_PX = 1e-2, 1e6


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in OpenCV convention (x right, y down, z forward), one K per frame.

    Attributes:
        K: Intrinsics in pixels of the full image.
        image_size: (width, height) in pixels, or None if unknown.
    """

    K: Float[np.ndarray, "frames 3 3"]
    image_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.K.dtype == np.float16:
            object.__setattr__(self, "K", self.K.astype(np.float32))
        focal, last = self.K[..., [0, 1], [0, 1]], self.K[..., 2, :]
        usable = np.isfinite(self.K).all() and (focal > _MIN_FOCAL_PX).all() and (np.abs(self.K) < _MAX_PX).all()
        if not usable or np.abs(last - [0.0, 0.0, 1.0]).max(initial=0.0) > 1e-3:
            raise InputError(
                "the camera's intrinsics must be [fx 0 cx; 0 fy cy; 0 0 1] with finite values, fx and fy > 0"
            )

    @classmethod
    def centred(cls, K: Float[np.ndarray, "frames 3 3"]) -> Camera:
        """A camera whose principal point is the middle of the image: the first K gives the image size."""
        width, height = (round(2 * float(K[0, axis, 2])) for axis in (0, 1))
        return cls(K, (width, height) if width > 0 and height > 0 else None)


@dataclass(frozen=True)
class CalibratedCamera:
    """A pinhole camera with a known pose: x_camera = R x_world + t, OpenCV's axes (x right, y down, z forward).

    Attributes:
        name: As in the calibration file.
        K: Intrinsics, pixels.
        R: `R_camera_world`.
        t: Metres.
        distortion: OpenCV's coefficients.
    """

    name: str
    K: Float[np.ndarray, "3 3"]
    R: Float[np.ndarray, "3 3"]
    t: Float[np.ndarray, " 3"]
    distortion: Float[np.ndarray, " coefficients"] = field(default_factory=lambda: np.zeros(5))

    def project(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 2"]:
        """World points in metres to pixels, with the lens's distortion."""
        rotvec, _ = cv2.Rodrigues(self.R)
        pixels, _ = cv2.projectPoints(
            np.ascontiguousarray(points.reshape(-1, 1, 3), np.float64), rotvec, self.t, self.K, self.distortion
        )
        return pixels.reshape(*points.shape[:-1], 2)

    def rays(self, pixels: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
        """Undistorted rays of pixels; NaN becomes the ray of pixel (0, 0)."""
        flat = np.nan_to_num(pixels.reshape(-1, 1, 2).astype(np.float64))
        return cv2.undistortPoints(flat, self.K, self.distortion).reshape(pixels.shape)
