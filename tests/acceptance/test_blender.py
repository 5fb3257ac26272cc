"""Exports imported by Blender: joints and floor where the fitted body has them.

Needs Blender as a Python module (`pip install bpy`), in this Python or in the one that BLENDER_PYTHON names.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.body import BodyModel
from lsmplify_refine.formats.bvh import bone_name
from lsmplify_refine.formats.export import export, export_people
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.smpl_joints import JOINT_NAMES
from tests.support import figures

_SCRIPT = Path(__file__).parents[1] / "support" / "blender.py"
_PYTHON = os.environ.get("BLENDER_PYTHON") or (sys.executable if importlib.util.find_spec("bpy") else None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_PYTHON is None, reason="needs Blender's bpy; name a Python that has it in BLENDER_PYTHON"),
]
BODY = BodyModel.open()
#: Blender's axes from a world with y up.
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def imported(path: Path, *frames: float) -> dict[str, Any]:
    """What Blender shows at some frames."""
    assert _PYTHON is not None
    command = [_PYTHON, str(_SCRIPT), str(path), str(int(figures.FPS)), *map(str, frames)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return result


def bones(frame: dict[str, Any], key: str) -> dict[str, np.ndarray]:
    return {name.rpartition("/")[2]: np.array(bone[key]) for name, bone in frame["bones"].items()}


@pytest.mark.parametrize("format", ["bvh", "glb"])
@pytest.mark.parametrize("shape", figures.SHAPES)
def test_joints_are_within_a_millimetre(format: Any, shape: Any, tmp_path: Path) -> None:
    if format == "glb":
        pytest.importorskip("pygltflib")
    estimate = figures.acrobat()
    export(estimate, tmp_path / f"a.{format}", format, body=BODY, shape=shape)
    rows = (0, 31, 89)
    expected = figures.true_joints(estimate, BODY, shape)
    for row, frame in zip(rows, imported(tmp_path / f"a.{format}", *rows)["frames"], strict=True):
        found = bones(frame, "at")
        for index in range(24):
            from_pelvis = found[bone_name(JOINT_NAMES[index])] - found["Pelvis"]
            assert np.abs(from_pelvis - Z_UP @ expected[row, index]).max() < 1e-3, (row, JOINT_NAMES[index])


@pytest.mark.parametrize("format", ["bvh", "glb"])
def test_half_way_between_frames_is_within_a_degree(format: Any, tmp_path: Path) -> None:
    if format == "glb":
        pytest.importorskip("pygltflib")
    estimate = figures.acrobat()
    export(estimate, tmp_path / f"a.{format}", format, body=BODY, shape=figures.SHAPES[0])
    rows = (5, 40, 72)
    at = [place for row in rows for place in (row, row + 0.5)]
    frames = imported(tmp_path / f"a.{format}", *at)["frames"]
    for row, here, halfway in zip(rows, frames[::2], frames[1::2], strict=True):
        first, second = (local_rotations(estimate, row + step) for step in (0, 1))
        between = first @ rotvec_to_rotmat(rotmat_to_rotvec(np.swapaxes(first, -1, -2) @ second) / 2)
        turned = orientations(between) @ np.swapaxes(orientations(first), -1, -2)
        for index in range(24):
            name = bone_name(JOINT_NAMES[index])
            change = bones(halfway, "turn")[name] @ bones(here, "turn")[name].T
            error = rotmat_to_rotvec((Z_UP @ turned[index] @ Z_UP.T).T @ change)
            assert np.degrees(np.linalg.norm(error)) < 1, (row, name)


def local_rotations(estimate: Estimate, row: int) -> np.ndarray:
    return rotvec_to_rotmat(np.concatenate([estimate.global_orient[row, None], estimate.body_pose[row]]))


def orientations(local: np.ndarray) -> np.ndarray:
    posed = [local[0]]
    for joint in range(1, 24):
        posed.append(posed[BODY.parents[joint]] @ local[joint])
    return np.stack(posed)


def test_two_standing_people_stand_on_the_floor(tmp_path: Path) -> None:
    pytest.importorskip("pygltflib")
    heights = [figures.height_on_floor(BODY, shape) + 0.08 for shape in figures.SHAPES]
    people = [figures.stander(track_id=str(index), height=height) for index, height in enumerate(heights)]
    export_people(people, tmp_path / "a.glb", "glb", body=BODY, shapes=figures.SHAPES)
    (frame,) = imported(tmp_path / "a.glb", 4)["frames"]
    assert len(frame["lowest"]) == 2 and all(abs(height) < 0.01 for height in frame["lowest"].values())
