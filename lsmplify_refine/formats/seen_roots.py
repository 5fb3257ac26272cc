"""Codings of a root that a file stores in a world, and that is read in the axes of a known, moving camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.codings import Coding, Fields
from lsmplify_refine.formats.moved import RigidMotion
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import nearest_rotvec, rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.options import Family
from lsmplify_refine.safe_load import to_numpy

#: Max difference of R R^T from the identity.
_ORTHOGONAL = 1e-2


@dataclass(frozen=True)
class SeenRoot(Coding):
    """A root orientation stored in world axes.

    Attributes:
        rotation: `R_camera_world` of each row.
        stored: (T, 3) as read; new rotation vectors stay close to it.
    """

    rotation: Float[np.ndarray, "frames 3 3"]
    stored: Float[np.ndarray, "frames 3"]

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        seen: np.ndarray = rotmat_to_rotvec(self.rotation @ rotvec_to_rotmat(stored)).astype(stored.dtype)
        return seen

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        return nearest_rotvec(np.swapaxes(self.rotation, 1, 2) @ rotvec_to_rotmat(values), self.stored)


@dataclass(frozen=True)
class SeenTransl(Coding):
    """The translation of such a root.

    The body model is not at hand, so the pelvis of the mean shape stands for this person's. Its error, a centimetre at
    most, shifts the body before the camera; written values are exact.

    Attributes:
        rotation: `R_camera_world` of each row.
        translation: `t_camera_world` of each row, metres.
        family: Body family, for the pelvis.
    """

    rotation: Float[np.ndarray, "frames 3 3"]
    translation: Float[np.ndarray, "frames 3"]
    family: Family

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        return self._motion.moved(stored)

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        return self._motion.moved(values, back=True)

    @property
    def _motion(self) -> RigidMotion:
        return RigidMotion(self.rotation, self.translation, np.array(MEAN_REST_PELVIS[self.family]))


def camera_poses(
    leaf: Any, rows: np.ndarray, where: str
) -> tuple[Float[np.ndarray, "rows 3 3"], Float[np.ndarray, "rows 3"]]:
    """`R_camera_world` and `t_camera_world` of some frames, from one 4x4 `T_camera_world` or one for each frame.

    Args:
        leaf: (4, 4) or (F, 4, 4).
        rows: The frames.
        where: File and key, for error messages.

    Raises:
        InputError: The shape is wrong, or it is not the pose of a camera in one of these frames.
    """
    poses = to_numpy(leaf)
    if poses is None or poses.shape[-2:] != (4, 4) or poses.ndim not in (2, 3) or poses.dtype.kind not in "fiu":
        raise InputError(f"{where}: expected camera poses (F, 4, 4)")
    if poses.ndim == 2:
        poses = np.broadcast_to(poses, (rows.max(initial=0) + 1, 4, 4))
    if len(poses) <= rows.max(initial=-1):
        raise InputError(f"{where}: {len(poses)} camera poses; frame {rows.max()} needs one too")
    chosen = poses[rows].astype(np.float64)
    rotation, translation = chosen[:, :3, :3], chosen[:, :3, 3]
    product = rotation @ np.swapaxes(rotation, 1, 2)
    if not np.isfinite(chosen).all() or np.abs(product - np.eye(3)).max(initial=0.0) > _ORTHOGONAL:
        raise InputError(f"{where}: not the poses of a camera; expected rotations and translations from the world")
    return rotation, translation
