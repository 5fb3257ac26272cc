"""Video files: what is in them, their upright frames, and H.264 that browsers play.

Everything streams: no function here holds more than a few frames.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import cv2
import numpy as np

from lsmplify_refine.errors import InputError

#: Frames that may wait between two threads: enough to hide jitter, few enough for constant memory.
QUEUE_LENGTH = 4

#: Counter-clockwise quarter turns as OpenCV names them.
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds.

    Attributes:
        path: The file.
        width: Pixels, upright (after `rotation`).
        height: Pixels, upright (after `rotation`).
        fps: Average frame rate, exact.
        frames: Number of frames, counted and not taken from the header.
        rotation: Degrees counter-clockwise (0, 90, 180, 270) that bring the stored frames upright.
        duration_s: `frames` / `fps`.
        time_base: Seconds per tick of `pts`.
        pts: (frames,) presentation time of each frame in ticks; None where the frames are evenly spaced.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    frames: int
    rotation: int
    duration_s: float
    time_base: Fraction
    pts: np.ndarray | None = field(default=None, repr=False, compare=False)


def probe(path: str | Path) -> VideoInfo:
    """Read a video's size, rate and true frame count, without decoding more than one frame.

    Raises:
        InputError: The file is missing, cannot be read, holds no video, or is cut short.
    """
    path = Path(path)
    first = _first_frame(path)
    rotation = _quarter_turn(first.rotation)
    width, height = (first.width, first.height) if rotation % 180 == 0 else (first.height, first.width)
    with _open(path) as container:
        stream = container.streams.video[0]
        fps = stream.average_rate or stream.guessed_rate or stream.base_rate
        time_base = stream.time_base or Fraction(1, 1000)
        pts = _presentation_times(path, container, stream)
    if not fps or fps <= 0:
        raise InputError(f"{path}: states no frame rate; re-encode it with `ffmpeg -i IN -r 30 OUT.mp4`")
    frames = len(pts)
    uneven = None if _evenly_spaced(pts, fps, time_base) else np.array(pts, dtype=np.int64)
    return VideoInfo(path, width, height, fps, frames, rotation, float(frames / fps), time_base, uneven)


def read_frames(path: str | Path) -> Iterator[np.ndarray]:
    """Decode a video frame by frame: RGB uint8 (height, width, 3), upright.

    Raises:
        InputError: The file cannot be read, or is damaged; then the message says how many frames came out.
    """
    path = Path(path)
    decoded, cut_short = 0, False
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            for packet in container.demux(stream):
                cut_short |= packet.is_corrupt  # a decoder with threads swallows errors in the last packets
                for frame in packet.decode():
                    decoded += 1
                    yield turn_upright(frame.to_ndarray(format="rgb24"), frame.rotation)
        except av.error.FFmpegError as error:
            raise _damaged(path, decoded, str(error.strerror)) from error
    if cut_short:
        raise _damaged(path, decoded, "cut short")


def turn_upright(image: np.ndarray, rotation: float) -> np.ndarray:
    """Turn a stored frame (H, W, 3) by `rotation` degrees counter-clockwise, to the nearest quarter turn."""
    turn = _quarter_turn(rotation)
    return cv2.rotate(image, _TURNS[turn]) if turn else image


class VideoWriter:
    """Write H.264 in MP4 (yuv420p, header first), encoded in a thread of its own.

    The file appears under its name only when the `with` block ends without an error; until then it is a
    hidden file beside it, which an error or Ctrl-C removes. Odd sizes are made even by repeating the last row
    or column.

    Args:
        path: The file to write.
        width: Pixels of the frames to come.
        height: Pixels of the frames to come.
        fps: Frame rate, exact.
        time_base: Seconds per tick where `write` is given presentation times; else frames are evenly spaced.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: Fraction | float,
        *,
        time_base: Fraction | None = None,
    ) -> None:
        self.path = Path(path)
        self.size = (width, height)
        self._fps = _exact_rate(fps)
        self._time_base = time_base or 1 / self._fps
        self._count = 0
        self._part = self.path.with_name(f".{self.path.stem}.{os.getpid()}.part.mp4")
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> VideoWriter:
        if "libx264" not in av.codecs_available:
            raise InputError("this build of PyAV has no H.264 encoder (libx264); `pip install --upgrade av`")
        try:
            self._part.touch()  # PyAV opens the file with the first packet: too late to say that it cannot be
            self._container = av.open(str(self._part), "w", format="mp4", options={"movflags": "+faststart"})
        except (OSError, av.error.FFmpegError) as error:
            raise self._unwritable(error) from error
        self._stream: Any = self._container.add_stream("libx264", rate=self._fps)
        self._stream.width, self._stream.height = (side + side % 2 for side in self.size)
        self._stream.pix_fmt = "yuv420p"
        # on camera footage as good as veryfast at crf 20, in 60 % of the time and 1.25 times the bytes
        self._stream.options = {"preset": "superfast", "crf": "22"}
        context = self._stream.codec_context
        context.time_base = self._time_base
        # say which matrix and range we convert with, or players guess by the picture size
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1  # limited
        return self

    def write(self, image: np.ndarray, pts: int | None = None) -> None:
        """Append an RGB uint8 image (height, width, 3); `pts` is its time in ticks of `time_base`.

        The image must not be changed afterwards.
        """
        if image.shape != (self.size[1], self.size[0], 3):
            raise ValueError(f"frame has shape {image.shape}; expected {(self.size[1], self.size[0], 3)}")
        ticks = self._count if pts is None else int(pts)
        self._count += 1
        if len(self._pending) == QUEUE_LENGTH:
            self._wait()
        self._pending.append(self._worker.submit(self._encode, image, ticks))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._worker.shutdown(wait=True, cancel_futures=True)
            with contextlib.suppress(OSError, av.error.FFmpegError):  # the first error is the one to tell
                self._container.close()
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        if not self._count:
            raise InputError(f"{self.path}: no frames to write")
        while self._pending:
            self._wait()
        try:
            self._container.mux(self._stream.encode())
            self._container.close()
            self._part.replace(self.path)
        except (OSError, av.error.FFmpegError) as error:
            raise self._unwritable(error) from error

    def _wait(self) -> None:
        try:
            self._pending.popleft().result()
        except (OSError, av.error.FFmpegError) as error:
            raise self._unwritable(error) from error

    def _encode(self, image: np.ndarray, pts: int) -> None:
        height, width = image.shape[:2]
        if width % 2 or height % 2:
            image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = pts, self._time_base
        self._container.mux(self._stream.encode(frame))

    def _unwritable(self, error: Exception) -> InputError:
        return InputError(f"{self.path}: cannot be written: {getattr(error, 'strerror', error)}; choose another output")


