"""Detectors by name, and the worked example of docs/detectors.md through the entry-point group."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.detect import detect_keypoints, detectors, open_detector
from lsmplify_refine.errors import InputError
from tests.support import clips
from tests.support import fake_detectors as fakes

DOCS = Path(__file__).resolve().parents[2] / "docs" / "detectors.md"


def test_names() -> None:
    assert list(detectors())[:2] == ["mediapipe", "rtmpose"]
    with pytest.raises(InputError, match="--detector openpose: not known; known: mediapipe, rtmpose"):
        open_detector("openpose")


def test_built_in_names_are_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    built_in = detectors()["mediapipe"]
    fakes.install(monkeypatch, mediapipe=lambda model: fakes.Replay([]))
    assert detectors()["mediapipe"] == built_in


def test_a_detector_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path | None) -> object:
        raise ValueError("no\nweights")

    fakes.install(monkeypatch, broken=fail)
    with pytest.raises(InputError, match=r"--detector broken: cannot be started \(ValueError: no weights\)"):
        open_detector("broken")


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("mediapipe", "mediapipe", "detect"), ("rtmpose", "rtmlib", "rtmpose")]
)
def test_missing_packages_come_with_the_command(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"needs a missing package .* pip install 'lsmplify-refine\[{extra}\]'$"):
        open_detector(name)


def test_the_example_detects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"<!-- example -->\n```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    person = SimpleNamespace(xy=np.full((17, 2), 20.0), score=np.linspace(0, 1, 17))
    package = ModuleType("posenet9000")
    package.Net = lambda weights: lambda image: [person]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "posenet9000", package)
    module: dict[str, Any] = {}
    exec(compile(code[1], str(DOCS), "exec"), module)
    fakes.install(monkeypatch, posenet9000=module["Posenet9000"])
    with pytest.raises(InputError, match="give its weights"):
        open_detector("posenet9000")
    video = clips.write_video(tmp_path / "v.mp4", 3)
    (track,) = detect_keypoints(video, "posenet9000", model=tmp_path / "weights")
    assert track.keypoints.convention == "coco17" and track.keypoints.source == "posenet9000 (tiny) on v.mp4"
    np.testing.assert_allclose(track.keypoints.confidence[2], person.score, atol=1e-6)
