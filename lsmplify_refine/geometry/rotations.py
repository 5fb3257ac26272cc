"""Rotations: axis-angle, matrices and the 6D representation."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import roma
import torch


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


#: Three incompatible 6D layouts are in use: "interleaved" (SPIN, VIBE, SMPLest-X: number 2i+j is R[i, j]), "columns"
#: (HMR2, TRAM: first column, then the second) and "rows" (pytorch3d, GVHMR: first row, then the second). A wrong
#: guess still gives rotations, so that it cannot be told from the numbers.
RotationKind = Literal["axis-angle", "matrix", "6d-interleaved", "6d-columns", "6d-rows"]


def sixd_to_rotmat(sixd: np.ndarray, kind: RotationKind) -> np.ndarray:
    """6D (..., 6) in one of the three layouts to rotation matrices (..., 3, 3), float64.

    Source: Zhou et al., On the Continuity of Rotation Representations in Neural Networks, 2019 (Gram-Schmidt).
    """
    numbers = np.asarray(sixd, dtype=np.float64)
    if kind == "6d-interleaved":
        pair = numbers.reshape(*numbers.shape[:-1], 3, 2)
    else:
        pair = np.swapaxes(numbers.reshape(*numbers.shape[:-1], 2, 3), -1, -2)
    matrices = roma.special_gramschmidt(torch.as_tensor(pair)).numpy()
    return np.swapaxes(matrices, -1, -2) if kind == "6d-rows" else matrices


def rotmat_to_sixd(matrices: np.ndarray, kind: RotationKind) -> np.ndarray:
    """Rotation matrices (..., 3, 3) to 6D (..., 6) in one of the three layouts."""
    source = np.swapaxes(matrices, -1, -2) if kind == "6d-rows" else matrices
    pair = source[..., :2]
    if kind != "6d-interleaved":
        pair = np.swapaxes(pair, -1, -2)
    return pair.reshape(*matrices.shape[:-2], 6)
