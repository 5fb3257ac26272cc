"""Keypoint conventions on licensed SMPL-family meshes: smplx's joints and vertex ids."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.keypoints import CONVENTIONS

#: Convention point -> SMPL joint (shared by smpl, smplh, smplx) or smplx vertex name, as in smplify-x.
_POINT_ON_BODY: dict[str, int | str] = {
    "nose": "nose",
    "left_eye": "leye",
    "right_eye": "reye",
    "left_ear": "lear",
    "right_ear": "rear",
    "neck": 12,
    "mid_hip": 0,
    "left_shoulder": 16,
    "right_shoulder": 17,
    "left_elbow": 18,
    "right_elbow": 19,
    "left_wrist": 20,
    "right_wrist": 21,
    "left_hip": 1,
    "right_hip": 2,
    "left_knee": 4,
    "right_knee": 5,
    "left_ankle": 7,
    "right_ankle": 8,
    "left_big_toe": "LBigToe",
    "left_small_toe": "LSmallToe",
    "left_heel": "LHeel",
    "right_big_toe": "RBigToe",
    "right_small_toe": "RSmallToe",
    "right_heel": "RHeel",
}


def smplx_point_regressor(
    family: str, vertices: int, joints: int, body25: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Regressors (K, V + J) for each convention on a licensed SMPL-family mesh.

    Args:
        family: smpl, smplh or smplx.
        vertices: Vertices of the mesh.
        joints: Joints of the model.
        body25: (25, V) a regressor that the user brings (`J_regressor_body25.npy`), used for body25.
    """
    from smplx.vertex_ids import vertex_ids

    # smplx keeps one table for SMPL and SMPL-H (same mesh)
    table = vertex_ids["smplx" if family == "smplx" else "smplh"]
    regressors = {}
    for convention in CONVENTIONS.values():
        regressor = np.zeros((len(convention.points), vertices + joints), dtype=np.float32)
        for row, point in enumerate(convention.points):
            place = _POINT_ON_BODY[point]
            regressor[row, vertices + place if isinstance(place, int) else table[place]] = 1.0
        regressors[convention.name] = regressor
    if body25 is not None:
        regressors["body25"][:, :vertices] = body25
        regressors["body25"][:, vertices:] = 0.0
    return regressors
