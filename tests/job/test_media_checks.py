from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import cv2
import numpy as np
import pytest

from lsmplify_refine.detect import mediapipe
from lsmplify_refine.errors import InputError
from lsmplify_refine.job import media_checks
from lsmplify_refine.visual import rasterizer
from lsmplify_refine.visual.mesh import MeshRenderer


def _install(monkeypatch: pytest.MonkeyPatch, cv2_version: str, packages: dict[str, str]) -> None:
    def version(package: str) -> str:
        if package not in packages:
            raise PackageNotFoundError(package)
        return packages[package]

    monkeypatch.setattr(media_checks, "version", version)
    monkeypatch.setattr(cv2, "__version__", cv2_version)


@pytest.mark.parametrize(
    ("packages", "found"),
    [
        ({"opencv-python": "4.10.0.84"}, "opencv-python 4.10.0.84"),
        ({"opencv-contrib-python": "4.10.0"}, "opencv-contrib-python 4.10.0"),
        (
            {"opencv-python": "4.10.0.84", "opencv-python-headless": "4.10.0.84"},
            "opencv-python 4.10.0.84 and opencv-python-headless 4.10.0.84",
        ),
        ({}, "not installed through pip"),
    ],
)
def test_one_opencv_is_right(monkeypatch: pytest.MonkeyPatch, packages: dict[str, str], found: str) -> None:
    _install(monkeypatch, "4.10.0", packages)
    assert media_checks.try_opencv_packages() == found


@pytest.mark.parametrize(
    ("packages", "message", "kept"),
    [
        (
            {"opencv-python": "4.10.0.84", "opencv-contrib-python": "4.9.0.80"},
            r"opencv-python 4.10.0.84 and opencv-contrib-python 4.9.0.80 are installed over each other",
            "opencv-contrib-python-headless",
        ),
        (
            {"opencv-contrib-python": "4.10.0.84", "opencv-python-headless": "5.0.0.93"},
            r"opencv-contrib-python 4.10.0.84 and opencv-python-headless 5.0.0.93 are installed over each other",
            "opencv-contrib-python-headless",
        ),
        (
            {"opencv-python": "4.1.0.25"},
            r"opencv-python 4.1.0.25 is installed, but cv2 is 4.10.0",
            "opencv-python-headless",
        ),
    ],
)
def test_two_opencvs_are_named(
    monkeypatch: pytest.MonkeyPatch, packages: dict[str, str], message: str, kept: str
) -> None:
    _install(monkeypatch, "4.10.0", packages)
    with pytest.raises(InputError, match=message):
        media_checks.try_opencv_packages()
    fix = media_checks.one_opencv()
    assert fix == f"pip uninstall -y {' '.join(packages)} && pip install {kept}"


def test_an_opencv_without_functions_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "cvtColor")
    with pytest.raises(AttributeError, match="cvtColor"):
        media_checks.try_opencv()


def test_a_driver_that_draws_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert media_checks.try_comparison().startswith("drawn by ")
    monkeypatch.setattr(MeshRenderer, "overlay", lambda *_, **__: None)
    with pytest.raises(InputError, match="starts but draws nothing"):
        media_checks.try_comparison()


def test_the_cpu_is_named_if_it_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gl() -> rasterizer.Rasterizer:
        raise InputError("OpenGL does not work here")

    monkeypatch.setattr(rasterizer, "GlRasterizer", no_gl)
    found = media_checks.try_comparison()
    assert found.startswith("drawn by the CPU (OpenCV ") and "OpenGL does not work here; " in found


def test_a_detector_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_checks, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="not installed"):
        media_checks.try_detector()


def test_a_detector_is_loaded_without_downloading_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mediapipe")
    monkeypatch.setattr(mediapipe, "stored", lambda *_: None)
    monkeypatch.setattr(mediapipe, "cached", lambda *_: pytest.fail("something was downloaded"))
    assert "(31 MB) is downloaded on first use" in media_checks.try_detector()


def test_a_detector_with_its_model_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    model = tmp_path / "pose.task"

    class Fake:
        def __init__(self, path: Path) -> None:
            assert path == model

        def detect(self, image: np.ndarray, seconds: float) -> np.ndarray:
            return np.zeros((0, 33, 3))

    monkeypatch.setattr(mediapipe, "stored", lambda *_: model)
    monkeypatch.setattr(mediapipe, "MediaPipe", Fake)
    assert media_checks.try_detector().endswith("runs with pose.task")
