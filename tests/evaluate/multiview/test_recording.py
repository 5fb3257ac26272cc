"""A recording in the layout of Pose2Sim's demos, with detectors that are told what to find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine import InputError
from lsmplify_refine.evaluate.multiview.recording import read_views
from tests.support.camera_rooms import SIZE, around, views, write_qualisys
from tests.support.clips import write_video
from tests.support.fake_detectors import Replay

FRAMES = 6


class TwoKinds(Replay):
    """Replays keypoints in the image and in space."""

    convention = "mediapipe33"

    def __init__(self, people: list[np.ndarray], in_space: list[np.ndarray]) -> None:
        super().__init__(people)
        self.in_space = iter(in_space)

    def detect_in_space(self, image: np.ndarray) -> np.ndarray:
        return next(self.in_space)


def record(folder: Path, names: list[str]) -> Path:
    (folder / "calibration").mkdir()
    (folder / "videos").mkdir()
    write_qualisys(folder / "calibration" / "Calib.qca.txt", around())
    for name in names:
        write_video(folder / "videos" / f"{name}.mp4", FRAMES, SIZE)
    return folder


def detector() -> TwoKinds:
    seen = views(FRAMES)
    ones = np.ones((33, 1))
    people = [np.concatenate([row, ones], -1)[None] for view in seen.values() for row in view.keypoints.positions]
    space = [np.concatenate([row, ones], -1)[None] for view in seen.values() for row in view.landmarks.positions]
    # a ghost that is hardly visible beside the person, and a frame with nobody
    space[1] = np.concatenate([0.2 * space[1], space[1]])
    space[2] = np.zeros((0, 33, 4))
    return TwoKinds(people, space)


def test_every_camera_has_its_own_keypoints_and_landmarks(tmp_path: Path) -> None:
    fake, said = detector(), list[str]()
    found = read_views(record(tmp_path, list(around())), fake, fake, progress=said.append)
    assert list(found) == said == list(around())
    for name, view in views(FRAMES).items():
        read = found[name]
        assert read.image_size == SIZE and read.fps == 30.0
        assert np.allclose(read.camera.K, view.camera.K) and np.allclose(read.camera.t, view.camera.t)
        assert np.allclose(read.keypoints.positions, view.keypoints.positions, atol=1e-3)
        known = read.landmarks.confidence[:, 0] > 0
        assert known.tolist() == [name != "cam0" or frame != 2 for frame in range(FRAMES)]
    assert np.allclose(found["cam3"].landmarks.positions, views(FRAMES)["cam3"].landmarks.positions, atol=1e-5)
    beside_ghost, person = found["cam0"].landmarks.positions[1], views(FRAMES)["cam0"].landmarks.positions[1]
    assert np.allclose(beside_ghost, person, atol=1e-5)


def test_two_videos_cannot_judge_a_third(tmp_path: Path) -> None:
    fake = detector()
    with pytest.raises(InputError, match=r"2 videos named after the calibrated cameras .*at least 3"):
        read_views(record(tmp_path, ["cam0", "cam2"]), fake, fake)
