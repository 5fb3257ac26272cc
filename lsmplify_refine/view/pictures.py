"""The small pictures of a video, one after another or from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from lsmplify_refine.visual.video import read_frames


class Pictures:
    """Frames of a video, scaled down. Going forward is fast; going back starts again."""

    def __init__(self, video: Path, width: int) -> None:
        self._video, self._width = video, width
        self._next = 0
        self._frames: Iterator[np.ndarray] = iter(())
        self._last: np.ndarray | None = None

    def at(self, frame: int) -> np.ndarray | None:
        """The picture (H, W, 3) of a frame; None beyond the end."""
        if frame < self._next - 1 or self._next == 0:
            self._frames, self._next, self._last = read_frames(self._video), 0, None
        while self._next <= frame:
            image = next(self._frames, None)
            if image is None:
                return None
            self._next += 1
            self._last = image if self._next > frame else None
        return None if self._last is None else self._small(self._last)

    def _small(self, image: np.ndarray) -> np.ndarray:
        height = max(1, round(image.shape[0] * self._width / image.shape[1]))
        small: np.ndarray = cv2.resize(image, (self._width, height), interpolation=cv2.INTER_AREA)
        return small
