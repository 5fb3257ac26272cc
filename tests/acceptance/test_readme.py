"""The README's Python for live use runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine import load
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.scenes import open_body, true_motion

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_live_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not README.is_file():
        pytest.skip("needs the README beside the tests")
    (block,) = (
        text for text in re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.S) if ".stream(" in text
    )
    monkeypatch.chdir(tmp_path)
    pose, pelvis = true_motion(5)
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10), 0.9)
    exec(block, {"frames": list(zip(points, np.ones(points.shape[:2])))})
    (read,) = load("live.npz")
    assert len(read) == 5 and read.fps == 30 and read.body_pose.shape == (5, 23, 3)
