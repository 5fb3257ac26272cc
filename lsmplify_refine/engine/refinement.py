"""What a refinement is: the input as the body model sees it, the result, and what was decided per frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.align import Alignment
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note


@dataclass(frozen=True)
class BodyTrack:
    """A posed, shaped body over T frames, in camera coordinates (x right, y down, z forward).

    With 3D keypoints it is in the estimate's own coordinates, whichever those are.

    Attributes:
        body: The body model.
        rotations: (T, 24, 3, 3) parent-relative joint rotations; joint 0 is the root.
        pelvis: (T, 3) position of the pelvis joint, metres.
        betas: (B,) shape of `body`.
        scale: Uniform size factor about the pelvis (1 unless the shape had to be calibrated).
    """

    body: BodyModel
    rotations: np.ndarray
    pelvis: np.ndarray
    betas: np.ndarray
    scale: float = 1.0

    def __len__(self) -> int:
        return len(self.rotations)

    def vertices(self, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Mesh vertices (n, V, 3) in metres, camera coordinates, of the chosen rows."""
        return self.body.vertices(self.rotations[rows], self.pelvis[rows], self.betas, self.scale)

    def joints(self, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Joint positions (n, 24, 3) in metres, camera coordinates, of the chosen rows."""
        return self.body.joints(self.rotations[rows], self.pelvis[rows], self.betas, self.scale)

    def keypoints(self, convention: str, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Keypoints (n, K, 3) in metres, camera coordinates, of the chosen rows."""
        return self.body.keypoints(convention, self.rotations[rows], self.pelvis[rows], self.betas, self.scale)


@dataclass(frozen=True)
class Refinement:
    """The result for one person's track.

    Attributes:
        estimate: The input, as read.
        refined: The same with the refined fields changed; what is written back.
        before: The input on the engine's body, shape and translation calibrated (the do-nothing row).
        after: The refined track on the same body.
        camera: The camera that the tracks stand before; None where 3D keypoints made it needless and there is none.
        keypoints: The targets used; 3D ones in the coordinates of the tracks.
        status: (T,) "accepted", "blended" or "held".
        reasons: (T,) why, in words; "" where accepted.
        blend: (T,) share of the correction that was kept, 1 = all.
        metrics: Stage ("input", "calibrated", "refined") -> metric name (with unit) -> value.
        notes: What the user should know.
        alignment: How 3D keypoints came into the estimate's frame; None for 2D ones.
    """

    estimate: Estimate
    refined: Estimate
    before: BodyTrack
    after: BodyTrack
    camera: Camera | None
    keypoints: Keypoints
    status: np.ndarray
    reasons: tuple[str, ...]
    blend: np.ndarray
    metrics: dict[str, dict[str, float]]
    notes: tuple[Note, ...] = ()
    alignment: Alignment | None = None
