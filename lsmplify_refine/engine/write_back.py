"""Turn a refined pose on the engine's body back into the estimate's own parameters.

Only changes are carried over: what the engine did not move keeps its bits. The engine's body may differ from the
estimate's in shape and rest joints. A change of joint rotations or of the pelvis means the same in both.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.geometry.rotations import nearest_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from lsmplify_refine.values.smpl_joints import FEET

_AXIS = {"y": 1, "z": 2}


def write_back(estimate: Estimate, before: BodyTrack, after: BodyTrack) -> Estimate:
    """Apply the change from the fitted input to the refined track to the estimate."""
    shared = min(estimate.body_pose.shape[1], after.rotations.shape[1] - 1)
    joints = slice(1, 1 + shared)
    body_pose = estimate.body_pose.copy()
    body_pose[:, :shared] = _changed(
        estimate.body_pose[:, :shared], before.rotations[:, joints], after.rotations[:, joints]
    )
    orient, transl = estimate.global_orient, estimate.transl
    world = None if estimate.world is None else _carry_to_world(estimate.world, before, after)
    if _has_axes_of_tracks(estimate):
        orient = _changed(orient, before.rotations[:, 0], after.rotations[:, 0])
        transl = (transl + (after.pelvis - before.pelvis)).astype(transl.dtype)
        if estimate.frame == "world" and world is not None:
            # fitted in the world itself, so its path may be corrected too
            world = WorldRoot(orient, transl, world.up)
    else:
        # the tracks are in a recovered camera's coordinates, whose axes are not this world's
        carried = world or _carry_to_world(WorldRoot(orient, transl), before, after)
        orient, transl = carried.global_orient, carried.transl
    return estimate.replace(global_orient=orient, body_pose=body_pose, transl=transl, world=world)


def _has_axes_of_tracks(estimate: Estimate) -> bool:
    """Whether a change of the tracks' root and pelvis may be added to the estimate's: both have the same axes."""
    return estimate.frame == "camera" or (estimate.keypoints is not None and estimate.keypoints.is_3d)


def _changed(
    rotvec: Float[np.ndarray, "*batch 3"], old: Float[np.ndarray, "*batch 3 3"], new: Float[np.ndarray, "*batch 3 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Axis-angle with the change from `old` to `new` applied on the left; bits kept where there is none."""
    change = new.astype(np.float64) @ np.swapaxes(old.astype(np.float64), -1, -2)
    moved = nearest_rotvec(change @ rotvec_to_rotmat(rotvec), rotvec).astype(rotvec.dtype)
    same = np.abs(new - old).max(axis=(-2, -1)) == 0
    return np.where(same[..., None], rotvec, moved)


def _carry_to_world(world: WorldRoot, before: BodyTrack, after: BodyTrack) -> WorldRoot:
    """Apply the root's change to the world root, frame by frame.

    The two roots of real files are not rigidly tied (0.6-2.9 degrees of drift for a still camera). So the world root
    gets the camera root's *change* in the body's own frame. The world path of the pelvis stays, except for its height,
    which keeps the lowest foot where it was.
    """
    change = np.swapaxes(before.rotations[:, 0], -1, -2) @ after.rotations[:, 0]
    moved = np.abs(after.rotations - before.rotations).max(axis=(1, 2, 3)) > 0
    root_before = rotvec_to_rotmat(world.global_orient)
    root_after = root_before @ change
    orient = nearest_rotvec(root_after, world.global_orient).astype(world.global_orient.dtype)
    rise = _lowest_foot(before, root_before, world.up) - _lowest_foot(after, root_after, world.up)
    transl = world.transl.copy(order="K")
    transl[:, _AXIS[world.up]] += np.where(moved, rise, 0.0)
    return WorldRoot(np.where(moved[:, None], orient, world.global_orient), transl, world.up)


def _lowest_foot(
    track: BodyTrack, root: Float[np.ndarray, "frames 3 3"], up: Literal["y", "z"]
) -> Float[np.ndarray, " frames"]:
    """Height of the lowest ankle or foot joint over the pelvis, under another root orientation."""
    rotations = np.concatenate([root[:, None], track.rotations[:, 1:]], 1)
    joints = track.body.joints(rotations, np.zeros((len(track), 3)), track.betas, track.scale)
    lowest: np.ndarray = joints[:, FEET, _AXIS[up]].min(1)
    return lowest
