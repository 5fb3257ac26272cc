"""Colours and sizes of the comparison video."""

from __future__ import annotations

import cv2

#: RGB.
Color = tuple[int, int, int]

#: The two meshes, and the keypoints drawn over both.
BEFORE_COLOR, AFTER_COLOR, KEYPOINT_COLOR = (226, 152, 96), (84, 170, 214), (255, 226, 64)
TEXT_COLOR = (235, 235, 235)
FONT = cv2.FONT_HERSHEY_DUPLEX
