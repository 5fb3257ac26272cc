"""`BodyTrack`, a posed body over time, and `Refinement`, the result for one person's track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Real, Shaped

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.align import Alignment
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note

_Rows = slice | Int[np.ndarray, " rows"] | Bool[np.ndarray, " frames"]


@dataclass(frozen=True)
class BodyTrack:
    """A posed, shaped body over T frames, in camera coordinates (x right, y down, z forward).

    With 3D keypoints it is in the estimate's own coordinates, camera or world.

    Attributes:
        body: The body model.
        rotations: Parent-relative joint rotations; joint 0 is the root.
        pelvis: Position of the pelvis joint, metres.
        betas: Shape of `body`.
        scale: Uniform size factor about the pelvis (1 unless the shape was fitted).
    """

    body: BodyModel
    rotations: Float[np.ndarray, "frames joints 3 3"]
    pelvis: Float[np.ndarray, "frames 3"]
    betas: Real[np.ndarray, " betas"]
    scale: float = 1.0

    def __len__(self) -> int:
        return len(self.rotations)

    def vertices(self, rows: _Rows = slice(None)) -> Float[np.ndarray, "rows vertices 3"]:
        """Mesh vertices of the chosen rows, metres."""
        return self.body.vertices(self.rotations[rows], self.pelvis[rows], self.betas, self.scale)

    def joints(self, rows: _Rows = slice(None)) -> Float[np.ndarray, "rows joints 3"]:
        """Joint positions of the chosen rows, metres."""
        return self.body.joints(self.rotations[rows], self.pelvis[rows], self.betas, self.scale)

    def keypoints(self, convention: str, rows: _Rows = slice(None)) -> Float[np.ndarray, "rows points 3"]:
        """Keypoints of the chosen rows, metres."""
        return self.body.keypoints(convention, self.rotations[rows], self.pelvis[rows], self.betas, self.scale)


@dataclass(frozen=True)
class Repairs:
    """What was done to the keypoints before they counted.

    Attributes:
        swapped: Points that were exchanged with their left-right partners, because the detector had swapped the sides.
        trust: How much of a point's confidence counts: less than 1 for outliers and for guesses, such as points beyond
            the image border; 1 where there is no point.
    """

    swapped: Bool[np.ndarray, "frames points"]
    trust: Float[np.ndarray, "frames points"]


@dataclass(frozen=True)
class StandingFeet:
    """How the feet of a result with a world stand on the ground, for each frame and the next.

    The feet are in the order of `smpl_joints.FEET`.

    Attributes:
        stand: Whether each foot stands.
        slide_before, slide_after: Its speed along the ground while it stands, cm/s; NaN else.
    """

    stand: Bool[np.ndarray, "frames 4"]
    slide_before: Float[np.ndarray, "frames 4"]
    slide_after: Float[np.ndarray, "frames 4"]


@dataclass(frozen=True)
class Refinement:
    """The result for one person's track.

    Attributes:
        estimate: The input, as read.
        refined: The input with the refined fields changed; `save` writes it.
        before: The input on the engine's body, shape and translation fitted (the baseline).
        after: The refined track on the same body.
        camera: The camera of the tracks; None if 3D keypoints come without one.
        keypoints: The targets used, without hands; 3D ones in the coordinates of the tracks.
        status: For each frame "accepted"; "blended" or "held" where the gate kept a part of the correction or none;
            "doubtful" where all was kept, but the keypoints are probably another person's.
        reasons: Why, in words; "" where accepted.
        blend: Share of the correction that was kept, 1 = all.
        metrics: Stage ("input", "calibrated", "refined") -> metric name (with unit) -> value.
        notes: What the user should know.
        alignment: How 3D keypoints were moved into the estimate's frame; None for 2D ones.
        as_read: The input on the engine's body, before shape and translation are fitted.
        repairs: What was done to the keypoints before they counted.
        feet: How the feet stand on the ground; None without a world.
    """

    estimate: Estimate
    refined: Estimate
    before: BodyTrack
    after: BodyTrack
    camera: Camera | None
    keypoints: Keypoints
    status: Shaped[np.ndarray, " frames"]
    reasons: tuple[str, ...]
    blend: Float[np.ndarray, " frames"]
    metrics: dict[str, dict[str, float]]
    notes: tuple[Note, ...] = ()
    alignment: Alignment | None = None
    as_read: BodyTrack | None = None
    repairs: Repairs | None = None
    feet: StandingFeet | None = None
