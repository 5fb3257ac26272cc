from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from lsmplify_refine.cli import main
from lsmplify_refine.errors import InputError
from lsmplify_refine.job import checks, media_checks
from lsmplify_refine.visual import encode, rasterizer


def test_what_refining_needs_works_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert [check for check in checks.examine() if check.needed and not check.ok] == []
    assert main(["doctor"]) == 0
    assert "Refining works here." in capsys.readouterr().out


def test_a_broken_body_is_named_with_its_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "SMPL_NEUTRAL.npz"
    broken.write_bytes(b"broken")
    assert main(["doctor", "--body-model", str(broken)]) == 1
    shown = capsys.readouterr().out
    assert "FAIL --body-model" in shown and "SMPL_NEUTRAL.npz" in shown and "fix: give a SMPL" in shown


def test_missing_gl_does_not_prevent_refining(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_gl() -> str:
        raise OSError("libEGL.so\nnot found")

    monkeypatch.setattr(media_checks, "try_comparison", no_gl)
    monkeypatch.setattr(checks, "drawing_remedy", lambda: "install EGL")
    assert main(["doctor"]) == 0
    assert "--   comparison video: OSError: libEGL.so not found\n     fix: install EGL" in capsys.readouterr().out


def test_a_remedy_is_printed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gl() -> rasterizer.Rasterizer:
        raise InputError("OpenGL does not work here (no driver)")

    monkeypatch.setattr(rasterizer, "GlRasterizer", no_gl)
    monkeypatch.delattr(cv2, "triangleRasterize", raising=False)
    (check,) = [check for check in checks.examine() if check.name == "comparison video"]
    assert not check.ok and not check.needed
    assert check.detail.startswith("cannot draw meshes: OpenGL does not work here (no driver), and OpenCV ")
    assert check.detail.endswith("only version 5 or newer")
    assert check.fix == rasterizer.drawing_remedy() and "--no-video" in check.fix


def test_failing_video_prevents_refining(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def no_codec(*_: object, **__: object) -> None:
        raise InputError("no H.264 encoder")

    monkeypatch.setattr(encode.VideoWriter, "__enter__", no_codec)
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "FAIL H.264 video: no H.264 encoder\n     fix: pip install --upgrade av" in shown
    assert "Refining does not work here yet" in shown
