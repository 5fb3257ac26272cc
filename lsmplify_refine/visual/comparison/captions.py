"""Titles, legend, frame number and captions of a comparison video."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from lsmplify_refine.visual.comparison.keypoints import MIN_FILLED
from lsmplify_refine.visual.comparison.panels import halves
from lsmplify_refine.visual.comparison.style import (
    AFTER_COLOR,
    BEFORE_COLOR,
    FONT,
    KEYPOINT_COLOR,
    TEXT_COLOR,
    Color,
)


def label(pair: np.ndarray, position: str, captions: Sequence[str], *, legend: bool) -> None:
    """Write titles and legend at the top, frame number and captions at the bottom, where few people stand."""
    before, after = halves(pair)
    after[:, 0] = 24  # a line between them
    size = max(0.4, min(before.shape[:2]) / 900)
    _text(before, "BEFORE", 1.1 * size, BEFORE_COLOR)
    _text(after, "AFTER", 1.1 * size, AFTER_COLOR)
    if legend:
        right = after[:, 2 * after.shape[1] // 5 :]  # beside the title
        _text(right, f"keypoints (ring: confidence < {MIN_FILLED})", 0.7 * size, KEYPOINT_COLOR, right=True)
    _text(before, position, 0.7 * size, TEXT_COLOR, bottom=True)
    joined = "; ".join(caption for caption in captions if caption)
    if joined:
        _text(after, joined, 0.7 * size, TEXT_COLOR, bottom=True)


def _text(
    image: np.ndarray, text: str, size: float, color: Color, *, bottom: bool = False, right: bool = False
) -> None:
    """Write text on a darkened plate in a corner (upper left by default), shrunk until it fits."""
    (width, _), _ = cv2.getTextSize(text, FONT, size, 1)
    size *= min(1.0, 0.9 * image.shape[1] / max(width, 1))
    thickness = max(1, round(1.4 * size))
    (width, height), baseline = cv2.getTextSize(text, FONT, size, thickness)
    pad = round(0.45 * height)
    plate_width, plate_height = width + 2 * pad, height + baseline + 2 * pad
    left = max(0, image.shape[1] - plate_width - pad) if right else pad
    top = max(0, image.shape[0] - plate_height - pad) if bottom else pad
    plate = image[top : top + plate_height, left : left + plate_width]
    plate[:] = plate // 3
    cv2.putText(image, text, (left + pad, top + pad + height), FONT, size, color, thickness, cv2.LINE_AA)
