"""Every change of coordinate frame or body family, with the pelvis term.

SMPL-family models turn the body about the rest-pose pelvis joint J0(betas), not about the origin:
x = R (v - J0) + J0 + transl. So the pelvis lies at J0 + transl, and moving a body by a rigid transform, or
giving it to a model with another J0, changes `transl` by a term in J0 (vchoutas/smplx#36, zju3dv/GVHMR#30).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import roma
import torch

from lsmplify_refine.values.estimate import BODY_JOINTS, Estimate, Family

#: Rest-pose pelvis J0 of the neutral mean shape, metres; used where no model file is at hand.
MEAN_REST_PELVIS: dict[str, tuple[float, float, float]] = {
    "smpl": (-0.0018, -0.2233, 0.0282),
    "smplh": (-0.0018, -0.2233, 0.0282),
    "smplx": (0.0031, -0.3514, 0.0120),
}


def rotvec_to_rotmat(rotvec: npt.ArrayLike) -> np.ndarray:
    """Axis-angle (..., 3) in radians to rotation matrices (..., 3, 3), float64."""
    return roma.rotvec_to_rotmat(torch.as_tensor(np.asarray(rotvec, dtype=np.float64))).numpy()


def rotmat_to_rotvec(rotmat: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) to axis-angle (..., 3) in radians with angle at most pi, float64."""
    return roma.rotmat_to_rotvec(torch.as_tensor(np.asarray(rotmat, dtype=np.float64))).numpy()


def nearest_rotvec(rotations: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Axis-angle (..., 3) of rotations (..., 3, 3), of the equivalent vectors the one nearest to a reference (..., 3).

    Rotation vectors of angle a and a - 2 pi about the same axis are the same rotation; a file that was continuous
    through pi stays so.
    """
    short = rotmat_to_rotvec(rotations)
    angle = np.linalg.norm(short, axis=-1, keepdims=True)
    long = short * (1 - 2 * np.pi / np.maximum(angle, 1e-12))
    long_is_nearer = np.linalg.norm(long - reference, axis=-1) < np.linalg.norm(short - reference, axis=-1)
    return np.where(long_is_nearer[..., None], long, short)


def pelvis_position(transl: np.ndarray, rest_pelvis: np.ndarray) -> np.ndarray:
    """Where the pelvis joint is, (T, 3) metres: J0 + transl."""
    return transl + rest_pelvis


def move_body(
    global_orient: np.ndarray,
    transl: np.ndarray,
    rest_pelvis: np.ndarray,
    *,
    rotation: np.ndarray,
    translation: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
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


def change_family(
    estimate: Estimate, family: Family, *, rest_pelvis_from: np.ndarray, rest_pelvis_to: np.ndarray, betas: np.ndarray
) -> Estimate:
    """The same posed body given to another family: the pelvis stays where it is.

    The first 21 body joints are shared by all families; SMPL's two hand joints are set to rest or dropped.

    Args:
        estimate: The track to convert.
        family: The family wanted.
        rest_pelvis_from: (3,) or (T, 3) J0 under the estimate's own model and shape.
        rest_pelvis_to: (3,) or (T, 3) J0 under the new model with `betas`.
        betas: (T, B) shape in the new family; shapes do not transfer, so the caller must say.
    """
    joints = BODY_JOINTS[family]
    body_pose = np.zeros((len(estimate), joints, 3), dtype=estimate.body_pose.dtype)
    shared = min(joints, estimate.body_pose.shape[1])
    body_pose[:, :shared] = estimate.body_pose[:, :shared]
    transl = pelvis_position(estimate.transl, rest_pelvis_from) - rest_pelvis_to
    return estimate.replace(family=family, body_pose=body_pose, betas=betas, transl=transl)
