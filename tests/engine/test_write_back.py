"""How a change in camera coordinates is applied to an estimate in world coordinates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.engine.write_back import write_back
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.estimate import WorldRoot
from lsmplify_refine.values.keypoints import Keypoints
from tests.support.scenes import open_body, scene

FRAMES = 9
#: R_camera_world of the camera that was recovered: far from the world's axes.
R = rotvec_to_rotmat([1.3, -0.2, 0.4])


@pytest.mark.parametrize("up", [None, "y", "z"])
@pytest.mark.parametrize("in_space", [False, True])
def test_a_turn_of_the_root_is_written_in_the_axes_of_the_world(up: Any, in_space: bool) -> None:
    """2D keypoints are fitted before the camera, 3D ones in the world."""
    turned = scene(FRAMES)
    orient = rotmat_to_rotvec(R.T @ rotvec_to_rotmat(turned.global_orient)).astype(np.float32)
    world = None if up is None else WorldRoot(orient, turned.transl.copy(), up)
    keypoints = turned.keypoints
    assert keypoints is not None
    if in_space:
        keypoints = Keypoints("coco17", np.zeros((FRAMES, 17, 3)), np.ones((FRAMES, 17)))
    estimate = turned.replace(frame="world", global_orient=orient, world=world, keypoints=keypoints)

    to_tracks = np.eye(3) if in_space else R
    pose = pose_on_body(estimate, open_body())
    rotations = pose.rotations.numpy().astype(np.float64)
    rotations[:, 0] = to_tracks @ rotations[:, 0]
    before = BodyTrack(open_body(), rotations, pose.pelvis.numpy() @ to_tracks.T, np.zeros(10))
    shift = np.array([0.1, 0.2, 0.3])
    after = rotations.copy()
    after[:, 0] = after[:, 0] @ rotvec_to_rotmat([0.3, 0.2, -0.1])
    refined_track = replace(before, rotations=after, pelvis=before.pelvis + shift)
    carried = None if in_space else WorldRoot(rotmat_to_rotvec(to_tracks.T @ after[:, 0]), turned.transl + shift)
    refined = write_back(estimate, before, refined_track, carried)

    np.testing.assert_allclose(to_tracks @ rotvec_to_rotmat(refined.global_orient), after[:, 0], atol=1e-6)
    moved = refined.transl - estimate.transl
    if in_space:
        np.testing.assert_allclose(moved, np.tile(shift, (FRAMES, 1)), atol=1e-6)
    else:
        assert carried is not None and np.array_equal(refined.transl, carried.transl)
    assert (refined.world is None) == (up is None)
    if refined.world is not None:
        assert np.array_equal(refined.world.global_orient, refined.global_orient)
        assert np.array_equal(refined.world.transl, refined.transl) and refined.world.up == up
