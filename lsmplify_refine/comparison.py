"""The comparison video: the clip twice, side by side, with the mesh before and after laid over it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from lsmplify_refine.estimate import Keypoints
from lsmplify_refine.keypoints import CONVENTIONS
from lsmplify_refine.render import MeshRenderer, Surface
from lsmplify_refine.video import QUEUE_LENGTH, VideoWriter, probe, read_frames

#: RGB of the meshes and of the keypoints that both are measured against.
BEFORE_COLOR, AFTER_COLOR, KEYPOINT_COLOR = (226, 152, 96), (84, 170, 214), (255, 226, 64)
#: The widest video that players still like.
_MOST_WIDTH = 3840
#: Rows whose meshes are posed at a time.
_CHUNK = 32
#: Keypoints below this confidence are not drawn.
_LEAST_CONFIDENCE = 0.2
_FONT = cv2.FONT_HERSHEY_DUPLEX


@dataclass(frozen=True)
class Person:
    """What to draw of one person.

    Attributes:
        frame_ids: (T,) video frame of each row.
        faces: (F, 3) triangles of the mesh.
        before: Rows -> (n, V, 3) vertices in camera coordinates, metres.
        after: The same, refined.
        K: (T, 3, 3) intrinsics in pixels of the upright frame.
        keypoints: 2D keypoints, or None.
        captions: (T,) what the gate did, "" where there is nothing to say.
    """

    frame_ids: np.ndarray
    faces: np.ndarray
    before: Callable[[np.ndarray], np.ndarray]
    after: Callable[[np.ndarray], np.ndarray]
    K: np.ndarray
    keypoints: Keypoints | None
    captions: Sequence[str]


def write_comparison(
    video: Path,
    output: Path,
    people: Sequence[Person],
    *,
    fps: Fraction | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write before | after beside each other, frame for frame and at the rate of the video.

    Args:
        video: The clip.
        output: The MP4 to write.
        people: Whom to draw; frames without a row of theirs show the plain picture.
        fps: Another frame rate than the video's.
        progress: Called with (frames done, frames in all).

    Raises:
        InputError: The video cannot be read, the output cannot be written, or nothing here can draw.
    """
    info = probe(video)
    scale = min(1.0, _MOST_WIDTH / (2 * info.width))
    size = round(info.width * scale), round(info.height * scale)
    pts = info.pts if fps is None else None
    rate = fps or info.fps
    with (
        MeshRenderer() as renderer,
        VideoWriter(
            output, 2 * size[0], size[1], rate, time_base=info.time_base if pts is not None else None
        ) as writer,
    ):
        actors = [_Actor(person) for person in people]
        for frame, image in enumerate(_read_ahead(read_frames(video))):
            if scale < 1:
                image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            pair = np.concatenate([image, image], axis=1)
            for actor in actors:
                actor.draw(pair, frame, renderer, scale)
            _label(pair, frame, [actor.caption(frame) for actor in actors])
            writer.write(pair, None if pts is None else int(pts[frame]))
            if progress:
                progress(frame + 1, info.frames)


class _Actor:
    """A person whose meshes are posed chunk by chunk, as the frames go by."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._row_of = {int(frame): row for row, frame in enumerate(person.frame_ids)}
        self._chunk = -1
        self._meshes: tuple[np.ndarray, np.ndarray] | None = None
        self._surface: Surface | None = None

    def draw(self, pair: np.ndarray, frame: int, renderer: MeshRenderer, scale: float) -> None:
        """Draw both meshes and the keypoints into a pair of pictures (H, 2 W, 3), in place."""
        row = self._row_of.get(frame)
        if row is None:
            return
        K = self._person.K[row] * np.array([[scale], [scale], [1.0]])
        width = pair.shape[1] // 2
        for half, mesh, color in zip((0, 1), self._meshes_at(row), (BEFORE_COLOR, AFTER_COLOR)):
            panel = pair[:, half * width : (half + 1) * width]
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


def _draw_keypoints(image: np.ndarray, keypoints: Keypoints, row: int, scale: float) -> None:
    """Skeleton and points; the surer the detector, the fuller the line."""
    confidence = keypoints.confidence[row]
    seen = (confidence >= _LEAST_CONFIDENCE) & np.isfinite(keypoints.positions[row]).all(axis=-1)
    points = np.nan_to_num(keypoints.positions[row]) * scale
    # OpenCV wants small integers; a wild detection far outside is not drawn
    seen &= (np.abs(points) < 4 * max(image.shape)).all(axis=-1)
    pixels = np.rint(points).astype(int)
    unit = max(1, round(min(image.shape[:2]) / 480))
    for a, b in CONVENTIONS[keypoints.convention].edges:
        if seen[a] and seen[b]:
            color = _faded(min(confidence[a], confidence[b]))
            cv2.line(image, tuple(pixels[a]), tuple(pixels[b]), color, unit, cv2.LINE_AA)
    for point in np.flatnonzero(seen):
        cv2.circle(image, tuple(pixels[point]), 2 * unit + 1, (40, 40, 40), -1, cv2.LINE_AA)
        cv2.circle(image, tuple(pixels[point]), 2 * unit, _faded(confidence[point]), -1, cv2.LINE_AA)


def _faded(confidence: float) -> tuple[int, int, int]:
    share = 0.35 + 0.65 * float(min(confidence, 1.0))
    return tuple(round(share * channel) for channel in KEYPOINT_COLOR)  # type: ignore[return-value]


def _label(pair: np.ndarray, frame: int, captions: Sequence[str]) -> None:
    """Titles, the legend and what the gate did."""
    height, width = pair.shape[0], pair.shape[1] // 2
    size = max(0.4, min(height, width) / 900)
    margin = round(14 * size)
    for half, (title, color) in enumerate((("BEFORE", BEFORE_COLOR), ("AFTER", AFTER_COLOR))):
        _text(pair, title, (half * width + margin, margin), 1.1 * size, color)
    _text(pair, f"frame {frame}", (margin, height - margin), 0.7 * size, (235, 235, 235), from_bottom=True)
    told = "; ".join(caption for caption in captions if caption) or "keypoints in yellow"
    _text(pair, told, (width + margin, height - margin), 0.7 * size, (235, 235, 235), from_bottom=True)


def _text(
    image: np.ndarray,
    text: str,
    corner: tuple[int, int],
    size: float,
    color: tuple[int, int, int],
    *,
    from_bottom: bool = False,
) -> None:
    """A line of text on a darkened plate; `corner` is its upper (or lower) left."""
    thickness = max(1, round(1.4 * size))
    (width, height), baseline = cv2.getTextSize(text, _FONT, size, thickness)
    pad = round(0.45 * height)
    left = corner[0]
    top = corner[1] - (height + baseline + 2 * pad) if from_bottom else corner[1]
    plate = image[max(top, 0) : top + height + baseline + 2 * pad, left : left + width + 2 * pad]
    plate[:] = plate // 3
    cv2.putText(image, text, (left + pad, top + pad + height), _FONT, size, color, thickness, cv2.LINE_AA)


def _read_ahead(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The same frames, decoded in a thread of their own a few ahead."""
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
