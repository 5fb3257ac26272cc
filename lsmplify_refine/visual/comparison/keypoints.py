"""Keypoints, the body's own points, and the residuals between them, drawn over a picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.visual.comparison.style import KEYPOINT_COLOR, Color

#: Keypoints below the first confidence are not drawn; below the second they are rings.
_MIN_CONFIDENCE, MIN_FILLED = 0.2, 0.5
_OUTLINE: Color = (40, 40, 40)

_Image = UInt8[np.ndarray, "height width 3"]


def draw_keypoints(image: _Image, keypoints: Keypoints, row: int, scale: float) -> None:
    """Draw skeleton and points: the higher the confidence, the brighter; low confidence is a ring."""
    confidence = keypoints.confidence[row]
    pixels, seen = _in_reach(image, keypoints.positions[row] * scale)
    seen &= confidence >= _MIN_CONFIDENCE
    unit = line_width(image)
    for a, b in CONVENTIONS[keypoints.convention].edges:
        if seen[a] and seen[b]:
            color = _faded(min(confidence[a], confidence[b]))
            cv2.line(image, pixels[a].tolist(), pixels[b].tolist(), color, unit, cv2.LINE_AA)
    for point in np.flatnonzero(seen):
        _dot(image, pixels[point].tolist(), 2 * unit, _faded(confidence[point]), confidence[point] >= MIN_FILLED)


def draw_residuals(
    image: _Image,
    own: Float[np.ndarray, "points 2"],
    keypoints: Keypoints,
    row: int,
    scale: float,
    color: Color,
) -> None:
    """Draw the body's own points, and a line from each to its keypoint.

    Args:
        image: Changed.
        own: The body's points, pixels of the video.
        keypoints: The keypoints.
        row: The frame's row in them.
        scale: Pixels of the image per pixel of the video.
        color: Of the lines and points.
    """
    ends, there = _in_reach(image, own * scale)
    targets, seen = _in_reach(image, keypoints.positions[row] * scale)
    seen &= there & (keypoints.confidence[row] >= _MIN_CONFIDENCE)
    unit = line_width(image)
    for point in np.flatnonzero(seen):
        cv2.line(image, ends[point].tolist(), targets[point].tolist(), _OUTLINE, unit + 2, cv2.LINE_AA)
        cv2.line(image, ends[point].tolist(), targets[point].tolist(), color, unit, cv2.LINE_AA)
        _dot(image, ends[point].tolist(), round(1.5 * unit), color, True)


def line_width(image: UInt8[np.ndarray, "height width 3"]) -> int:
    """Pixels of a thin line in a picture."""
    shorter: int = min(image.shape[:2])
    return max(1, round(shorter / 480))


def _in_reach(
    image: _Image, points: Float[np.ndarray, "points 2"]
) -> tuple[Int[np.ndarray, "points 2"], Bool[np.ndarray, " points"]]:
    """Whole pixels, and which of them OpenCV can draw: it needs small integers."""
    seen = np.isfinite(points).all(axis=-1)
    seen &= (np.abs(np.where(seen[:, None], points, np.inf)) < 4 * max(image.shape)).all(axis=-1)
    return np.rint(np.where(seen[:, None], points, 0.0)).astype(int), seen


def _dot(image: _Image, center: Sequence[int], radius: int, color: Color, filled: bool) -> None:
    cv2.circle(image, center, radius + 1, _OUTLINE, -1, cv2.LINE_AA)
    cv2.circle(image, center, radius, color, -1 if filled else max(1, radius // 2), cv2.LINE_AA)


def _faded(confidence: float) -> Color:
    share = 0.35 + 0.65 * float(min(confidence, 1.0))
    red, green, blue = (round(share * channel) for channel in KEYPOINT_COLOR)
    return red, green, blue
