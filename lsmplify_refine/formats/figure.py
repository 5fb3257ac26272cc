"""Figures: a shaped body in motion in a world with y up, as BVH and glTF hold it, with its feet on the floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from lsmplify_refine.body import BodyModel
from lsmplify_refine.body.regressors import joint_names
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.notes import Note

#: A stated world's floor is at height 0 if the soles are within this of it, metres.
_NEAR_M = 0.25
#: Moves below this are not worth a note, metres.
_SAID_M = 0.01
#: Percentage of frames whose lowest skin may be below the floor: in these the estimate's feet sink.
_SUNK_PERCENT = 5.0
#: The floor is sought in at most this many frames of a track.
_MAX_FRAMES = 300


@dataclass(frozen=True)
class Figure:
    """A shaped body in motion; world with y up, metres.

    Attributes:
        name: The person's.
        body: The body model.
        shape: The person's shape on it.
        rotvec: Parent-relative axis-angle of the body's first joints, root first; later ones are at rest.
        pelvis: Position of the pelvis joint.
        frame_ids: Video frame of each row.
        fps: Frames per second.
    """

    name: str
    body: BodyModel
    shape: BodyShape
    rotvec: Float[np.ndarray, "frames joints 3"]
    pelvis: Float[np.ndarray, "frames 3"]
    frame_ids: Int[np.ndarray, " frames"]
    fps: float

    @property
    def names(self) -> list[str]:
        """Names of the body's joints, fingers and face included."""
        return joint_names(self.body.family)

    def rotations(self) -> Float[np.ndarray, "frames all_joints 3 3"]:
        """Parent-relative rotations of all joints of the body."""
        rotvec = np.zeros((len(self.rotvec), len(self.body.arrays.parents), 3))
        rotvec[:, : self.rotvec.shape[1]] = self.rotvec
        return rotvec_to_rotmat(rotvec)

    def soles(self) -> float:
        """Height of the lowest skin while the person stands, metres: all but a few sunk frames are above it."""
        rows = np.unique(np.linspace(0, len(self.pelvis) - 1, _MAX_FRAMES).astype(int))
        rotations = self.rotations()[rows][:, : self.body.joint_count].astype(np.float32)
        vertices = self.body.vertices(rotations, self.pelvis[rows], self.shape.betas, self.shape.scale)
        return float(np.percentile(vertices[..., 1].min(axis=1), _SUNK_PERCENT))


def on_floor(figures: Sequence[Figure], *, has_floor: bool) -> tuple[list[Figure], list[Note]]:
    """Move figures up or down, as a whole, until their soles touch the floor at height 0.

    A body of another shape than the estimate's floats or sinks while its pelvis has the right height.

    Args:
        figures: Of one scene.
        has_floor: Whether their world has its floor at height 0, as far as the file says. Then each figure moves on
            its own, and none that is far from it. Otherwise all move together, down to the lowest one.

    Returns:
        The figures, and a note on each move.
    """
    soles = [figure.soles() for figure in figures]
    if not has_floor:
        soles = [min(soles)] * len(soles)
    moved: list[Figure] = []
    notes: list[Note] = []
    for figure, height in zip(figures, soles):
        stays = has_floor and abs(height) > _NEAR_M
        if stays:
            text = (
                f"{figure.name}: the lowest skin is {height:+.2f} m from the world's height 0, which is not its floor"
            )
            notes.append(Note("floor-elsewhere", f"{text}; the height is kept"))
        elif abs(height) > _SAID_M:
            text = f"moved {'down' if height > 0 else 'up'} by {abs(height):.2f} m, so that the soles touch the floor"
            notes.append(Note("floor-placed", text))
        shift = np.array([0.0, 0.0 if stays else -height, 0.0])
        moved.append(replace(figure, pelvis=figure.pelvis + shift))
    return moved, list(dict.fromkeys(notes))
