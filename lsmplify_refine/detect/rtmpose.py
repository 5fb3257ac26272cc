"""RTMPose through rtmlib: YOLOX finds the people, RTMPose their 26 Halpe points (Jiang et al. 2023)."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError


class RTMPose:
    """rtmlib's `BodyWithFeet`; rtmlib downloads its models into its own cache."""

    name = "rtmpose"
    convention = "halpe26"
    model = "rtmlib, body with feet, balanced"

    def __init__(self, model: Path | None = None) -> None:
        if model is not None:
            raise InputError(
                f"--detector-model {model}: rtmpose needs two models, which rtmlib downloads itself; "
                "leave the option out"
            )
        try:
            from rtmlib import BodyWithFeet
        except ImportError as error:
            raise InputError(
                f"--detector rtmpose needs a missing package ({error}); pip install 'lsmplify-refine[rtmpose]'"
            ) from error
        try:
            with redirect_stdout(sys.stderr):  # rtmlib prints, but stdout is for results
                self._body = BodyWithFeet(mode="balanced", backend="onnxruntime", device="cpu")
        except OSError as error:
            raise InputError(f"--detector rtmpose: rtmlib cannot download its models ({error})") from error

    def detect(self, image: np.ndarray, seconds: float) -> np.ndarray:
        """(P, 26, 3) x, y in pixels and RTMPose's score; see `Detector.detect`."""
        image = np.ascontiguousarray(image[..., ::-1])  # rtmlib expects OpenCV's BGR
        boxes = self._body.det_model(image)
        if not len(boxes):
            return np.zeros((0, 26, 3))  # without boxes, the pose model would use the whole image
        points, scores = self._body.pose_model(image, bboxes=boxes)
        return np.concatenate([points, np.clip(scores, 0.0, 1.0)[..., None]], axis=-1)
