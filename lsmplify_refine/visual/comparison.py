"""The comparison video: the clip twice, side by side, with the mesh before and after drawn over it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.visual.encode import QUEUE_LENGTH, VideoWriter
from lsmplify_refine.visual.mesh import MeshRenderer, Surface
from lsmplify_refine.visual.video import VideoInfo, read_frames

#: RGB of the two meshes, and of the keypoints drawn over both.
BEFORE_COLOR, AFTER_COLOR, KEYPOINT_COLOR = (226, 152, 96), (84, 170, 214), (255, 226, 64)
#: Many players refuse wider videos.
_MAX_WIDTH = 3840
#: Rows whose meshes are posed in one batch.
_CHUNK = 32
#: Keypoints below the first confidence are not drawn; below the second they are rings.
_MIN_CONFIDENCE, _MIN_FILLED = 0.2, 0.5
_TEXT_COLOR = (235, 235, 235)
_FONT = cv2.FONT_HERSHEY_DUPLEX


@dataclass(frozen=True)
class DrawnPerson:
    """What to draw of one person.

    Attributes:
        frame_ids: (T,) video frame of each row.
        faces: (F, 3) triangles of the mesh.
        before: Rows (n,) -> vertices (n, V, 3) in camera coordinates, metres.
        after: The same, refined.
        K: (T, 3, 3) intrinsics in pixels of the upright frame.
        keypoints: 2D keypoints, or None.
        captions: (T,) what the gate did in each frame; "" shows nothing.
    """

    frame_ids: npt.NDArray[np.integer]
    faces: npt.NDArray[np.integer]
    before: Callable[[np.ndarray], np.ndarray]
    after: Callable[[np.ndarray], np.ndarray]
    K: np.ndarray
    keypoints: Keypoints | None
    captions: Sequence[str]


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
        InputError: The video cannot be read, the output cannot be written, or OpenGL does not work here.
    """
    scale = min(1.0, _MAX_WIDTH / (2 * video.width))
    size = round(video.width * scale), round(video.height * scale)
    time_base = None if video.pts is None else video.time_base
    with (
        MeshRenderer() as renderer,
        VideoWriter(output, 2 * size[0], size[1], video.fps, time_base=time_base) as writer,
    ):
        actors = [_Actor(person) for person in people]
        legend = any(person.keypoints is not None for person in people)
        for frame, image in zip(range(video.frames), _read_ahead(read_frames(video.path))):
            if scale < 1:
                image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            pair = np.concatenate([image, image], axis=1)
            for actor in sorted(actors, key=lambda actor: -actor.depth(frame)):  # the nearest is drawn last, on top
                actor.draw(pair, frame, renderer, scale)
            captions = [actor.caption(frame) for actor in actors]
            _label(pair, f"frame {frame} / {video.frames - 1}", captions, legend=legend)
            writer.write(pair, None if video.pts is None else int(video.pts[frame]))
            if progress:
                progress(frame + 1, video.frames)


