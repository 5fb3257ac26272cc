"""Calibrated cameras."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.values.camera import CalibratedCamera


def camera_at(name: str, degrees: float, target: np.ndarray, distance_m: float = 4.0) -> CalibratedCamera:
    """A camera of 1920x1080 that looks at a point from the side and a little above, with lens distortion."""
    angle = np.radians(degrees)
    centre = target + distance_m * np.array([np.sin(angle), -0.2, -np.cos(angle)])
    forward = (target - centre) / np.linalg.norm(target - centre)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    K = np.array([[1500.0, 0, 960], [0, 1500.0, 540], [0, 0, 1]])
    return CalibratedCamera(name, K, R, -R @ centre, np.array([-0.1, 0.02, 0.001, -0.001, 0.0]))
