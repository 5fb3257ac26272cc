"""RTMPose with a stand-in for rtmlib, in the shapes of rtmlib 0.0.16: its models are downloaded, which no test does."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import numpy as np
import pytest

from lsmplify_refine.detect import download, open_detector, rtmpose
from lsmplify_refine.detect.download import ModelFile
from lsmplify_refine.detect.rtmpose import DETECTOR, POSE
from lsmplify_refine.errors import InputError

IMAGE = np.tile(np.array([10, 20, 30], np.uint8), (40, 60, 1))
POINTS, SCORES = np.full((2, 26, 2), 7.0), np.tile([0.5, 1.4], (2, 13))


class BodyWithFeet:
    boxes = np.zeros((2, 4))

    def __init__(self, *, det: str, pose: str, **options: object) -> None:
        assert Path(det).read_bytes() == DETECTOR.name.encode() and Path(pose).read_bytes() == POSE.name.encode()
        assert options == {
            "det_input_size": (640, 640), "pose_input_size": (192, 256), "backend": "onnxruntime", "device": "cpu"
        }  # fmt: skip
        print("load model")

    def det_model(self, image: np.ndarray) -> np.ndarray:
        assert image[0, 0].tolist() == [30, 20, 10] and image.flags["C_CONTIGUOUS"]
        return self.boxes

    def pose_model(self, image: np.ndarray, bboxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert len(bboxes), "rtmlib takes the whole image for a person"
        return POINTS, SCORES


@pytest.fixture
def rtmlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """rtmlib with its models in our cache; neither downloads anything."""
    module = ModuleType("rtmlib")
    vars(module)["BodyWithFeet"] = BodyWithFeet
    monkeypatch.setitem(sys.modules, "rtmlib", module)

    def cached(model: ModelFile, folder: Path) -> Path:
        path = tmp_path / model.name
        path.write_bytes(model.name.encode())
        return path

    monkeypatch.setattr(rtmpose, "cached", cached)
    monkeypatch.setattr(rtmpose, "model_folder", lambda: tmp_path)  # platformdirs is in the extra alone


@pytest.mark.usefixtures("rtmlib")
def test_people(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    detector = open_detector("rtmpose")
    assert capsys.readouterr().out == ""
    people = detector.detect(IMAGE, 0.0)
    assert people.shape == (2, 26, 3) and people[0, :2].tolist() == [[7, 7, 0.5], [7, 7, 1]]
    monkeypatch.setattr(BodyWithFeet, "boxes", np.zeros((0, 4)))
    assert detector.detect(IMAGE, 0.0).shape == (0, 26, 3)


@pytest.mark.usefixtures("rtmlib")
def test_it_takes_no_model() -> None:
    with pytest.raises(InputError, match="leave the option out"):
        open_detector("rtmpose", Path("x.onnx"))


@pytest.mark.usefixtures("rtmlib")
def test_offline_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(url: str, timeout: float) -> None:
        raise URLError("no route")

    monkeypatch.setattr(rtmpose, "cached", lambda model, folder: download.cached(model, tmp_path))
    monkeypatch.setattr(download, "urlopen", offline)
    with pytest.raises(InputError, match=r"yolox_m.*\.zip: cannot be downloaded \(no route\)"):
        open_detector("rtmpose")


def test_the_models_are_pinned() -> None:
    for model in (DETECTOR, POSE):
        assert model.url.startswith("https://") and model.name.endswith(".onnx") and len(model.sha256) == 64
    assert DETECTOR.name == "yolox_m_8xb8-300e_humanart-c2c7a14a.onnx"
