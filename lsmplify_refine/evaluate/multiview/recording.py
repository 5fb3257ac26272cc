"""A recording by several cameras, in the layout of Pose2Sim's demos: `calibration/` and `videos/<camera>.mp4`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from lsmplify_refine.detect import Detector, detect_keypoints
from lsmplify_refine.errors import InputError
from lsmplify_refine.evaluate.multiview.protocol import View
from lsmplify_refine.evaluate.multiview.qualisys import load_qualisys
from lsmplify_refine.keypoint_files.cameras import load_calibration
from lsmplify_refine.values.camera import CalibratedCamera
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.visual.video import probe, read_frames

#: The truth needs two cameras beside the judged one.
_MIN_CAMERAS = 3


class SpaceDetector(Protocol):
    """Guesses points in space from one image, as `detect.mediapipe.MediaPipe` does."""

    convention: str

    def detect_in_space(self, image: np.ndarray) -> np.ndarray:
        """(P, K, 4) metres about the hips in the camera's axes, then confidence."""
        ...


def read_views(
    folder: Path,
    detector: Detector,
    space_detector: SpaceDetector,
    *,
    frames: int = 0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, View]:
    """Detect one person in every camera's video.

    Args:
        folder: Holds `calibration` (a `.qca.txt` of Qualisys, or a Pose2Sim `.toml`) and `videos`.
        detector: Finds the keypoints in the image.
        space_detector: Guesses points in space.
        frames: First frames to use; 0 for as many as every video has.
        progress: Called with the name of each camera before it is searched.

    Raises:
        InputError: The layout is not as said, or fewer than three cameras have a video.
    """
    cameras = _calibration(folder / "calibration")
    videos = {name: folder / "videos" / f"{name}.mp4" for name in cameras}
    videos = {name: path for name, path in videos.items() if path.is_file()}
    if len(videos) < _MIN_CAMERAS:
        raise InputError(
            f"{folder / 'videos'}: {len(videos)} videos named after the calibrated cameras ({', '.join(cameras)}); "
            f"at least {_MIN_CAMERAS} are needed"
        )
    count = min(probe(path).frames for path in videos.values())
    count = min(count, frames) if frames else count
    views = {}
    for name, path in videos.items():
        if progress:
            progress(name)
        views[name] = _view(path, cameras[name], detector, space_detector, count)
    return views


def _calibration(folder: Path) -> dict[str, CalibratedCamera]:
    found = sorted(folder.glob("*.qca.txt"))
    return load_qualisys(found[0]) if found else load_calibration(folder)


def _view(path: Path, camera: CalibratedCamera, detector: Detector, space: SpaceDetector, count: int) -> View:
    info = probe(path)
    keypoints = detect_keypoints(info, detector, frames=range(count))[0].at(np.arange(count))
    rows = [_most_visible(space.detect_in_space(image)) for image in islice(read_frames(path), count)]
    known = [row for row in rows if row is not None]
    if not known:
        raise InputError(f"{path}: nobody found in {count} frames")
    missing = np.zeros_like(known[0])
    points = np.stack([missing if row is None else row for row in rows])
    confidence = np.clip(points[..., 3], 0.0, 1.0).astype(np.float32)
    landmarks = Keypoints(space.convention, points[..., :3].astype(np.float32), confidence, path.name)
    return View(camera, keypoints, landmarks, (info.width, info.height), float(info.fps))


def _most_visible(people: np.ndarray) -> np.ndarray | None:
    """The person (K, 4) with the most confidence, None if nobody was found."""
    found: np.ndarray | None = people[people[..., 3].sum(1).argmax()] if len(people) else None
    return found
