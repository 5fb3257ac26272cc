"""Write the comparison video: decode ahead, draw, encode."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from lsmplify_refine.visual.comparison.captions import label
from lsmplify_refine.visual.comparison.people import Actor, DrawnPerson
from lsmplify_refine.visual.encode import QUEUE_LENGTH, VideoWriter
from lsmplify_refine.visual.mesh import MeshRenderer
from lsmplify_refine.visual.video import VideoInfo, read_frames

#: Many players refuse wider videos.
_MAX_WIDTH = 3840


def write_comparison(
    video: VideoInfo,
    output: Path,
    people: Sequence[DrawnPerson],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write before and after side by side, frame for frame and at the rate of the video.

    Args:
        video: The clip, as `probe` describes it.
        output: The MP4 to write.
        people: The people to draw. A frame without a row of theirs shows the plain picture.
        progress: Called with (frames done, frames in all).

    Raises:
        InputError: The video cannot be read, the output cannot be written, or nothing can draw here.
    """
    scale = min(1.0, _MAX_WIDTH / (2 * video.width))
    size = round(video.width * scale), round(video.height * scale)
    time_base = None if video.pts is None else video.time_base
    with (
        MeshRenderer() as renderer,
        VideoWriter(output, 2 * size[0], size[1], video.fps, time_base=time_base) as writer,
    ):
        actors = [Actor(person) for person in people]
        legend = any(person.keypoints is not None for person in people)
        for frame, image in zip(range(video.frames), _read_ahead(read_frames(video.path))):
            if scale < 1:
                image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            pair = np.concatenate([image, image], axis=1)
            for actor in sorted(actors, key=lambda actor: -actor.depth(frame)):  # the nearest is drawn last, on top
                actor.draw(pair, frame, renderer, scale)
            captions = [actor.caption(frame) for actor in actors]
            label(pair, f"frame {frame} / {video.frames - 1}", captions, legend=legend)
            writer.write(pair, None if video.pts is None else int(video.pts[frame]))
            if progress:
                progress(frame + 1, video.frames)


def _read_ahead(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the same frames, decoded a few ahead in another thread."""
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as worker:
        waiting: deque[Future[np.ndarray | None]] = deque()
        try:
            while True:
                while len(waiting) < QUEUE_LENGTH:
                    waiting.append(worker.submit(next, frames, None))
                frame = waiting.popleft().result()
                if frame is None:
                    return
                yield frame
        finally:
            for future in waiting:
                future.cancel()
