"""Where no OpenGL is installed, as in a bare container, pictures are drawn all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lsmplify_refine.visual.video import probe


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="hides libraries from the loader of Linux")
def test_the_demo_ends_with_its_video(tmp_path: Path) -> None:
    hidden = tmp_path / "libraries"
    hidden.mkdir()
    for name in ("libEGL.so.1", "libOSMesa.so.8"):
        (hidden / name).write_text("found first, but not a library")
    environment = {**os.environ, "LD_LIBRARY_PATH": str(hidden)}
    environment.pop("DISPLAY", None)
    command = [sys.executable, "-m", "lsmplify_refine", "demo", "--output", str(tmp_path / "demo")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    drawn = probe(tmp_path / "demo" / "hmr4d_results_comparison.mp4")
    given = probe(tmp_path / "demo" / "0_input_video.mp4")
    assert (drawn.frames, drawn.fps) == (given.frames, given.fps)
    notes = json.loads((tmp_path / "demo" / "hmr4d_results_report.json").read_text())["notes"]
    (note,) = [note for note in notes if note["code"] == "video-on-cpu"]
    assert "libEGL.so.1" in note["text"]
