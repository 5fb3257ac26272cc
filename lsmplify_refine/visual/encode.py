"""H.264 video that browsers play, written frame by frame."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import uuid
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from numbers import Rational
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from lsmplify_refine.errors import InputError

#: Frames that may wait between two threads: enough to hide jitter, few enough for constant memory.
QUEUE_LENGTH = 4

#: From R, G, B and 1 to limited-range luma and colour differences. Source: ITU-R BT.709-6, section 3.
_RED, _BLUE = 0.2126, 0.0722
_LUMA = np.array([_RED, 1 - _RED - _BLUE, _BLUE])
_TO_YUV = np.array(
    [
        [*_LUMA * 219 / 255, 16.0],
        [*(np.array([0.0, 0.0, 1.0]) - _LUMA) * 112 / 255 / (1 - _BLUE), 128.0],
        [*(np.array([1.0, 0.0, 0.0]) - _LUMA) * 112 / 255 / (1 - _RED), 128.0],
    ]
)


class VideoWriter:
    """Write H.264 in MP4 (yuv420p, header first), encoded in its own thread.

    The file appears under its name only when the `with` block ends without an error. Until then a hidden file lies
    beside it, which an error or Ctrl-C removes. Odd sizes are made even by repeating the last row or column.

    Args:
        path: The file to write.
        width: Pixels of the frames to come.
        height: Pixels of the frames to come.
        fps: Frame rate, exact.
        time_base: Seconds per tick if `write` is given presentation times; else frames are evenly spaced.
    """

    _container: OutputContainer
    _stream: VideoStream

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
        # a short name: the file's own may be as long as the file system allows
        self._part = self.path.with_name(f".{uuid.uuid4().hex[:8]}.part.mp4")
        self._failed = threading.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> VideoWriter:
        if "libx264" not in av.codecs_available:
            raise InputError("this build of PyAV has no H.264 encoder (libx264); `pip install --upgrade av`")
        try:
            self._part.touch()  # PyAV opens the file with the first packet, too late for this message
            self._container = av.open(str(self._part), "w", format="mp4", options={"movflags": "+faststart"})
        except (OSError, av.error.FFmpegError) as error:
            raise self._unwritable(error) from error
        self._stream = self._container.add_stream("libx264", rate=self._fps)
        self._stream.width, self._stream.height = (side + side % 2 for side in self.size)
        self._stream.pix_fmt = "yuv420p"
        # on camera footage as good as veryfast at crf 20, in 60 % of the time and 1.25 times the bytes
        self._stream.options = {"preset": "superfast", "crf": "22"}
        context = self._stream.codec_context
        context.time_base = self._time_base
        # without matrix and range, players guess them by the picture size
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1  # limited
        try:
            # now, since FFmpeg crashes on packets for a file whose header it could not write
            self._container.start_encoding()
        except (OSError, av.error.FFmpegError) as error:
            self._remove()
            raise self._unwritable(error) from error
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
            self._remove()

    def _finish(self) -> None:
        if not self._count:
            raise InputError(f"{self.path}: no frames to write")
        while self._pending:
            self._wait()
        try:
            self._container.mux(self._stream.encode())
            self._container.close()
            if not _is_whole_mp4(self._part):
                # FFmpeg does not tell of an error in its last write
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._part.replace(self.path)
        except (OSError, av.error.FFmpegError) as error:
            raise self._unwritable(error) from error

    def _wait(self) -> None:
        try:
            self._pending.popleft().result()
        except (OSError, av.error.FFmpegError) as error:
            raise self._unwritable(error) from error

    def _encode(self, image: np.ndarray, pts: int) -> None:
        """Encode a frame, in the worker; after a failed write the encoder is never entered again."""
        if self._failed.is_set():
            return
        try:
            self._encode_now(image, pts)
        except BaseException:
            self._failed.set()
            raise

    def _encode_now(self, image: np.ndarray, pts: int) -> None:
        height, width = image.shape[:2]
        if width % 2 or height % 2:
            image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        frame = av.VideoFrame.from_ndarray(_to_yuv420(image), format="yuv420p")
        frame.pts, frame.time_base = pts, self._time_base
        self._container.mux(self._stream.encode(frame))

    def _remove(self) -> None:
        """Close and remove the hidden file, if it is still there."""
        with contextlib.suppress(OSError, av.error.FFmpegError):  # the first error is the one to report
            self._container.close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _unwritable(self, error: Exception) -> InputError:
        return InputError(f"{self.path}: cannot be written: {getattr(error, 'strerror', error)}; choose another output")


def _to_yuv420(image: np.ndarray) -> np.ndarray:
    """The planes of RGB (H, W, 3) with even sides, as PyAV takes them; OpenCV needs half of FFmpeg's time."""
    height, width = image.shape[:2]
    yuv = cv2.transform(image, _TO_YUV)
    half = cv2.resize(yuv, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    planes = np.concatenate([cv2.extractChannel(*part).ravel() for part in ((yuv, 0), (half, 1), (half, 2))])
    return planes.reshape(height * 3 // 2, width)


def _is_whole_mp4(path: Path) -> bool:
    """Whether a file is as long as its boxes say. Source: ISO/IEC 14496-12, section 4.2."""
    length, position = path.stat().st_size, 0
    with path.open("rb") as file:
        while position < length:
            file.seek(position)
            header = file.read(16)
            size = int.from_bytes(header[:4], "big")
            if size == 1:
                size = int.from_bytes(header[8:], "big")
            if size < 8:
                return False
            position += size
    return position == length > 0


def _exact_rate(fps: Rational | float) -> Fraction:
    """The rate as a fraction; 29.97 and its like become 30000/1001."""
    if isinstance(fps, Rational):
        return Fraction(int(fps.numerator), int(fps.denominator))
    ntsc = Fraction(round(fps) * 1000, 1001)
    return ntsc if abs(fps - ntsc) < 5e-3 and fps != round(fps) else Fraction(fps).limit_denominator(100_000)
