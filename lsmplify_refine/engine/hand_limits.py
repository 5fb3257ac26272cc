"""Hand limits: how far finger joints bend, spread and twist; what lies beyond is brought back."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from lsmplify_refine.body.hand import FINGERS, Hand
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.smpl_joints import HAND_JOINTS

#: Least and greatest bend of a finger's joints from the knuckle on, and greatest spread and twist either way, radians.
#: Active ranges of healthy hands are 0.1 narrower; rest poses of models differ by about as much.
_BEND_RAD = ((-0.6, 1.9), (-0.3, 2.1), (-0.5, 1.6))
_SPREAD_RAD, _TWIST_RAD = (0.6, 0.25, 0.25), (0.5, 0.3, 0.3)
#: Greatest turn of the thumb's joints about any axis.
_THUMB_RAD = 1.4


def within_limits(
    hand: Hand, rotations: Float[np.ndarray, "frames joints 3 3"]
) -> Float[np.ndarray, "frames joints 3 3"]:
    """A hand's rotations, wrist first, with finger joints within their limits; others keep their bits."""
    rotvec = rotmat_to_rotvec(rotations[:, 1:])
    limited = rotvec.copy()
    flexion = hand.flexion()
    bones = hand.bones[:, 1:].reshape(HAND_JOINTS, 3)
    thumb = 3 * FINGERS.index("thumb")
    for joint in range(thumb):
        along = bones[joint] / np.linalg.norm(bones[joint])
        axes = np.stack([flexion[joint], np.cross(along, flexion[joint]), along])
        part = joint % 3
        low = np.array([_BEND_RAD[part][0], -_SPREAD_RAD[part], -_TWIST_RAD[part]])
        high = np.array([_BEND_RAD[part][1], _SPREAD_RAD[part], _TWIST_RAD[part]])
        limited[:, joint] = np.clip(rotvec[:, joint] @ axes.T, low, high) @ axes
    angle = np.linalg.norm(rotvec[:, thumb:], axis=-1, keepdims=True)
    limited[:, thumb:] *= np.minimum(1.0, _THUMB_RAD / np.maximum(angle, _THUMB_RAD))
    kept = np.abs(limited - rotvec).max(-1) < 1e-6
    new: np.ndarray = rotations.copy()
    new[:, 1:] = np.where(kept[..., None, None], rotations[:, 1:], rotvec_to_rotmat(limited))
    return new
