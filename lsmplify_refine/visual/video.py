"""Read video files, or folders of images: size, rate, frame count and times, and the upright frames.

Everything streams: no function here holds more than one frame.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Protocol, SupportsInt

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from lsmplify_refine.errors import InputError
from lsmplify_refine.options import DEFAULT_FPS
from lsmplify_refine.safe_load import check_input
from lsmplify_refine.visual.image_folder import images_in, read_image, read_images

#: Names in a video need not be UTF-8. PyAV has the option up to version 18; later versions keep such names.
_METADATA: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
#: Counter-clockwise quarter turns as OpenCV names them.
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}

#: Seconds per tick if the stream does not state them.
_DEFAULT_TIME_BASE = Fraction(1, 1000)


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
        timed: Whether `fps` is stated; False for a folder of images, whose rate is assumed.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    frames: int
    rotation: int
    duration_s: float
    time_base: Fraction
    pts: npt.NDArray[np.int64] | None = field(default=None, repr=False, compare=False)
    timed: bool = True


def probe(path: str | Path) -> VideoInfo:
    """Read a video's size, rate and true frame count, without decoding more than one frame; or those of images.

    Raises:
        InputError: The file is missing, cannot be read, holds no video, or is cut short.
    """
    path = Path(path)
    if path.is_dir():
        return _probe_images(path)
    width, height, rotation = _upright_size(path)
    with _open(path) as container:
        header = _read_header(container.streams.video[0])
        frames, times = _presentation_times(path, container, header)
    fps, time_base = header.rate, header.time_base or _DEFAULT_TIME_BASE
    if fps is None or fps <= 0:
        raise InputError(f"{path}: states no frame rate; re-encode it with `ffmpeg -i IN -r 30 OUT.mp4`")
    pts = None if times is None or _evenly_spaced(times, fps, time_base) else times
    return VideoInfo(path, width, height, fps, frames, rotation, float(frames / fps), time_base, pts)


def _probe_images(folder: Path) -> VideoInfo:
    images = images_in(folder)
    height, width = read_image(images[0]).shape[:2]
    rate = Fraction(DEFAULT_FPS)
    duration = float(len(images) / rate)
    return VideoInfo(folder, width, height, rate, len(images), 0, duration, _DEFAULT_TIME_BASE, timed=False)


def read_frames(path: str | Path) -> Iterator[np.ndarray]:
    """Decode a video frame by frame: RGB uint8 (height, width, 3), upright.

    Raises:
        InputError: The file cannot be read or is damaged, its frames change their size, or the memory does not
            suffice. The message says which frame.
    """
    path = Path(path)
    if path.is_dir():
        yield from read_images(path)
        return
    decoded, cut_short, size = 0, False, None
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = ThreadType.AUTO
        try:
            for packet in container.demux(stream):
                cut_short |= packet.is_corrupt  # a decoder with threads swallows errors in the last packets
                for frame in packet.decode():
                    image = turn_upright(frame.to_ndarray(format="rgb24"), frame.rotation)
                    size = size or image.shape
                    if image.shape != size:
                        raise _resized(path, decoded, size, image.shape)
                    decoded += 1
                    yield image
        except MemoryError as error:  # FFmpeg's own among them
            raise _too_large(path, stream) from error
        except av.error.FFmpegError as error:
            raise _damaged(path, decoded, str(error.strerror)) from error
    if cut_short:
        raise _damaged(path, decoded, "cut short")


def turn_upright(image: np.ndarray, rotation: float) -> np.ndarray:
    """Turn a stored frame (H, W, 3) by `rotation` degrees counter-clockwise, to the nearest quarter turn."""
    turn = _quarter_turn(rotation)
    return cv2.rotate(image, _TURNS[turn]) if turn else image


class Ratio(Protocol):
    """A rate or a time base as PyAV gives it: a `Fraction` up to PyAV 18, then its own `AVRational`."""

    @property
    def numerator(self) -> int:
        """Numerator."""

    @property
    def denominator(self) -> int:
        """Denominator; 0 if FFmpeg does not know the value."""


def as_fraction(ratio: Ratio | None) -> Fraction | None:
    """A ratio of any PyAV release as a `Fraction`; None if it is not known."""
    if ratio is None or not ratio.numerator or not ratio.denominator:
        return None
    return Fraction(int(ratio.numerator), int(ratio.denominator))


def _as_int(count: SupportsInt | None) -> int:
    return 0 if count is None else int(count)


class _Header(NamedTuple):
    """The header of a video stream, times in ticks of `time_base`."""

    rate: Fraction | None
    average_rate: Fraction | None
    time_base: Fraction | None
    start: int
    duration: int
    frames: int


def _read_header(stream: VideoStream) -> _Header:
    average_rate = as_fraction(stream.average_rate)
    return _Header(
        rate=average_rate or as_fraction(stream.guessed_rate) or as_fraction(stream.base_rate),
        average_rate=average_rate,
        time_base=as_fraction(stream.time_base),
        start=_as_int(stream.start_time),
        duration=_as_int(stream.duration),
        frames=_as_int(stream.frames),
    )


def _open(path: Path) -> InputContainer:
    if path.exists() and not path.is_dir() and os.access(path, os.R_OK):
        check_input(path)
    try:
        container: InputContainer = av.open(str(path.absolute()), **_METADATA)
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: {_why_unreadable(path)}") from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{path}: has no video in it; give a video file")
    return container


def _why_unreadable(path: Path) -> str:
    if not path.exists():
        return "no such file; check the path of the video"
    if not os.access(path, os.R_OK):
        return "may not be read; check its permissions"
    return "is not a readable video, or is cut short; copy it again or re-encode it with ffmpeg"


def _damaged(path: Path, decoded: int, reason: str) -> InputError:
    return InputError(
        f"{path}: damaged after {decoded} decoded frames ({reason}); "
        "copy it again or repair it with `ffmpeg -i IN OUT.mp4`"
    )


def _resized(path: Path, frame: int, first: tuple[int, ...], now: tuple[int, ...]) -> InputError:
    return InputError(
        f"{path}: frame {frame} has {now[1]}x{now[0]} pixels, the frames before it {first[1]}x{first[0]}; give all "
        f"frames one size with `ffmpeg -i IN -vf scale={first[1]}:{first[0]} OUT.mp4`"
    )


def _too_large(path: Path, stream: VideoStream) -> InputError:
    size = f"{stream.codec_context.width}x{stream.codec_context.height}"
    return InputError(
        f"{path}: out of memory while decoding frames of {size} pixels; `ffmpeg -i IN -vf scale=1280:-2 OUT.mp4` "
        "gives smaller ones"
    )


def _upright_size(path: Path) -> tuple[int, int, int]:
    """Width and height in pixels of the upright picture, and the quarter turn that makes it upright."""
    with _open(path) as container:
        try:
            frame = next(container.decode(video=0))
        except MemoryError as error:
            raise _too_large(path, container.streams.video[0]) from error
        except (StopIteration, av.error.FFmpegError) as error:
            raise InputError(f"{path}: no frame can be decoded; re-encode it with ffmpeg") from error
        width, height, rotation = int(frame.width), int(frame.height), _quarter_turn(frame.rotation)
    return (width, height, rotation) if rotation % 180 == 0 else (height, width, rotation)


def _presentation_times(
    path: Path, container: InputContainer, header: _Header
) -> tuple[int, npt.NDArray[np.int64] | None]:
    """Count the frames that will be shown, from the packets alone.

    Returns:
        The count, and the sorted time of each frame in ticks; None if the file does not time each frame.

    Raises:
        InputError: The file is cut short: its header promises frames that are not there.
    """
    times: list[int | None] = []
    whole, broken, end = 0, 0, 0
    with contextlib.suppress(av.error.FFmpegError):  # an unreadable packet is the end; judged below
        for packet in container.demux(container.streams.video[0]):
            if packet.is_corrupt:
                broken += 1
            elif packet.size:
                whole += 1
                end = max(end, _as_int(packet.pts) + _as_int(packet.duration))
                times += [] if packet.is_discard else [packet.pts]
    # a trimmed clip also has fewer packets than its header says, but it reaches its stated end
    two_frames = 2 / (header.average_rate * header.time_base) if header.average_rate and header.time_base else 0
    if broken or (whole < header.frames and end + two_frames < header.start + header.duration):
        raise InputError(
            f"{path}: is cut short: only {whole} of {max(header.frames, whole + broken)} frames are there; "
            "copy it again, or keep what is there with `ffmpeg -i IN OUT.mp4`"
        )
    stated = sorted({int(time) for time in times if time is not None})
    return len(times), np.array(stated, dtype=np.int64) if len(stated) == len(times) else None


def _evenly_spaced(times: npt.NDArray[np.int64], fps: Fraction, time_base: Fraction) -> bool:
    """Whether the frames come at a constant rate, up to the rounding to ticks."""
    ticks = times.astype(np.float64)
    ideal = np.arange(len(ticks)) / float(fps * time_base)
    return bool(np.abs(ticks - ticks[0] - ideal).max() <= 1)


def _quarter_turn(degrees: float) -> int:
    return round(degrees / 90) % 4 * 90
