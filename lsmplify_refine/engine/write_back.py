"""Turn a refined pose on the engine's body back into the estimate's own parameters.

Only changes are carried over: what the engine did not move keeps its bits. The engine's body may differ from the
estimate's in shape and rest joints. A change of joint rotations or of the pelvis means the same in both.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.geometry.rotations import nearest_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.estimate import Estimate, WorldRoot


def write_back(estimate: Estimate, before: BodyTrack, after: BodyTrack, world: WorldRoot | None) -> Estimate:
    """Apply the change from the fitted input to the refined track to the estimate.

    Args:
        estimate: The input.
        before: The input on the engine's body.
        after: The refined track on the same body.
        world: The refined root in the estimate's world (see `engine.standing`); None if the tracks are in the
            estimate's own coordinates and it has no other world.
    """
    shared = min(estimate.body_pose.shape[1], after.rotations.shape[1] - 1)
    joints = slice(1, 1 + shared)
    body_pose = estimate.body_pose.copy()
    body_pose[:, :shared] = _changed(
        estimate.body_pose[:, :shared], before.rotations[:, joints], after.rotations[:, joints]
    )
    if estimate.frame == "world" and world is not None:
        # the tracks are in the coordinates of a recovered camera, not of this world
        orient, transl = world.global_orient, world.transl
    else:
        orient = _changed(estimate.global_orient, before.rotations[:, 0], after.rotations[:, 0])
        transl = (estimate.transl + (after.pelvis - before.pelvis)).astype(estimate.transl.dtype)
    if estimate.frame == "world" and estimate.world is not None:
        world = WorldRoot(orient, transl, estimate.world.up)
    return estimate.replace(
        global_orient=orient,
        body_pose=body_pose,
        transl=transl,
        world=None if estimate.world is None else world,
    )


def _changed(
    rotvec: Float[np.ndarray, "*batch 3"], old: Float[np.ndarray, "*batch 3 3"], new: Float[np.ndarray, "*batch 3 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Axis-angle with the change from `old` to `new` applied on the left; bits kept where there is none."""
    change = new.astype(np.float64) @ np.swapaxes(old.astype(np.float64), -1, -2)
    moved = nearest_rotvec(change @ rotvec_to_rotmat(rotvec), rotvec).astype(rotvec.dtype)
    same = np.abs(new - old).max(axis=(-2, -1)) == 0
    return np.where(same[..., None], rotvec, moved)
