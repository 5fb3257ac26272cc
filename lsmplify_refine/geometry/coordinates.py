"""Changes of coordinate axes and of body family, including the pelvis term in `transl`.

SMPL-family models turn the body about the rest-pose pelvis joint J0(betas), not about the origin:
x = R (v - J0) + J0 + transl. So the pelvis lies at J0 + transl. Moving a body by a rigid transform, or giving it to a
model with another J0, changes `transl` by a term in J0 (vchoutas/smplx#36, zju3dv/GVHMR#30).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat

#: Rest-pose pelvis J0 of the neutral mean shape, metres; used without a model file.
MEAN_REST_PELVIS: dict[str, tuple[float, float, float]] = {
    "smpl": (-0.0018, -0.2233, 0.0282),
    "smplh": (-0.0018, -0.2233, 0.0282),
    "smplx": (0.0031, -0.3514, 0.0120),
}

#: Right-handed axes, x to the right: a world with y up (z towards the viewer), a world with z up (y away from the
#: viewer), and a camera that is held level (y down, z away).
Axes = Literal["y", "z", "camera"]
#: `R_to_from`, from y up.
_FROM_Y_UP: dict[Axes, list[list[float]]] = {
    "y": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "z": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "camera": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
}


def axis_turn(source: Axes, target: Axes) -> Float[np.ndarray, "3 3"]:
    """`R_target_source` (3, 3), float64: turns coordinates in one kind of axes to coordinates in another."""
    from_y_up = {axes: np.array(rows, dtype=np.float64) for axes, rows in _FROM_Y_UP.items()}
    # adding 0 turns -0 into 0
    turn: np.ndarray = from_y_up[target] @ from_y_up[source].T + 0.0
    return turn


def pelvis_position(
    transl: Float[np.ndarray, "frames 3"], rest_pelvis: Float[np.ndarray, "*shapes 3"]
) -> Float[np.ndarray, "frames 3"]:
    """Position of the pelvis joint, (T, 3) metres: J0 + transl, for J0 (3,) or (T, 3)."""
    pelvis: np.ndarray = transl + rest_pelvis
    return pelvis


def move_body(
    global_orient: Float[np.ndarray, "frames 3"],
    transl: Float[np.ndarray, "frames 3"],
    rest_pelvis: Float[np.ndarray, "*shapes 3"],
    *,
    rotation: Float[np.ndarray, "*turns 3 3"],
    translation: Float[np.ndarray, "*moves 3"],
) -> tuple[Float[np.ndarray, "frames 3"], Float[np.ndarray, "frames 3"]]:
    """Move a posed body by x -> rotation x + translation.

    Args:
        global_orient: (T, 3) axis-angle, radians.
        transl: (T, 3) the model's translation, metres.
        rest_pelvis: (3,) or (T, 3) J0 of the model and shape that `transl` belongs to.
        rotation: (3, 3) or (T, 3, 3), `R_to_from`.
        translation: (3,) or (T, 3), metres.

    Returns:
        `global_orient` and `transl` in the new frame.
    """
    moved_orient = rotmat_to_rotvec(rotation @ rotvec_to_rotmat(global_orient))
    pelvis = pelvis_position(transl, rest_pelvis)
    moved_pelvis = (rotation @ pelvis[..., None])[..., 0] + translation
    return moved_orient, moved_pelvis - rest_pelvis
