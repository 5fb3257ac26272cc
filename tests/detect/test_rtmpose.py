"""RTMPose with a stand-in for rtmlib, in the shapes of rtmlib 0.0.16: its models are downloaded, which no test does."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import numpy as np
import pytest

from lsmplify_refine.detect import open_detector
from lsmplify_refine.errors import InputError

IMAGE = np.tile(np.array([10, 20, 30], np.uint8), (40, 60, 1))
POINTS, SCORES = np.full((2, 26, 2), 7.0), np.tile([0.5, 1.4], (2, 13))


class BodyWithFeet:
    boxes = np.zeros((2, 4))

    def __init__(self, **options: object) -> None:
        assert options == {"mode": "balanced", "backend": "onnxruntime", "device": "cpu"}
        print("load model")

    def det_model(self, image: np.ndarray) -> np.ndarray:
        assert image[0, 0].tolist() == [30, 20, 10] and image.flags["C_CONTIGUOUS"]
        return self.boxes

    def pose_model(self, image: np.ndarray, bboxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert len(bboxes), "rtmlib takes the whole image for a person"
        return POINTS, SCORES


@pytest.fixture
def rtmlib(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("rtmlib")
    module.BodyWithFeet = BodyWithFeet  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rtmlib", module)
    return module


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


def test_offline(rtmlib: ModuleType) -> None:
    def offline(**_: object) -> None:
        raise URLError("no route")

    rtmlib.BodyWithFeet = offline  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"rtmlib cannot download its models .*no route"):
        open_detector("rtmpose")
