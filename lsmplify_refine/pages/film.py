"""The comparison video beside a page: when each of its frames is shown, and small pictures of some."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2

#: Width of a small picture in pixels, and its JPEG quality.
_WIDTH, _QUALITY = 420, 78


@dataclass(frozen=True)
class Film:
    """A video.

    Attributes:
        path: The file.
        times: When each frame begins, seconds from the start.
    """

    path: Path
    times: tuple[float, ...]

    @staticmethod
    def of(path: Path) -> Film:
        """Read the times of a video's frames, without decoding them."""
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            base = float(stream.time_base or 0)
            ticks = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        return Film(path, tuple(round((tick - ticks[0]) * base, 6) for tick in ticks))

    def pictures(self, frames: Iterable[int]) -> dict[int, str]:
        """Small pictures of frames as data URIs; frames that the video lacks are left out."""
        found = {}
        with av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            base, start = float(stream.time_base or 0), stream.start_time or 0
            for frame in sorted({*frames}):
                if not 0 <= frame < len(self.times):
                    continue
                tick = start + round(self.times[frame] / base)
                # to the last frame before it that can be decoded alone
                container.seek(tick, stream=stream, backward=True)
                image = next(each for each in container.decode(stream) if each.pts is not None and each.pts >= tick)
                height = max(2, round(_WIDTH * image.height / image.width))
                small = image.reformat(_WIDTH, height, "bgr24").to_ndarray()
                _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
                found[frame] = "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
        return found
