"""AthletePose3D: negated rows, millimetres of cameras and points, turned videos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.datasets.readers import read_truth
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.projection import project_to_image
from tests.support.dataset_motion import record
from tests.support.sports_files import write_athletepose3d

CLIP = record(still=True, size=(1920, 1080))


@pytest.mark.parametrize("camera_mm", [True, False])
@pytest.mark.parametrize("points_mm", [True, False])
def test_points_in_the_camera_in_metres_whatever_the_units(camera_mm: bool, points_mm: bool, tmp_path: Path) -> None:
    path = write_athletepose3d(tmp_path, CLIP, camera_mm=camera_mm, points_mm=points_mm)
    (truth,) = read_truth(f"athletepose3d:{path}")
    assert truth.points is not None and (truth.points.convention, truth.frame, truth.fps) == ("h36m17", "camera", 60.0)
    np.testing.assert_allclose(truth.points.positions, CLIP.points("h36m17"), atol=1e-5)


def test_a_turned_video_shows_a_turned_body(tmp_path: Path) -> None:
    path = write_athletepose3d(tmp_path, CLIP, turned=True)
    (truth,) = read_truth(f"athletepose3d:{path}")
    assert truth.points is not None and truth.camera is not None and truth.camera.image_size == (1080, 1920)
    calibrated = CLIP.pixels("h36m17")
    # as the authors' demo turns pixels: u, v = v, u, then v = height - v
    expected = np.stack([calibrated[..., 1], 1920 - calibrated[..., 0]], -1)
    found = project_to_image(truth.points.positions.astype(np.float64), truth.camera.K)
    np.testing.assert_allclose(found, expected, atol=1e-2)
    # depth stays
    np.testing.assert_allclose(truth.points.positions[..., 2], CLIP.points("h36m17")[..., 2], atol=1e-5)


def test_points_that_are_not_there_do_not_count(tmp_path: Path) -> None:
    path = write_athletepose3d(tmp_path, CLIP)
    points = np.load(path.with_name(f"{path.stem}_h36m.npy"))
    points[3, 5] = np.nan
    np.save(path.with_name(f"{path.stem}_h36m.npy"), points)
    (truth,) = read_truth(f"athletepose3d:{path}")
    assert truth.points is not None
    assert np.argwhere(truth.points.confidence == 0).tolist() == [[3, 5]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cam": "S9_cam1"}, "no camera S9_cam1, which Axel_1_cam_2.json names"),
        ({"video_width": None}, "video_width, video_height: missing"),
    ],
)
def test_what_is_wrong_in_a_clip_is_named(change: dict[str, object], expected: str, tmp_path: Path) -> None:
    path = write_athletepose3d(tmp_path, CLIP)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError) as error:
        read_truth(f"athletepose3d:{path}")
    assert expected in str(error.value)


def test_what_is_wrong_beside_a_clip_is_named(tmp_path: Path) -> None:
    path = write_athletepose3d(tmp_path, CLIP)
    cameras = json.loads((tmp_path / "cam_param.json").read_text())
    cameras["S1_cam2"]["xyz"] = [1.0]
    (tmp_path / "cam_param.json").write_text(json.dumps(cameras))
    with pytest.raises(InputError, match="S1_cam2: xyz: expected"):
        read_truth(f"athletepose3d:{path}")
    (tmp_path / "cam_param.json").unlink()
    with pytest.raises(InputError, match=r"no cam_param\.json in a folder above it"):
        read_truth(f"athletepose3d:{path}")
    np.save(path.with_name(f"{path.stem}_h36m.npy"), np.zeros((4, 20, 3)))
    with pytest.raises(InputError, match="expected points"):
        read_truth(f"athletepose3d:{path}")
