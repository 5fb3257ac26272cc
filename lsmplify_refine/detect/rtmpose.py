"""RTMPose through rtmlib: YOLOX finds the people, RTMPose their 26 Halpe points (Jiang et al. 2023)."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from lsmplify_refine.detect.download import ModelFile, cached, model_folder
from lsmplify_refine.detect.native_log import native_log
from lsmplify_refine.errors import InputError

_ONNX = "https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk"
#: rtmlib's "balanced" models. rtmlib would download them without a checksum and unpack them through a shell.
DETECTOR = ModelFile(
    f"{_ONNX}/yolox_m_8xb8-300e_humanart-c2c7a14a.zip",
    "3dea6513388889f0fff4b77bf7a26013600321b9eb9ceb0e9a400a82572f5f23",
    101_400_344,
    "end2end.onnx",
)
POSE = ModelFile(
    f"{_ONNX}/rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605.zip",
    "26f3a19e61304a600dfb82d1001d41d24343b89fc70a33ffc84657e0b0bf2ecf",
    55_685_444,
    "end2end.onnx",
)
#: Width and height in pixels that the models take.
_DETECTOR_SIZE, _POSE_SIZE = (640, 640), (192, 256)


class RTMPose:
    """rtmlib's `BodyWithFeet`, with models from our own cache."""

    name = "rtmpose"
    convention = "halpe26"
    model = "rtmlib, body with feet, balanced"

    def __init__(self, model: Path | None = None) -> None:
        if model is not None:
            raise InputError(
                f"--detector-model {model}: rtmpose needs two models, which are downloaded; leave the option out"
            )
        try:
            with native_log(self.name):
                from rtmlib import BodyWithFeet

            files = [str(cached(each, model_folder())) for each in (DETECTOR, POSE)]
        except ImportError as error:
            raise InputError(
                f"--detector rtmpose needs a missing package ({error}); pip install 'lsmplify-refine[rtmpose]'"
            ) from error
        with redirect_stdout(sys.stderr), native_log(self.name):  # rtmlib prints, but stdout is for results
            self._body = BodyWithFeet(
                det=files[0],
                det_input_size=_DETECTOR_SIZE,
                pose=files[1],
                pose_input_size=_POSE_SIZE,
                backend="onnxruntime",
                device="cpu",
            )

    def detect(self, image: np.ndarray, seconds: float) -> np.ndarray:
        """(P, 26, 3) x, y in pixels and RTMPose's score; see `Detector.detect`."""
        image = np.ascontiguousarray(image[..., ::-1])  # rtmlib expects OpenCV's BGR
        boxes = self._body.det_model(image)
        if not len(boxes):
            return np.zeros((0, 26, 3))  # without boxes, the pose model would use the whole image
        points, scores = self._body.pose_model(image, bboxes=boxes)
        return np.concatenate([points, np.clip(scores, 0.0, 1.0)[..., None]], axis=-1)
