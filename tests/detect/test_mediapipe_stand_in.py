"""MediaPipe's detector with a stand-in for its package: no test downloads its model."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from lsmplify_refine.detect import open_detector
from lsmplify_refine.values.conventions import MEDIAPIPE33

WIDTH, HEIGHT = 200, 100
PERSON = np.column_stack([np.random.default_rng(0).uniform(40, 90, (33, 2)), np.full(33, 0.8)])
#: How far to the right of the truth this landmarker sees everything, pixels.
BIAS = 3.0


class Landmarker:
    """Sees the person in a picture that is bright on the left, and their mirror image in its mirror image."""

    def __init__(self) -> None:
        os.write(2, b"WARNING: sparse tensors\n")
        self.runs = 0

    def detect(self, image: SimpleNamespace) -> SimpleNamespace:
        if not self.runs:
            os.write(2, b"INFO: delegate created\n")
        self.runs += 1
        person = PERSON
        if image.data[0, -1, 0] > image.data[0, 0, 0]:
            person = (PERSON * [-1, 1, 1] + [WIDTH, 0, 0])[list(MEDIAPIPE33.mirror)]
        points = [
            SimpleNamespace(x=(x + BIAS) / WIDTH, y=y / HEIGHT, visibility=visibility) for x, y, visibility in person
        ]
        return SimpleNamespace(pose_landmarks=[points])

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(**_: object) -> SimpleNamespace:
        return SimpleNamespace()

    package, tasks, python = (ModuleType(name) for name in ("mediapipe", "mediapipe.tasks", "mediapipe.tasks.python"))
    image_format = SimpleNamespace(SRGB=1)
    landmarker = SimpleNamespace(create_from_options=lambda options: Landmarker())
    vars(package).update(
        tasks=tasks, ImageFormat=image_format, Image=lambda image_format, data: SimpleNamespace(data=data)
    )
    vars(python).update(BaseOptions=made, vision=SimpleNamespace(PoseLandmarkerOptions=made, PoseLandmarker=landmarker))
    for module in (package, tasks, python):
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("stand_in")
def test_what_is_seen_in_the_mirror_image_cancels_a_bias(tmp_path: Path) -> None:
    (tmp_path / "heavy.task").write_bytes(b"model")
    detector = open_detector("mediapipe", tmp_path / "heavy.task")
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, : WIDTH // 2] = 200
    (person,) = detector.detect(image, 0.0)
    np.testing.assert_allclose(person[:, :2], PERSON[:, :2], atol=1e-9)
    assert detector.model == "heavy.task"


@pytest.mark.usefixtures("stand_in")
def test_what_its_library_logs_does_not_reach_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "heavy.task").write_bytes(b"model")
    with caplog.at_level(logging.INFO):
        detector = open_detector("mediapipe", tmp_path / "heavy.task")
        for _ in range(2):
            detector.detect(np.zeros((HEIGHT, WIDTH, 3), np.uint8), 0.0)
    assert capfd.readouterr().err == ""
    assert [record.getMessage() for record in caplog.records] == ["WARNING: sparse tensors", "INFO: delegate created"]