class _Actor:
    """A person whose meshes are posed in chunks while the frames are drawn."""

    def __init__(self, person: DrawnPerson) -> None:
        self._person = person
        self._row_of = {int(frame): row for row, frame in enumerate(person.frame_ids)}
        self._chunk = -1
        self._meshes: tuple[np.ndarray, np.ndarray] | None = None
        self._surface: Surface | None = None

    def depth(self, frame: int) -> float:
        """Mean distance from the camera in a frame, metres; 0 if the person is not in it."""
        row = self._row_of.get(frame)
        return 0.0 if row is None else float(self._meshes_at(row)[0][:, 2].mean())

    def draw(self, pair: np.ndarray, frame: int, renderer: MeshRenderer, scale: float) -> None:
        """Draw both meshes and the keypoints into a pair of pictures (H, 2 W, 3), in place."""
        row = self._row_of.get(frame)
        if row is None:
            return
        K = self._person.K[row] * np.array([[scale], [scale], [1.0]])
        for panel, mesh, color in zip(_halves(pair), self._meshes_at(row), (BEFORE_COLOR, AFTER_COLOR)):
            assert self._surface is not None
            renderer.overlay(panel, mesh, K, self._surface, color=color)
            if self._person.keypoints is not None:
                _draw_keypoints(panel, self._person.keypoints, row, scale)

    def caption(self, frame: int) -> str:
        """What the gate did in a frame."""
        row = self._row_of.get(frame)
        return "" if row is None else self._person.captions[row]

    def _meshes_at(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        chunk = row // _CHUNK
        if self._meshes is None or chunk != self._chunk:
            rows = np.arange(chunk * _CHUNK, min((chunk + 1) * _CHUNK, len(self._person.frame_ids)))
            self._chunk, self._meshes = chunk, (self._person.before(rows), self._person.after(rows))
            if self._surface is None:
                self._surface = Surface(self._person.faces, self._meshes[0].shape[1])
        before, after = self._meshes
        return before[row % _CHUNK], after[row % _CHUNK]


def _halves(pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    width = pair.shape[1] // 2
    return pair[:, :width], pair[:, width:]


def _draw_keypoints(image: np.ndarray, keypoints: Keypoints, row: int, scale: float) -> None:
    """Draw skeleton and points: the higher the confidence, the brighter; low confidence is a ring."""
    confidence = keypoints.confidence[row]
    seen = (confidence >= _MIN_CONFIDENCE) & np.isfinite(keypoints.positions[row]).all(axis=-1)
    points = np.nan_to_num(keypoints.positions[row]) * scale
    # OpenCV needs small integers; a detection far outside the image is not drawn
    seen &= (np.abs(points) < 4 * max(image.shape)).all(axis=-1)
    pixels = np.rint(np.where(seen[:, None], points, 0.0)).astype(int)
    unit = max(1, round(min(image.shape[:2]) / 480))
    for a, b in CONVENTIONS[keypoints.convention].edges:
        if seen[a] and seen[b]:
            color = _faded(min(confidence[a], confidence[b]))
            cv2.line(image, pixels[a].tolist(), pixels[b].tolist(), color, unit, cv2.LINE_AA)
    for point in np.flatnonzero(seen):
        _dot(image, pixels[point].tolist(), unit, confidence[point])


def _dot(image: np.ndarray, center: Sequence[int], unit: int, confidence: float) -> None:
    cv2.circle(image, center, 2 * unit + 1, (40, 40, 40), -1, cv2.LINE_AA)
    filling = -1 if confidence >= _MIN_FILLED else unit
    cv2.circle(image, center, 2 * unit, _faded(confidence), filling, cv2.LINE_AA)


def _faded(confidence: float) -> tuple[int, int, int]:
    share = 0.35 + 0.65 * float(min(confidence, 1.0))
    red, green, blue = (round(share * channel) for channel in KEYPOINT_COLOR)
    return red, green, blue


def _label(pair: np.ndarray, position: str, captions: Sequence[str], *, legend: bool) -> None:
    """Write titles and legend at the top, frame number and captions at the bottom, where few people stand."""
    before, after = _halves(pair)
    after[:, 0] = 24  # a line between them
    size = max(0.4, min(before.shape[:2]) / 900)
    _text(before, "BEFORE", 1.1 * size, BEFORE_COLOR)
    _text(after, "AFTER", 1.1 * size, AFTER_COLOR)
    if legend:
        right = after[:, 2 * after.shape[1] // 5 :]  # beside the title
        _text(right, f"keypoints (ring: confidence < {_MIN_FILLED})", 0.7 * size, KEYPOINT_COLOR, right=True)
    _text(before, position, 0.7 * size, _TEXT_COLOR, bottom=True)
    joined = "; ".join(caption for caption in captions if caption)
    if joined:
        _text(after, joined, 0.7 * size, _TEXT_COLOR, bottom=True)


def _text(
    image: np.ndarray,
    text: str,
    size: float,
    color: tuple[int, int, int],
    *,
    bottom: bool = False,
    right: bool = False,
) -> None:
    """Write text on a darkened plate in a corner (upper left by default), shrunk until it fits."""
    (width, _), _ = cv2.getTextSize(text, _FONT, size, 1)
    size *= min(1.0, 0.9 * image.shape[1] / max(width, 1))
    thickness = max(1, round(1.4 * size))
    (width, height), baseline = cv2.getTextSize(text, _FONT, size, thickness)
    pad = round(0.45 * height)
    plate_width, plate_height = width + 2 * pad, height + baseline + 2 * pad
    left = max(0, image.shape[1] - plate_width - pad) if right else pad
    top = max(0, image.shape[0] - plate_height - pad) if bottom else pad
    plate = image[top : top + plate_height, left : left + plate_width]
    plate[:] = plate // 3
    cv2.putText(image, text, (left + pad, top + pad + height), _FONT, size, color, thickness, cv2.LINE_AA)


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
