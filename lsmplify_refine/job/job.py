"""What one run of the command is asked to do, and what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.job.outputs import Outputs
from lsmplify_refine.options import SMOOTH_SECONDS, Align, Device, Gender, Mode, OutputFormat
from lsmplify_refine.values.notes import Note

#: Called with a stage ("detecting", "refining", "rendering"), the steps done and the steps in all.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Job:
    """One run of the command; the fields are its options.

    Attributes:
        input: The estimator's result, a file or its output folder.
        video: The video it was estimated from; None for the one beside the input, if any.
        output: Folder to write to; None for beside the input.
        keypoints: Keypoint file or folder that replaces the input's own keypoints.
        detector: Name of the detector that finds keypoints in the video, even if the input has some; None for
            MediaPipe where it has none.
        detector_model: The detector's model file; None for its own.
        keypoint_convention: The convention its points are in, where it does not say.
        calibration: Cameras' calibration; `keypoints` is then the folder of all cameras' 2D keypoints.
        align: How 3D keypoints come into the estimate's frame (see `engine.align.align`).
        focal_px: Focal length in pixels that replaces the file's.
        body_model: A SMPL-family file or folder of them; None for the open body.
        gender: Gender of that body model; None for the one the input says.
        device: Where to compute; "auto" is CUDA where there is one, else the CPU.
        write_video: Whether to write the comparison video.
        smooth_seconds: Standard deviation of the low-pass on the correction; 0 for none.
        weights: The regressor's: "shipped", "none", or a file (see `Refiner`).
        mode: "plug-in" or "sequential" (see `Refiner`).
        passes: How often the regressor is applied.
        person: A track id, or "all".
        overwrite: Replace outputs that exist.
        format: Name of the adapter, with its options (see `files.load`); None to tell it from the content.
        output_format: Another format to write one person in; None for the input's own.
    """

    input: Path
    video: Path | None = None
    output: Path | None = None
    keypoints: Path | None = None
    detector: str | None = None
    detector_model: Path | None = None
    keypoint_convention: str | None = None
    calibration: Path | None = None
    align: Align = "auto"
    focal_px: float | None = None
    body_model: Path | None = None
    gender: Gender | None = None
    device: Device = "auto"
    write_video: bool = True
    smooth_seconds: float = SMOOTH_SECONDS
    weights: Path | str = "shipped"
    mode: Mode = "plug-in"
    passes: int = 1
    person: str = "all"
    overwrite: bool = False
    format: str | None = None
    output_format: OutputFormat | None = None


@dataclass(frozen=True)
class Outcome:
    """What a job did.

    Attributes:
        refinements: One per refined person.
        outputs: The files written.
        notes: What the user should know about the job as a whole.
    """

    refinements: tuple[Refinement, ...]
    outputs: Outputs
    notes: tuple[Note, ...] = ()
