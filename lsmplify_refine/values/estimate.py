"""The common format: one person's track, its camera and its keypoints, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from lsmplify_refine.errors import InputError
from lsmplify_refine.options import Family, Gender
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import BODY_JOINTS, FEET, HAND_JOINTS

#: Fields of hands and face, which only SMPL-H and SMPL-X have.
Extremity = Literal["left_hand_pose", "right_hand_pose", "jaw_pose", "leye_pose", "reye_pose", "expression"]
EXTREMITIES: tuple[Extremity, ...] = get_args(Extremity)
#: Values beyond this cannot be a pose or a position, radians and metres.
_MAX_VALUE = 1e6
#: Above this the rate is almost certainly wrong.
_MAX_FPS = 10_000.0


@dataclass(frozen=True)
class WorldRoot:
    """The root of the same body pose in a second, gravity-aligned frame (GVHMR `global`, WHAM `*_world`).

    Attributes:
        global_orient: Axis-angle, radians.
        transl: Metres, the model's `transl` (not the pelvis).
        up: The vertical axis of that frame.
    """

    global_orient: Float[np.ndarray, "frames 3"]
    transl: Float[np.ndarray, "frames 3"]
    up: Literal["y", "z"] = "y"


@dataclass(frozen=True)
class Estimate:
    """One person's track as an estimator gave it.

    Rotations are axis-angle in radians; `transl` is the model's own translation in metres, so that the pelvis
    lies at J0(betas) + transl (see `geometry.coordinates`).

    Attributes:
        family: Body model family that the parameters belong to.
        gender: Gender of that body model.
        global_orient: Of the root.
        body_pose: Of 23 joints (smpl) or 21 (smplh, smplx).
        betas: Shape coefficients of `family`.
        transl: In the coordinates of `frame`.
        frame: "camera" (x right, y down, z forward) or "world" (y up, the camera unknown).
        camera: Intrinsics, or None where the file has none.
        focal_sides: Focal length over the longer side of the image, with the principal point in its middle: for files
            without intrinsics whose estimator has this rule. None: unknown.
        fps: Frames per second, or None where the file does not say.
        frame_ids: Index of each row's video frame.
        track_id: The file's name for this person.
        keypoints: Keypoints in the file or beside it.
        boxes: x1, y1, x2, y2 in pixels, or None.
        world: The same body's root in a gravity-aligned frame, where the file has one.
        contacts: Probability that a foot stands still on the ground from this frame to the next, in the order of
            `smpl_joints.FEET` (left and right ankle, left and right foot); None where the file does not say.
        points: 3D keypoints in the coordinates of `frame`, metres, that the file holds instead of parameters.
        posed: Whether the parameters are the person's. If not, they are a body at rest where `points` are, and
            `Refiner` poses it.
        left_hand_pose, right_hand_pose: Of the finger joints, see `smpl_joints.HAND_JOINTS`; None where the file has
            none (smpl has no such joints).
        jaw_pose, leye_pose, reye_pose: Of the jaw and the eyes (smplx), or None.
        expression: Expression coefficients (smplx), or None.
        flat_hand_mean: Whether hand poses are from the flat hand, as in smplx's option; False: they are added to the
            model's mean hand; None: the file does not say.
        video: The video that lies beside the file, where the layout has one.
        notes: What the reader found that the user should know.
        source: The file that it came from.
        format: Name of the adapter that read it; `save` writes with the same one.
        passthrough: The adapter's own record of the file, for writing it back; opaque to all others.
    """

    family: Family
    gender: Gender
    global_orient: Float[np.ndarray, "frames 3"]
    body_pose: Float[np.ndarray, "frames joints 3"]
    betas: Float[np.ndarray, "frames betas"]
    transl: Float[np.ndarray, "frames 3"]
    frame: Literal["camera", "world"] = "camera"
    camera: Camera | None = None
    focal_sides: float | None = None
    fps: float | None = None
    frame_ids: Int[np.ndarray, " frames"] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    track_id: str = "0"
    keypoints: Keypoints | None = None
    boxes: Float[np.ndarray, "frames 4"] | None = None
    world: WorldRoot | None = None
    contacts: Float[np.ndarray, "frames 4"] | None = None
    points: Keypoints | None = None
    posed: bool = True
    left_hand_pose: Float[np.ndarray, "frames 15 3"] | None = None
    right_hand_pose: Float[np.ndarray, "frames 15 3"] | None = None
    jaw_pose: Float[np.ndarray, "frames 3"] | None = None
    leye_pose: Float[np.ndarray, "frames 3"] | None = None
    reye_pose: Float[np.ndarray, "frames 3"] | None = None
    expression: Float[np.ndarray, "frames expressions"] | None = None
    flat_hand_mean: bool | None = None
    video: Path | None = None
    notes: tuple[Note, ...] = ()
    source: Path | None = None
    format: str = ""
    passthrough: Any = None

    def __post_init__(self) -> None:
        frames = len(self.global_orient)
        if not len(self.frame_ids):
            object.__setattr__(self, "frame_ids", np.arange(frames))
        where = self.source or "estimate"
        if frames == 0:
            raise InputError(f"{where}: the file holds zero frames; nothing to refine")
        expected: dict[str, tuple[int, ...]] = {
            "global_orient": (frames, 3),
            "body_pose": (frames, BODY_JOINTS[self.family], 3),
            "betas": (frames, self.betas.shape[-1]),
            "transl": (frames, 3),
        }
        for name, given in self.extremities().items():
            expected[name] = (frames, HAND_JOINTS, 3) if name.endswith("hand_pose") else (frames, given.shape[-1])
        for name, shape in expected.items():
            value = getattr(self, name)
            if value.shape != shape:
                raise InputError(f"{where}: {name} has shape {value.shape}; expected {shape}")
            if np.issubdtype(value.dtype, np.integer) or value.dtype == np.float16:
                # refined values are not whole numbers, and may be beyond half precision
                value = value.astype(np.float32)
                object.__setattr__(self, name, value)
            usable = (np.abs(value.reshape(frames, -1)) < _MAX_VALUE).all(axis=1)
            if not usable.all():
                what = "NaN or infinite values" if not np.isfinite(value).all() else f"values beyond {_MAX_VALUE:g}"
                raise InputError(f"{where}: {name} has {what} (first in row {np.argmin(usable)}); repair or cut them")
        if self.frame_ids.shape != (frames,) or self.frame_ids.min() < 0:
            raise InputError(f"{where}: frame_ids must be {frames} frame numbers from 0")
        if self.points is None and not self.posed:
            raise InputError(f"{where}: neither parameters nor 3D keypoints to pose the body with; give points")
        if self.points is not None and (not self.points.is_3d or len(self.points.positions) != frames):
            raise InputError(f"{where}: points have shape {self.points.positions.shape}; expected ({frames}, K, 3)")
        if self.contacts is not None:
            fits = self.contacts.shape == (frames, len(FEET))
            if not fits or not ((self.contacts >= 0) & (self.contacts <= 1)).all():
                raise InputError(f"{where}: contacts must be ({frames}, {len(FEET)}) probabilities from 0 to 1")
        if self.fps is not None and not 0 < self.fps <= _MAX_FPS:
            raise InputError(f"{where}: {self.fps:g} frames per second; expected up to {_MAX_FPS:g}")

    def __len__(self) -> int:
        return len(self.global_orient)

    @property
    def has_world(self) -> bool:
        """Whether the file says where the body is in a world."""
        return self.world is not None or self.frame == "world"

    def check_posed(self) -> None:
        """Check that the parameters are the person's.

        Raises:
            InputError: The file has none.
        """
        if not self.posed:
            raise InputError(
                f"{self.source or 'estimate'}: has keypoints instead of SMPL parameters; refine it, which poses the "
                "body, or call Refiner.posed"
            )

    def extremities(self) -> dict[str, np.ndarray]:
        """The fields of hands and face that it has, by name."""
        return {name: value for name in EXTREMITIES if (value := getattr(self, name)) is not None}

    def replace(self, **changes: Any) -> Estimate:
        """A copy with the named fields changed."""
        return replace(self, **changes)
