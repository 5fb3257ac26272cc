"""Another lens for a body before a camera: what the image shows stays, so the body moves and turns.

An estimator sees a person's size and place in the image, and how the body is turned towards the line of sight. The
distance and the orientation in the camera's axes follow from the focal length that it assumed. With another one, the
pelvis keeps its pixel, the distance grows with the focal length, and the body turns with the line of sight.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat


def change_lens(
    global_orient: Float[np.ndarray, "frames 3"],
    transl: Float[np.ndarray, "frames 3"],
    rest_pelvis: Float[np.ndarray, "*shapes 3"],
    old: Float[np.ndarray, "frames 3 3"],
    new: Float[np.ndarray, "frames 3 3"],
) -> tuple[Float[np.ndarray, "frames 3"], Float[np.ndarray, "frames 3"]]:
    """The root of a body under other intrinsics; with `old` and `new` exchanged, the exact inverse.

    Args:
        global_orient: Axis-angle, radians, in the camera's axes.
        transl: The model's translation, metres.
        rest_pelvis: J0, metres.
        old: Intrinsics of the root's camera, pixels.
        new: The intrinsics wanted.

    Returns:
        `global_orient` and `transl`; unchanged in frames whose pelvis is not before the camera.
    """
    pelvis = transl.astype(np.float64) + rest_pelvis
    before = (pelvis[:, 2] > 0)[:, None]
    sight = np.where(before, pelvis / np.where(before, pelvis[:, 2:], 1.0), [0.0, 0.0, 1.0])
    moved_sight = np.linalg.solve(new.astype(np.float64), (old.astype(np.float64) @ sight[..., None]))[..., 0]
    moved = moved_sight * pelvis[:, 2:] * (_focal(new) / _focal(old))[:, None]
    turned = rotmat_to_rotvec(_turn(sight, moved_sight) @ rotvec_to_rotmat(global_orient.astype(np.float64)))
    orient = np.where(before, turned, global_orient).astype(global_orient.dtype)
    return orient, np.where(before, moved - rest_pelvis, transl).astype(transl.dtype)


def _focal(K: Float[np.ndarray, "frames 3 3"]) -> Float[np.ndarray, " frames"]:
    focal: np.ndarray = np.sqrt(K[:, 0, 0].astype(np.float64) * K[:, 1, 1])
    return focal


def _turn(a: Float[np.ndarray, "frames 3"], b: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames 3 3"]:
    """The smallest rotations that turn the directions `a` to `b`, which are less than half a turn apart."""
    a, b = (direction / np.linalg.norm(direction, axis=1, keepdims=True) for direction in (a, b))
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.arctan2(sine, (a * b).sum(axis=1, keepdims=True))
    turn: np.ndarray = rotvec_to_rotmat(np.where(sine > 0, axis / np.where(sine > 0, sine, 1.0) * angle, 0.0))
    return turn
