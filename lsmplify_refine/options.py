"""The choices and defaults of the options, without torch: the command line and the Python functions share them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

#: Body model families.
Family = Literal["smpl", "smplh", "smplx"]

#: Genders of the body models.
Gender = Literal["neutral", "female", "male"]

#: How 3D keypoints are brought into the estimate's frame: see `engine.align`.
Align = Literal["auto", "camera", "torso", "procrustes"]

#: Where a frame starts: see `RefineOptions.mode`.
Mode = Literal["plug-in", "sequential"]

#: Where to compute; "auto" is CUDA if there is one, else the CPU.
Device = Literal["auto", "cpu", "cuda", "mps"]

#: Formats that results can be written in instead of the input's: see `formats.export`.
OutputFormat = Literal["amass", "smpl-npz", "smplx-npz", "gvhmr", "bvh", "glb"]

#: The axis of a world that points up.
Up = Literal["y", "z", "-y", "-z"]

#: Units of keypoints in space.
Units = Literal["m", "cm", "mm", "in", "ft"]

#: How the comparison video shows before and after: see `VideoOptions.video_layout`.
VideoLayout = Literal["side-by-side", "overlay", "wipe", "triptych", "world"]

#: Networks that `train` can train: ours, or Learnable SMPLify's to compare with.
Architecture = Literal["ours", "published"]

#: What `weights` may be instead of a file.
WEIGHTS_NAMES = ("shipped", "none")

#: Frame rate assumed if neither the file nor a video states one.
DEFAULT_FPS = 30.0


@dataclass(frozen=True, kw_only=True)
class RefineOptions:
    """How to refine; `Refiner` and `refine` take the same names.

    Attributes:
        smooth_seconds: Override of the motion model, which will go: how long an estimate's bias stays, as the standard
            deviation of a low-pass; 0 fits each frame on its own. None: the model's own.
        align: How 3D keypoints are brought into the estimate's frame (see `engine.align.align`).
        weights: Weights of the regressor: "shipped", "none" for the projection alone, or a file from `train` or from
            Learnable SMPLify's authors.
        mode: "plug-in": every frame starts from the estimate; "sequential": from the last frame's result if that is
            nearer to the keypoints.
        passes: How often the regressor is applied.
    """

    smooth_seconds: float | None = None
    align: Align = "auto"
    weights: Path | str = "shipped"
    mode: Mode = "plug-in"
    passes: int = 1

    def as_keywords(self) -> dict[str, Any]:
        """These options alone, as keyword arguments of `Refiner`."""
        return {field.name: getattr(self, field.name) for field in fields(RefineOptions)}


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """What the comparison video shows.

    Attributes:
        video_layout: "side-by-side"; "overlay": both bodies on one picture; "wipe": an edge goes to and fro between
            them; "triptych": the clip itself beside them; "world": both in their world, on a ground grid.
        as_read: Whether the input as read is shown as well, before its shape and place are fitted.
        only_worst: Seconds of the worst moments to show; None for the whole clip.
        snapshot: Frames that are written as pictures too.
    """

    video_layout: VideoLayout = "side-by-side"
    as_read: bool = False
    only_worst: float | None = None
    snapshot: tuple[int, ...] = ()
