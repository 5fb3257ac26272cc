"""The command `fit`, judged by known joints and by cameras that it did not see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine import InputError, Keypoints, Refiner
from lsmplify_refine.cli import main
from lsmplify_refine.evaluate.fitted import (
    CONVENTIONS_TRIED,
    error_by_command,
    error_in_python,
    held_out,
    known_motion,
)
from lsmplify_refine.learn.motion import Take, load_take
from tests.support.scenes import true_motion


def generated(frames: int = 6) -> Take:
    """`true_motion`, with y up."""
    pose, pelvis = true_motion(frames)
    from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat

    turn = np.diag([1.0, -1, -1])
    rotvec = pose[:, :22].copy()
    rotvec[:, 0] = rotmat_to_rotvec(turn @ rotvec_to_rotmat(pose[:, 0]))
    return Take("made/0/walk", "0", rotvec.astype(np.float32), (pelvis @ turn).astype(np.float32), 30.0)


def test_the_command_in_millimetres_with_z_up_is_as_good_as_python(tmp_path: Path) -> None:
    known = known_motion(generated(), "smpl24", 0)
    in_python = error_in_python(Refiner(), known)
    assert 1 < in_python < 40
    assert error_by_command(main, known, tmp_path) == pytest.approx(in_python, rel=0.02)


def test_a_command_that_fails_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exit code 3"):
        error_by_command(lambda _: 3, known_motion(generated(), "body25", 0), tmp_path)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("convention", CONVENTIONS_TRIED)
def test_a_recorded_take_in_millimetres_with_z_up(convention: str, shared_data: Path, tmp_path: Path) -> None:
    known = known_motion(load_take(shared_data / "mocap/cmu/13/13_13_poses.npz"), convention, 0)
    assert error_by_command(main, known, tmp_path) < 1.1 * error_in_python(Refiner(), known)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", ["cam01", "cam02", "cam03", "cam04"])
def test_a_real_camera_sees_the_fitted_body_nearer_than_the_points(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    views = {}
    for path in sorted((shared_data / "multiview").glob("*.npz")):
        image = np.load(path)["image"]
        views[path.stem] = Keypoints("mediapipe33", image[..., :2], image[..., 2], path.name)
    found = held_out(main, views, shared_data / "multiview" / "calibration.toml", name, 60.0, tmp_path)
    assert found.fitted < found.triangulated < 40
