"""Rotations: axis-angle, matrices and the 6D representation."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import roma
import torch
from jaxtyping import Float


def rotvec_to_rotmat(rotvec: npt.ArrayLike) -> Float[np.ndarray, "*batch 3 3"]:
    """Axis-angle (..., 3) in radians to rotation matrices (..., 3, 3), float64."""
    matrices: np.ndarray = roma.rotvec_to_rotmat(torch.as_tensor(np.asarray(rotvec, dtype=np.float64))).numpy()
    return matrices


def rotmat_to_rotvec(rotmat: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Rotation matrices (..., 3, 3) to axis-angle (..., 3) in radians with angle at most pi, float64."""
    vectors: np.ndarray = roma.rotmat_to_rotvec(torch.as_tensor(np.asarray(rotmat, dtype=np.float64))).numpy()
    return vectors


def nearest_rotvec(
    rotations: Float[np.ndarray, "*batch 3 3"], reference: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Axis-angle of rotations: of the equivalent vectors, the one nearest to a reference.

    Rotation vectors of angle a and a - 2 pi about the same axis are the same rotation. A file that was continuous
    through pi stays continuous.
    """
    short = rotmat_to_rotvec(rotations)
    angle = np.linalg.norm(short, axis=-1, keepdims=True)
    long = short * (1 - 2 * np.pi / np.maximum(angle, 1e-12))
    long_is_nearer = np.linalg.norm(long - reference, axis=-1) < np.linalg.norm(short - reference, axis=-1)
    return np.where(long_is_nearer[..., None], long, short)


#: Three incompatible 6D layouts are in use: "interleaved" (SPIN, VIBE, SMPLest-X: number 2i+j is R[i, j]), "columns"
#: (HMR2, TRAM: first column, then the second) and "rows" (pytorch3d, GVHMR: first row, then the second). A wrong
#: guess still gives rotations, so the numbers do not show it.
RotationKind = Literal["axis-angle", "matrix", "6d-interleaved", "6d-columns", "6d-rows"]


def sixd_to_rotmat(sixd: Float[np.ndarray, "*batch 6"], kind: RotationKind) -> Float[np.ndarray, "*batch 3 3"]:
    """6D (..., 6) in one of the three layouts to rotation matrices (..., 3, 3), float64.

    Source: Zhou et al., On the Continuity of Rotation Representations in Neural Networks, 2019 (Gram-Schmidt).
    """
    numbers = np.asarray(sixd, dtype=np.float64)
    if kind == "6d-interleaved":
        pair = numbers.reshape(*numbers.shape[:-1], 3, 2)
    else:
        pair = np.swapaxes(numbers.reshape(*numbers.shape[:-1], 2, 3), -1, -2)
    matrices: np.ndarray = roma.special_gramschmidt(torch.as_tensor(pair)).numpy()
    return np.swapaxes(matrices, -1, -2) if kind == "6d-rows" else matrices


def rotmat_to_sixd(matrices: Float[np.ndarray, "*batch 3 3"], kind: RotationKind) -> Float[np.ndarray, "*batch 6"]:
    """Rotation matrices (..., 3, 3) to 6D (..., 6) in one of the three layouts."""
    source = np.swapaxes(matrices, -1, -2) if kind == "6d-rows" else matrices
    pair = source[..., :2]
    if kind != "6d-interleaved":
        pair = np.swapaxes(pair, -1, -2)
    return pair.reshape(*matrices.shape[:-2], 6)
