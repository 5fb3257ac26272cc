"""Keypoints drawn over a picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.visual.comparison.style import KEYPOINT_COLOR, Color

#: Keypoints below the first confidence are not drawn; below the second they are rings.
_MIN_CONFIDENCE, MIN_FILLED = 0.2, 0.5


def draw_keypoints(image: np.ndarray, keypoints: Keypoints, row: int, scale: float) -> None:
    """Draw skeleton and points: the higher the confidence, the brighter; low confidence is a ring."""
    confidence = keypoints.confidence[row]
    seen = (confidence >= _MIN_CONFIDENCE) & np.isfinite(keypoints.positions[row]).all(axis=-1)
    points = np.nan_to_num(keypoints.positions[row]) * scale
    # OpenCV needs small integers; a detection far outside the image is not drawn
    seen &= (np.abs(points) < 4 * max(image.shape)).all(axis=-1)
    pixels = np.rint(np.where(seen[:, None], points, 0.0)).astype(int)
    unit = max(1, round(min(image.shape[:2]) / 480))
    for a, b in CONVENTIONS[keypoints.convention].edges:
        if seen[a] and seen[b]:
            color = _faded(min(confidence[a], confidence[b]))
            cv2.line(image, pixels[a].tolist(), pixels[b].tolist(), color, unit, cv2.LINE_AA)
    for point in np.flatnonzero(seen):
        _dot(image, pixels[point].tolist(), unit, confidence[point])


def _dot(image: np.ndarray, center: Sequence[int], unit: int, confidence: float) -> None:
    cv2.circle(image, center, 2 * unit + 1, (40, 40, 40), -1, cv2.LINE_AA)
    filling = -1 if confidence >= MIN_FILLED else unit
    cv2.circle(image, center, 2 * unit, _faded(confidence), filling, cv2.LINE_AA)


def _faded(confidence: float) -> Color:
    share = 0.35 + 0.65 * float(min(confidence, 1.0))
    red, green, blue = (round(share * channel) for channel in KEYPOINT_COLOR)
    return red, green, blue