def _open(path: Path) -> Any:
    try:
        container = av.open(str(path.absolute()))
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: {_why_unreadable(path)}") from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{path}: has no video in it; give a video file")
    return container


def _why_unreadable(path: Path) -> str:
    if not path.exists():
        return "no such file; check the path of the video"
    if path.is_dir():
        return "is a folder; give a video file"
    if not os.access(path, os.R_OK):
        return "may not be read; check its permissions"
    return "is no video that can be read, or is cut short; copy it again or re-encode it with ffmpeg"


def _damaged(path: Path, decoded: int, reason: str) -> InputError:
    return InputError(
        f"{path}: damaged after {decoded} decoded frames ({reason}); "
        "copy it again or repair it with `ffmpeg -i IN OUT.mp4`"
    )


def _first_frame(path: Path) -> Any:
    with _open(path) as container:
        try:
            return next(container.decode(video=0))
        except (StopIteration, av.error.FFmpegError) as error:
            raise InputError(f"{path}: no frame can be decoded; re-encode it with ffmpeg") from error


def _presentation_times(path: Path, container: Any, stream: Any) -> list[int | None]:
    """Time of every frame that will be shown, in order, from the packets alone.

    Raises:
        InputError: The file is cut short: its header promises frames that are not there.
    """
    times: list[int | None] = []
    whole, broken, end = 0, 0, 0
    with contextlib.suppress(av.error.FFmpegError):  # what cannot be read is the end; judged below
        for packet in container.demux(stream):
            if packet.is_corrupt:
                broken += 1
            elif packet.size:
                whole += 1
                end = max(end, (packet.pts or 0) + (packet.duration or 0))
                times += [] if packet.is_discard else [packet.pts]
    # a trimmed clip also has fewer packets than its header says, but it reaches its stated end
    stated_end = (stream.start_time or 0) + (stream.duration or 0)
    slack = 2 / (stream.average_rate * stream.time_base) if stream.average_rate else 0
    if broken or (whole < stream.frames and end + slack < stated_end):
        raise InputError(
            f"{path}: is cut short: only {whole} of {max(stream.frames, whole + broken)} frames are there; "
            "copy it again, or keep what is there with `ffmpeg -i IN OUT.mp4`"
        )
    return times if None in times else sorted(times)  # type: ignore[type-var]


def _evenly_spaced(pts: list[int | None], fps: Fraction, time_base: Fraction) -> bool:
    """Whether the frames come at a constant rate, up to the rounding to ticks (or say no times at all)."""
    if None in pts or len(set(pts)) < len(pts):
        return True
    times = np.array(pts, dtype=np.float64)
    ideal = np.arange(len(times)) / float(fps * time_base)
    return bool(np.abs(times - times[0] - ideal).max() <= 1)


def _quarter_turn(degrees: float) -> int:
    return round(degrees / 90) % 4 * 90


def _exact_rate(fps: Fraction | float) -> Fraction:
    """29.97 and its like become 30000/1001."""
    if isinstance(fps, Fraction):
        return fps
    ntsc = Fraction(round(fps) * 1000, 1001)
    return ntsc if abs(fps - ntsc) < 5e-3 and fps != round(fps) else Fraction(fps).limit_denominator(100_000)
