"""Codings of translations that Multi-HMR and Human3R store: the head's position, or the pelvis', in camera coordinates.

The body model is not at hand. So the head hangs on the spine of SMPL-X's mean shape, and J0 is the mean shape's. Their
error, a centimetre or two, shifts the body before the camera; written values are moved by what the body moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lsmplify_refine.formats.codings import Coding, Fields
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.options import Family

#: Joints from the pelvis to the neck, as rows of the root and the body pose, and the offset of each one's child in
#: SMPL-X's mean shape, metres, as a published result with betas near zero has them.
_SPINE: tuple[tuple[int, tuple[float, float, float]], ...] = (
    (0, (0.0, 0.109, -0.027)),
    (3, (0.0, 0.129, -0.005)),
    (6, (0.0, 0.051, 0.029)),
    (9, (0.0, 0.163, -0.033)),
    (12, (0.0, 0.158, 0.020)),
)


@dataclass(frozen=True)
class PelvisTransl(Coding):
    """A translation stored as the position of the pelvis.

    Attributes:
        family: Body family, for J0.
    """

    family: Family

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        transl: np.ndarray = (stored - np.array(MEAN_REST_PELVIS[self.family])).astype(stored.dtype)
        return transl

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        pelvis: np.ndarray = values + np.array(MEAN_REST_PELVIS[self.family])
        return pelvis


@dataclass(frozen=True)
class HeadTransl(Coding):
    """A translation stored as the position of SMPL-X's head joint; it depends on the pose of the spine.

    Attributes:
        stored: (T, 3) as read.
        read: The root and body pose, (T, 22, 3), and the translation, (T, 3), as read.
    """

    stored: Float[np.ndarray, "frames 3"]
    read: tuple[Float[np.ndarray, "frames 22 3"], Float[np.ndarray, "frames 3"]] | None = None

    depends = ("global_orient", "body_pose")

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        transl: np.ndarray = stored - head_from_pelvis(_pose(fields)) - np.array(MEAN_REST_PELVIS["smplx"])
        return transl.astype(stored.dtype)

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """See `Coding`."""
        pose, transl = self.read or (None, None)
        if pose is None or transl is None:
            head: np.ndarray = values + head_from_pelvis(_pose(fields)) + np.array(MEAN_REST_PELVIS["smplx"])
            return head
        moved: np.ndarray = self.stored + values - transl + head_from_pelvis(_pose(fields)) - head_from_pelvis(pose)
        return moved


def head_from_pelvis(pose: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 3"]:
    """The head joint relative to the pelvis joint on SMPL-X's mean shape, metres."""
    turn: np.ndarray = np.tile(np.eye(3), (len(pose), 1, 1))
    head = np.zeros((len(pose), 3))
    for joint, offset in _SPINE:
        turn = turn @ rotvec_to_rotmat(pose[:, joint])
        head = head + turn @ np.array(offset)
    return head


def _pose(fields: Fields) -> Float[np.ndarray, "frames 22 3"]:
    orient, body = fields["global_orient"], fields["body_pose"]
    return np.concatenate([orient[:, None], body.reshape(len(orient), -1, 3)[:, :21]], axis=1)
