"""MediaPipe's pose landmarker (Tasks API, heavy model): 33 points of several people, on any CPU."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.detect.download import ModelFile, cached, model_folder, stored
from lsmplify_refine.detect.flip import detect_flipped
from lsmplify_refine.detect.native_log import native_log
from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load import read_input
from lsmplify_refine.values.conventions import MEDIAPIPE33

#: The pinned version of the model (Apache-2.0).
HEAVY = ModelFile(
    "https://storage.googleapis.com/mediapipe-models/pose_landmarker/pose_landmarker_heavy/float16/1/"
    "pose_landmarker_heavy.task",
    sha256="64437af838a65d18e5ba7a0d39b465540069bc8aae8308de3e318aad31fcbc7b",
    size=30_664_242,
)
#: Maximum number of people in a frame.
_MAX_PEOPLE = 6


def downloaded_model() -> Path | None:
    """The model file, if it was downloaded before."""
    return stored(HEAVY, model_folder())


class MediaPipe:
    """The pose landmarker, run on each frame and its mirror image; its video mode would lag behind fast limbs."""

    name = "mediapipe"
    convention = "mediapipe33"

    def __init__(self, model: Path | None = None) -> None:
        try:
            with native_log(self.name):
                import mediapipe
                from mediapipe.tasks.python import BaseOptions, vision

            path = model or cached(HEAVY, model_folder())
        except ImportError as error:
            raise InputError(
                f"--detector mediapipe needs a missing package ({error}); pip install 'lsmplify-refine[detect]'"
            ) from error
        if not path.exists():
            raise InputError(f"--detector-model {path}: no such file; leave the option out and the model is downloaded")
        # from memory, since its C++ cannot open non-ASCII paths on every system
        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=read_input(path)), num_poses=_MAX_PEOPLE
        )
        try:
            with native_log(self.name):
                self._landmarker = vision.PoseLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{path}: not a MediaPipe pose landmarker model ({error})") from error
        # its own destructor fails while the interpreter shuts down
        weakref.finalize(self, self._landmarker.close)
        self._mediapipe = mediapipe
        self._has_run = False
        self.model = path.name

    def detect(self, image: np.ndarray, seconds: float) -> np.ndarray:
        """(P, 33, 3) x, y in pixels and MediaPipe's visibility; see `Detector.detect`."""
        return detect_flipped(self._detect_once, image, MEDIAPIPE33.mirror)

    def detect_in_space(self, image: np.ndarray) -> np.ndarray:
        """Guess everybody's points in space.

        Args:
            image: (H, W, 3) uint8, RGB, upright.

        Returns:
            (P, 33, 4) metres about the hips, in the camera's axes (x right, y down, z away), then visibility.
        """
        people = self._found(image).pose_world_landmarks
        points = [[(point.x, point.y, point.z, point.visibility) for point in person] for person in people]
        return np.array(points, dtype=np.float64).reshape(-1, 33, 4)

    def _found(self, image: np.ndarray) -> Any:
        frame = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        if self._has_run:
            return self._landmarker.detect(frame)
        # the graph is built, and speaks, when it first runs
        with native_log(self.name):
            found = self._landmarker.detect(frame)
        self._has_run = True
        return found

    def _detect_once(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        people = self._found(image).pose_landmarks
        points = [[(point.x * width, point.y * height, point.visibility) for point in person] for person in people]
        return np.array(points, dtype=np.float64).reshape(-1, 33, 3)
