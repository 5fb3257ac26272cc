"""The common format: one person's track, its camera and its keypoints, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.conventions import CONVENTIONS

Family = Literal["smpl", "smplh", "smplx"]
Gender = Literal["neutral", "female", "male"]

#: Joints of `body_pose` (without the root) in each body family.
BODY_JOINTS: dict[str, int] = {"smpl": 23, "smplh": 21, "smplx": 21}


#: Beyond this nothing is a pose, a place or a camera: radians, metres, pixels.
_FARTHEST = 1e6
_LEAST_FOCAL_PX = 1e-2
#: More frames a second have only instruments for crash tests.
_FASTEST_FPS = 10_000.0


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in OpenCV convention (x right, y down, z forward), one K per frame.

    Attributes:
        K: (T, 3, 3) intrinsics in pixels of the full image.
        image_size: (width, height) in pixels, or None where the file does not say.
    """

    K: np.ndarray
    image_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        focal, last = self.K[..., [0, 1], [0, 1]], self.K[..., 2, :]
        usable = np.isfinite(self.K).all() and (focal > _LEAST_FOCAL_PX).all() and (np.abs(self.K) < _FARTHEST).all()
        if not usable or np.abs(last - [0.0, 0.0, 1.0]).max(initial=0.0) > 1e-3:
            raise InputError(
                "the camera's intrinsics are no [fx 0 cx; 0 fy cy; 0 0 1] of finite numbers, fx and fy > 0"
            )


@dataclass(frozen=True)
class Keypoints:
    """Keypoints of one person in a named convention.

    Attributes:
        convention: A key of `keypoints.CONVENTIONS`.
        positions: (T, K, 2) pixels of the full image, or (T, K, 3) metres.
        confidence: (T, K) in [0, 1]; 0 means missing (the position is then meaningless and may be NaN).
        source: Where they came from, in words for the report.
    """

    convention: str
    positions: np.ndarray
    confidence: np.ndarray
    source: str = ""

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise InputError(f"keypoint convention {self.convention!r} is not known; known: {', '.join(CONVENTIONS)}")
        count = len(CONVENTIONS[self.convention].points)
        if self.positions.ndim != 3 or self.positions.shape[1] != count or self.positions.shape[2] not in (2, 3):
            raise InputError(
                f"{self.convention} keypoints have shape {self.positions.shape}; expected (T, {count}, 2 or 3)"
            )
        if self.confidence.shape != self.positions.shape[:2]:
            raise InputError(
                f"keypoint confidence has shape {self.confidence.shape}; expected {self.positions.shape[:2]}"
            )

    @property
    def is_3d(self) -> bool:
        """True for points in space, False for points in the image."""
        return self.positions.shape[-1] == 3


@dataclass(frozen=True)
class WorldRoot:
    """The root of the same body pose in a second, gravity-aligned frame (GVHMR `global`, WHAM `*_world`).

    Attributes:
        global_orient: (T, 3) axis-angle, radians.
        transl: (T, 3) metres, the model's `transl` (not the pelvis).
        up: The vertical axis of that frame.
    """

    global_orient: np.ndarray
    transl: np.ndarray
    up: Literal["y", "z"] = "y"


@dataclass(frozen=True)
class Estimate:
    """One person's track as an estimator gave it.

    Rotations are axis-angle in radians; `transl` is the model's own translation in metres, so that the pelvis
    lies at J0(betas) + transl (see `frames`).

    Attributes:
        family: Body model family that the parameters belong to.
        gender: Gender of that body model.
        global_orient: (T, 3).
        body_pose: (T, J, 3) with J = 23 (smpl) or 21 (smplh, smplx).
        betas: (T, B) shape coefficients of `family`.
        transl: (T, 3), in the coordinates of `frame`.
        frame: "camera" (x right, y down, z forward) or "world" (y up, the camera unknown).
        camera: Intrinsics, or None where the file has none.
        fps: Frames per second, or None where the file does not say.
        frame_ids: (T,) index of each row's video frame.
        track_id: The file's name for this person.
        keypoints: Keypoints that the file carries or that lie beside it.
        boxes: (T, 4) x1, y1, x2, y2 in pixels, or None.
        world: The same body's root in a gravity-aligned frame, where the file has one.
        video: The video that lies beside the file, where the layout has one.
        notes: What the reader noticed and the user should know, one sentence each.
        source: The file that it came from.
        format: Name of the adapter that read it; `save` writes with the same one.
        passthrough: The adapter's own record of the file, for writing it back; nobody else looks inside.
    """

    family: Family
    gender: Gender
    global_orient: np.ndarray
    body_pose: np.ndarray
    betas: np.ndarray
    transl: np.ndarray
    frame: Literal["camera", "world"] = "camera"
    camera: Camera | None = None
    fps: float | None = None
    frame_ids: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    track_id: str = "0"
    keypoints: Keypoints | None = None
    boxes: np.ndarray | None = None
    world: WorldRoot | None = None
    video: Path | None = None
    notes: tuple[str, ...] = ()
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
        expected = {
            "global_orient": (frames, 3),
            "body_pose": (frames, BODY_JOINTS[self.family], 3),
            "betas": (frames, self.betas.shape[-1]),
            "transl": (frames, 3),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            if value.shape != shape:
                raise InputError(f"{where}: {name} has shape {value.shape}; expected {shape}")
            if np.issubdtype(value.dtype, np.integer):
                # what is refined is no whole number any more
                object.__setattr__(self, name, value.astype(np.float32))
            usable = (np.abs(value.reshape(frames, -1)) < _FARTHEST).all(axis=1)
            if not usable.all():
                what = "NaN or infinite values" if not np.isfinite(value).all() else f"values beyond {_FARTHEST:g}"
                raise InputError(f"{where}: {name} has {what} (first in row {np.argmin(usable)}); repair or cut them")
        if self.frame_ids.shape != (frames,) or self.frame_ids.min() < 0:
            raise InputError(f"{where}: frame_ids are not {frames} numbers of frames: 0, 1, ...")
        if self.fps is not None and not 0 < self.fps <= _FASTEST_FPS:
            raise InputError(f"{where}: {self.fps:g} frames per second; expected up to {_FASTEST_FPS:g}")

    def __len__(self) -> int:
        return len(self.global_orient)

    def replace(self, **changes: Any) -> Estimate:
        """A copy with the named fields changed."""
        return replace(self, **changes)
