"""Codings, which convert a file's numbers to a parameter and back: vectors, rotations, and rotated roots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.rotations import (
    RotationKind,
    nearest_rotvec,
    rotmat_to_rotvec,
    rotmat_to_sixd,
    rotvec_to_rotmat,
    sixd_to_rotmat,
)

WIDTHS: dict[str, int] = {"axis-angle": 3, "matrix": 9, "6d-interleaved": 6, "6d-columns": 6, "6d-rows": 6}

Fields = Mapping[str, np.ndarray]


class Coding:
    """A vector stored without conversion; the base class of all codings.

    Attributes:
        depends: Other fields that the stored numbers depend on.
    """

    depends: tuple[str, ...] = ()

    def width(self, field: str) -> int | None:
        """How many numbers the file has per row, or per joint of a body pose; None for any."""
        return None if field in ("betas", "expression") else 3

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """The parameter (T, ...) from the file's numbers (T, n) and the fields it depends on."""
        return stored

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """The file's numbers (T, n) for a parameter (T, ...)."""
        return values

    def stale(self, changed: Mapping[str, np.ndarray], field: str, width: int) -> np.ndarray:
        """Mask (T, n) of the stored numbers to rewrite, from the masks of the changed fields."""
        rows = np.any([changed[name].reshape(len(changed[name]), -1).any(1) for name in (field, *self.depends)], axis=0)
        return np.broadcast_to(rows[:, None], (len(rows), width))


class Intrinsics(Coding):
    """(T, 3, 3) camera matrices."""

    def width(self, field: str) -> int | None:
        """Nine numbers per row."""
        return 9


@dataclass(frozen=True)
class Rotations(Coding):
    """Rotations of one joint (T, 3) or several (T, J, 3), joint by joint.

    Attributes:
        kind: How a rotation is stored.
        single: The field has no joint axis.
    """

    kind: RotationKind = "axis-angle"
    single: bool = False

    def width(self, field: str) -> int | None:
        """See `Coding`."""
        return WIDTHS[self.kind]

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`; raises InputError if the numbers are not rotations."""
        dtype = stored.dtype if stored.dtype.kind == "f" else np.dtype(np.float64)
        grouped = stored.reshape(len(stored), -1, WIDTHS[self.kind])
        if self.kind == "axis-angle":
            rotvec = grouped
        elif not np.isfinite(grouped).all():
            raise InputError("NaN or infinite values; repair or cut them")
        elif self.kind == "matrix":
            rotvec = rotmat_to_rotvec(_checked(grouped.reshape(*grouped.shape[:2], 3, 3)))
        else:
            rotvec = rotmat_to_rotvec(sixd_to_rotmat(grouped, self.kind))
        rotvec = rotvec.astype(dtype)
        return rotvec[:, 0] if self.single else rotvec

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        joints = values.reshape(len(values), -1, 3)
        if self.kind != "axis-angle":
            matrices = rotvec_to_rotmat(joints)
            joints = matrices if self.kind == "matrix" else rotmat_to_sixd(matrices, self.kind)
        return joints.reshape(len(values), -1)

    def stale(self, changed: Mapping[str, np.ndarray], field: str, width: int) -> np.ndarray:
        """See `Coding`; masks joint by joint."""
        joints = changed[field].reshape(len(changed[field]), -1)
        return np.repeat(joints, width // joints.shape[1], axis=1)


#: Max difference between two copies of the same root (matrix entries, metres).
_SAME_ROOT = 1e-4


@dataclass(frozen=True)
class TurnedRoot(Coding):
    """A root orientation stored in other axes: rotated about the origin, without the pelvis term.

    Attributes:
        turn: (3, 3) `R_stored_root`.
        stored: (T, 3) as read; new rotation vectors stay close to it.
        exact: (T, 3) an unrotated copy; used in the rows where it agrees, to avoid rounding.
    """

    turn: np.ndarray
    stored: np.ndarray
    exact: np.ndarray | None = None

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        orient = rotmat_to_rotvec(self.turn.T @ rotvec_to_rotmat(stored)).astype(stored.dtype)
        if self.exact is None:
            return orient
        turned = np.abs(rotvec_to_rotmat(self.exact) - rotvec_to_rotmat(orient)).max(axis=(1, 2))
        return np.where((turned < _SAME_ROOT)[:, None], self.exact, orient)

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        return nearest_rotvec(self.turn @ rotvec_to_rotmat(values), self.stored)


@dataclass(frozen=True)
class TurnedTransl(Coding):
    """The translation of a rotated root; `turn` and `exact` as in `TurnedRoot`."""

    turn: np.ndarray
    exact: np.ndarray | None = None

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        transl: np.ndarray = stored @ self.turn.astype(stored.dtype)
        if self.exact is None:
            return transl
        agrees = np.abs(self.exact - transl).max(axis=1, keepdims=True) < _SAME_ROOT
        return np.where(agrees, self.exact, transl)

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        turned: np.ndarray = values @ self.turn.T.astype(values.dtype)
        return turned


def _checked(matrices: np.ndarray) -> np.ndarray:
    product = matrices @ np.swapaxes(matrices, -1, -2)
    if np.abs(product - np.eye(3)).max() > 0.05 or (np.linalg.det(matrices) < 0).any():
        raise InputError("these are not rotation matrices")
    return matrices
