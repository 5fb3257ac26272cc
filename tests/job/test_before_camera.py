"""A body that the camera cannot have filmed is refused, with the option that cures it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine import Estimate, Keypoints, save
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.job.before_camera import check_before_camera
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from tests.support.scenes import scene

FRAMES = 12
J0 = np.array(MEAN_REST_PELVIS["smplx"], np.float32)


def turned(estimate: Estimate, angle: float) -> Estimate:
    """Turned about the line of sight."""
    turn = rotvec_to_rotmat([0.0, 0.0, angle]) @ rotvec_to_rotmat(estimate.global_orient)
    return estimate.replace(global_orient=rotmat_to_rotvec(turn).astype(np.float32))


def behind(estimate: Estimate) -> Estimate:
    return estimate.replace(transl=-estimate.transl - 2 * J0)


def within(estimate: Estimate) -> Estimate:
    return estimate.replace(transl=0 * estimate.transl - J0)


WRONG = {
    "behind": (behind, "behind the camera in 12 of 12 frames"),
    "within": (within, "where the camera is in 12 of 12 frames"),
    "upside down": (lambda estimate: turned(estimate, np.pi), "upside down against its keypoints in 12 of 12 frames"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_job_refuses_it_and_names_the_option(case: str, tmp_path: Path) -> None:
    change, message = WRONG[case]
    right = scene(FRAMES)
    assert right.keypoints is not None
    points = np.concatenate([right.keypoints.positions, right.keypoints.confidence[..., None]], axis=-1)
    np.save(tmp_path / "coco.npy", points)
    save([change(right)], tmp_path / "r.npz")
    job = Job(tmp_path / "r.npz", keypoints=tmp_path / "coco.npy", keypoint_convention="coco17", write_video=False)
    with pytest.raises(InputError, match=f"person 0 is {message}; .*--format generic:frame=world"):
        run(job)


def test_what_is_before_the_camera_is_accepted() -> None:
    check_before_camera(scene(FRAMES))
    check_before_camera(turned(scene(FRAMES), 1.5))  # an estimator may be far off
    check_before_camera(within(scene(FRAMES)).replace(keypoints=None))


def test_a_handstand_that_the_keypoints_show_is_accepted() -> None:
    estimate = turned(scene(FRAMES), np.pi)
    assert estimate.keypoints is not None
    upended = Keypoints("coco17", -estimate.keypoints.positions, estimate.keypoints.confidence)
    check_before_camera(estimate.replace(keypoints=upended))


def test_half_of_the_frames_are_not_most() -> None:
    right, wrong = scene(FRAMES), turned(scene(FRAMES), np.pi)
    half = np.where(np.arange(FRAMES)[:, None] < FRAMES // 2, right.global_orient, wrong.global_orient)
    check_before_camera(right.replace(global_orient=half))
