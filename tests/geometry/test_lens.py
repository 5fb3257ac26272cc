"""A body under another lens looks the same."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.lens import change_lens
from lsmplify_refine.geometry.projection import intrinsics, project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.scenes import open_body, true_motion

FRAMES = 20
J0 = np.array(MEAN_REST_PELVIS["smpl"])


def lens(focal: float, centre: tuple[float, float] = (640, 360)) -> np.ndarray:
    return np.tile(intrinsics(focal, np.array(centre, float)), (FRAMES, 1, 1))


def shown(pose: np.ndarray, orient: np.ndarray, transl: np.ndarray, K: np.ndarray) -> np.ndarray:
    """(T, K, 2) pixels of the body's keypoints."""
    turned = np.concatenate([orient[:, None], pose[:, 1:]], axis=1)
    points = open_body().keypoints("body25", rotvec_to_rotmat(turned), transl + J0, np.zeros(10))
    return project_to_image(points, K)


@pytest.mark.parametrize(("old", "new"), [(800.0, 1400.0), (1400.0, 800.0)])
def test_the_body_stays_where_it_is_in_the_image(old: float, new: float) -> None:
    pose, pelvis = true_motion(FRAMES)
    transl = pelvis - J0 + np.array([3.0, -0.3, 4.0])  # at the side of the image
    orient, moved = change_lens(pose[:, 0], transl, J0, lens(old), lens(new))
    before, after = shown(pose, pose[:, 0], transl, lens(old)), shown(pose, orient, moved, lens(new))
    size = np.linalg.norm(np.ptp(before, axis=1), axis=-1).mean()
    # a nearer camera sees more perspective
    assert np.linalg.norm(after - before, axis=-1).mean() < 0.03 * size
    towards = _towards_the_camera(pose[:, 0], transl + J0)
    np.testing.assert_allclose(_towards_the_camera(orient, moved + J0), towards, atol=1e-9)
    assert np.abs(_towards_the_camera(pose[:, 0], moved + J0) - towards).max() > 0.05  # without the turn


def _towards_the_camera(orient: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    """(T, 3) cosines of the root's axes and the line of sight."""
    sight = pelvis / np.linalg.norm(pelvis, axis=1, keepdims=True)
    cosines: np.ndarray = np.einsum("tij,ti->tj", rotvec_to_rotmat(orient), sight)
    return cosines


def test_the_way_back_is_exact() -> None:
    pose, pelvis = true_motion(FRAMES)
    transl = pelvis - J0 + np.array([1.2, -0.3, 1.0])
    there = change_lens(pose[:, 0], transl, J0, lens(800), lens(1400, (600, 400)))
    orient, back = change_lens(*there, J0, lens(1400, (600, 400)), lens(800))
    np.testing.assert_allclose(rotvec_to_rotmat(orient), rotvec_to_rotmat(pose[:, 0]), atol=1e-12)
    np.testing.assert_allclose(back, transl, atol=1e-12)


def test_a_body_behind_the_camera_stays() -> None:
    pose, pelvis = true_motion(FRAMES)
    orient, transl = change_lens(pose[:, 0], -pelvis, J0, lens(800), lens(1400))
    assert np.array_equal(orient, pose[:, 0]) and np.array_equal(transl, -pelvis)
