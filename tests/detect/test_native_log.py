"""What C++ libraries print past Python becomes log records."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lsmplify_refine.detect.native_log import native_log
from tests.support import clips


def test_lines_past_python_become_records(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), native_log("mediapipe"):
        os.write(2, b"INFO: delegate created\nWARNING: 100%s sparse\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("mediapipe", "INFO: delegate created"),
        ("mediapipe", "WARNING: 100%s sparse"),
    ]


def test_an_error_in_the_block_leaves_standard_error_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="broken"), native_log("mediapipe"):
        raise ValueError("broken")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.slow
@pytest.mark.shared
def test_mediapipe_does_not_speak_past_the_command(tmp_path: Path, shared_data: Path) -> None:
    pytest.importorskip("mediapipe")
    model = shared_data.parent / "models" / "pose_landmarker_heavy.task"
    if not model.is_file():
        pytest.skip("needs MediaPipe's model in ../shared/models")
    (tmp_path / "hmr4d_results.pt").write_bytes((clips.DEMO / "hmr4d_results.pt").read_bytes())
    detect = [
        "--detector",
        "mediapipe",
        "--detector-model",
        str(model),
        "--video",
        str(clips.DEMO / "0_input_video.mp4"),
    ]
    command = [sys.executable, "-m", "lsmplify_refine", str(tmp_path), "--no-video", "--json", *detect]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "" and json.loads(done.stdout)["people"]
