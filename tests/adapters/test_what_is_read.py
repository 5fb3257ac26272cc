"""What is read of each kind of file besides the pose: whose it is, which frames, which camera, which way is up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support import gvhmr_files as gvhmr
from tests.support.adapter_cases import CASES

_SIZE = (make.WIDTH, make.HEIGHT)
_GVHMR_SIZE = (gvhmr.WIDTH, gvhmr.HEIGHT)
_GVHMR_CAMERA = (float(np.hypot(*_GVHMR_SIZE)), gvhmr.WIDTH / 2, gvhmr.HEIGHT / 2)
_VIBE_BOXES = make.vibe()[2]["bboxes"]  # centre and sides


@dataclass(frozen=True)
class Read:
    """What is expected of the last person in a file.

    Attributes:
        family: Body family.
        frame_ids: The first and the last.
        camera: Focal length, cx and cy of the last frame, pixels.
        size: Width and height of the image.
        box: The first one's corners.
        frame: Where the parameters live.
        up: The axis of the world's root that points up.
        fps: Frames per second.
        gender: Of the body model.
    """

    family: str
    frame_ids: tuple[int, int]
    camera: tuple[float, float, float] | None = None
    size: tuple[int, int] | None = None
    box: tuple[float, float, float, float] | None = None
    frame: str = "camera"
    up: str | None = None
    fps: float | None = None
    gender: str = "neutral"


def _corners(box: np.ndarray) -> tuple[float, float, float, float]:
    x, y, width, height = (float(number) for number in box)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


_GENERIC = (800.0, 320.0, 240.0)
EXPECTED: dict[str, Read] = {
    "generic npz": Read("smplx", (0, 6), _GENERIC),
    "generic people": Read("smplx", (0, 3), _GENERIC),
    "generic 52": Read("smplh", (0, 6), _GENERIC),
    "amass smplh": Read("smplh", (0, 6), frame="world", up="z", fps=120, gender="male"),
    "amass smplx": Read("smplx", (0, 6), frame="world", up="z", fps=60),
    "wham": Read("smpl", (2, 21), up="y"),
    # the camera looks at the box's centre: 5000 px in a crop of 224, the box 240 px wide
    "vibe": Read("smpl", (3, 9), (5000 / 224 * 240, *_VIBE_BOXES[-1, :2]), _SIZE, _corners(_VIBE_BOXES[0])),
    "phalp": Read("smpl", (0, 6), (5000 / 256 * 640, 320, 240), _SIZE, (200, 50, 280, 250)),
    "smplerx": Read("smplx", (0, 6), (5000 / 192 * 150, 100 + 250 + 18 + 75, 140), None, (350, 40, 500, 240)),
    "prompthmr": Read("smplx", (0, 6), (900, 320, 240), up="y"),
    "tram": Read("smpl", (30, 33), (700, 320, 240), _SIZE, up="y"),
    "tram track": Read("smpl", (2, 5), (700, 320, 240), _SIZE, up="y"),
    "easymocap": Read("smpl", (1, 6), frame="world", up="z"),
    "easymocap smplx": Read("smplx", (1, 6), frame="world", up="z"),
    "smplcodec": Read("smplx", (0, 6), frame="world", up="y", fps=30, gender="male"),
    "smplestx fork": Read("smplx", (0, 2), (3000, 200, 150), None, (150, 80, 250, 220)),
    "gvhmr pt": Read("smplx", (0, 11), _GVHMR_CAMERA, _GVHMR_SIZE, up="y"),
    "gvhmr npz": Read("smplx", (0, 11), _GVHMR_CAMERA, _GVHMR_SIZE, up="y", fps=30),
    "gvhmr package": Read("smplx", (0, 11), _GVHMR_CAMERA, _GVHMR_SIZE, (110, 390, 610, 890), up="y", fps=30),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_what_is_read_besides_the_pose(case: str, tmp_path: Path) -> None:
    estimate = load_save.load(CASES[case].write(tmp_path), format=CASES[case].how)[-1]
    expected = EXPECTED[case]
    assert (estimate.family, estimate.gender, estimate.fps) == (expected.family, expected.gender, expected.fps)
    assert (estimate.frame_ids[0], estimate.frame_ids[-1]) == expected.frame_ids
    assert estimate.frame == expected.frame and (estimate.world and estimate.world.up) == expected.up
    assert (estimate.camera is None) == (expected.camera is None)
    if estimate.camera is not None:
        assert estimate.camera.image_size == expected.size
        assert estimate.camera.K[-1][(0, 0, 1), (0, 2, 2)] == pytest.approx(expected.camera, rel=1e-5)
        assert estimate.camera.K[-1, 1, 1] == pytest.approx(estimate.camera.K[-1, 0, 0])
    if expected.box is not None:
        assert estimate.boxes is not None and estimate.boxes[0] == pytest.approx(expected.box)
