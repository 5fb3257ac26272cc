"""Write the comparison video, and pictures of single frames: decode ahead, draw, encode."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lsmplify_refine.errors import InputError
from lsmplify_refine.options import VideoLayout
from lsmplify_refine.visual.comparison.moments import worst_moments
from lsmplify_refine.visual.comparison.painter import Painter
from lsmplify_refine.visual.comparison.people import DrawnPerson, over_frames
from lsmplify_refine.visual.encode import QUEUE_LENGTH, VideoWriter
from lsmplify_refine.visual.mesh import MeshRenderer
from lsmplify_refine.visual.video import VideoInfo, read_frames


def write_comparison(
    video: VideoInfo,
    output: Path | None,
    people: Sequence[DrawnPerson],
    *,
    layout: VideoLayout = "side-by-side",
    as_read: bool = False,
    only_worst: float | None = None,
    snapshots: Mapping[int, Path] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write before and after, frame for frame and at the rate of the video.

    Args:
        video: The clip, as `probe` describes it.
        output: The MP4 to write; None to write snapshots alone.
        people: The people to draw. A frame without a row of theirs shows the plain picture.
        layout: How they are shown.
        as_read: Whether the input as read is shown as well.
        only_worst: How many seconds of the worst moments to write; None for the whole clip.
        snapshots: Frame -> the PNG to write.
        progress: Called with (frames done, frames in all).

    Raises:
        InputError: The video cannot be read, the output cannot be written, or nothing can draw here.
    """
    shots = snapshots or {}
    kept = None if only_worst is None or output is None else _worst(people, video, only_worst)
    in_video = np.full(video.frames, output is not None) if kept is None else kept
    wanted = in_video.copy()
    wanted[list(shots)] = True
    if not wanted.any():
        raise InputError(f"{video.path}: no frames to draw")
    # moments follow each other at the clip's rate
    timed = video.pts if kept is None else None
    last = int(np.flatnonzero(wanted)[-1])
    with ExitStack() as stack:
        renderer = stack.enter_context(MeshRenderer())
        painter = Painter(video, people, layout=layout, as_read=as_read, kept=kept)
        writer = None
        if output is not None:
            time_base = None if timed is None else video.time_base
            writer = stack.enter_context(VideoWriter(output, *painter.size, video.fps, time_base=time_base))
        for frame, image in zip(range(last + 1), _read_ahead(read_frames(video.path))):
            if wanted[frame]:
                picture = painter.paint(image, frame, renderer)
                if writer is not None and in_video[frame]:
                    writer.write(picture, None if timed is None else int(timed[frame]))
                if frame in shots:
                    _write_png(picture, shots[frame])
            if progress:
                progress(frame + 1, last + 1)


def _worst(people: Sequence[DrawnPerson], video: VideoInfo, seconds: float) -> Bool[np.ndarray, " frames"]:
    """The frames of the worst moments: anybody's largest errors after refining."""
    errors = over_frames(people, "after", video.frames)
    if not np.isfinite(errors).any():
        raise InputError("--only-worst: no frame has a keypoint error to choose by; leave it out")
    return worst_moments(np.where(np.isfinite(errors), errors, -np.inf).max(axis=0), float(video.fps), seconds)


def _write_png(picture: UInt8[np.ndarray, "height width 3"], path: Path) -> None:
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    path.write_bytes(encoded.tobytes())


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
