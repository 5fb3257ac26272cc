"""Unseen legs: legs that no keypoint sees stay where the estimate has them when the pelvis turns.

An estimator's errors of pelvis and hips cancel: it knows better where the feet are than how the pelvis is turned. If
the keypoints of the torso turn the pelvis, unseen legs that turned with it would swing by centimetres.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from lsmplify_refine.engine.limbs import points_of
from lsmplify_refine.geometry.smoothing import smooth
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.conventions import CONVENTIONS

#: SMPL joints of the hips.
_HIPS = {"left": 1, "right": 2}
#: A pelvis turned by less than the first angle leaves the legs in place; beyond the second they turn with it, radians.
_SMALL_RAD, _LARGE_RAD = np.radians(15.0), np.radians(45.0)
#: Time over which that sets in where a leg goes out of view, seconds.
_EASE_SECONDS = 0.15


def keep_unseen_legs(
    turn: Float[np.ndarray, "frames joints 3"],
    start: Pose,
    targets: Targets,
    convention: str,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> Float[np.ndarray, "frames joints 3"]:
    """The correction, with hips that undo the turn of the pelvis for legs without keypoints.

    Args:
        turn: The correction, rotation vectors that are applied on the left (see `correct.apply_correction`).
        start: What it corrects.
        targets: The observations.
        convention: Their convention.
        frame_ids: Video frame of each row.
        fps: Frames per second.
    """
    pelvis = Rotation.from_matrix(start.rotations[:, 0].cpu().double().numpy())
    # exp(-R^T v) = (exp(v) R)^T R
    undone = -pelvis.inv().apply(turn[:, 0])
    angle = np.linalg.norm(turn[:, 0], axis=-1, keepdims=True)
    undone *= np.clip((_LARGE_RAD - angle) / (_LARGE_RAD - _SMALL_RAD), 0.0, 1.0)
    seen = targets.weights.cpu().numpy() > 0
    found: np.ndarray = turn.copy()
    for side, hip in _HIPS.items():
        names = CONVENTIONS[convention].points
        members = [index for index in points_of(convention, "legs") if names[index].startswith(side)]
        unseen = np.where(seen[:, members].any(1), 0.0, 1.0)
        share = np.clip(2 * smooth(unseen, frame_ids, fps, _EASE_SECONDS) - 1, 0.0, 1.0)[:, None]
        found[:, hip] = (1 - share) * turn[:, hip] + share * undone
    return found
