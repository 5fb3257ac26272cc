"""Qualisys' calibration: the cameras that were written come back; damaged files get one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine import InputError
from lsmplify_refine.evaluate.multiview.qualisys import load_qualisys
from tests.support.camera_rooms import around, true_landmarks, write_qualisys


def test_the_cameras_come_back(tmp_path: Path) -> None:
    read = load_qualisys(write_qualisys(tmp_path / "Calib.qca.txt", around()))
    assert list(read) == list(around())
    for name, camera in around().items():
        assert np.allclose(read[name].project(true_landmarks(3)), camera.project(true_landmarks(3)), atol=1e-6)


def test_a_camera_in_its_own_words(tmp_path: Path) -> None:
    """By hand: a camera at (0, -2 m, 1 m) of a world with z up looks along y; x is right."""
    attributes = {"r11": 1, "r12": 0, "r13": 0, "r21": 0, "r22": 0, "r23": 1, "r31": 0, "r32": -1, "r33": 0}
    path = write_qualisys(tmp_path / "Calib.qca.txt", {"a": around()["cam0"]})
    text = path.read_text()
    for name, value in attributes.items():
        start = text.index(f'{name}="')
        text = text[:start] + f'{name}="{value}"' + text[text.index('"', start + 5) + 1 :]
    for name, value in {"x": 0, "y": -2000, "z": 1000}.items():
        start = text.index(f' {name}="')
        text = text[:start] + f' {name}="{value}"' + text[text.index('"', start + 4) + 1 :]
    path.write_text(text)
    camera = load_qualisys(path)["a"]
    ahead, right, above = (camera.R @ np.array(point) + camera.t for point in ([0, 3, 1], [1, 3, 1], [0, 3, 2]))
    assert np.allclose(ahead, [0, 0, 5]) and np.allclose(right, [1, 0, 5]) and np.allclose(above, [0, -1, 5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "not XML as Qualisys writes it"),
        ("<calibration><cameras/></calibration>", "holds no cameras"),
        ('<calibration><cameras><camera serial="a"/></cameras></calibration>', "lacks a number"),
        ('<calibration><cameras><camera serial="a"><intrinsic x="y"/></camera></cameras></calibration>', "bad one"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "Calib.qca.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_qualisys(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_qualisys(tmp_path / "nowhere.qca.txt")
