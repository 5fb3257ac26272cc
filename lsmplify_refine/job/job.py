"""The values of one run of the command: its options, the files it writes, and its outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lsmplify_refine.options import Device, Gender, OutputFormat, RefineOptions, Units, Up, VideoOptions
from lsmplify_refine.values.notes import Note

if TYPE_CHECKING:
    from lsmplify_refine.engine.refinement import Refinement

#: Called with a stage ("detecting", "refining", "rendering"), the steps done and the total number of steps.
Progress = Callable[[str, int, int], None]

#: Called with a note that the user should read at once.
Notify = Callable[[Note], None]


@dataclass(frozen=True, kw_only=True)
class JobOptions(RefineOptions, VideoOptions):
    """The options of every run, those of `RefineOptions` and `VideoOptions` included.

    Attributes:
        video: The video of the motion; for `Job`, None is the one beside the input, if any.
        output: Folder to write to; None for beside the input.
        keypoint_convention: Convention of the keypoints, if their file does not state it.
        calibration: The cameras' calibration; the keypoints are then the folder of all cameras' 2D keypoints.
        focal_px: Focal length in pixels that replaces the file's.
        fps: Frame rate that replaces the file's and the video's.
        image_size: (width, height) of the images in pixels, if there is no video.
        body_model: A SMPL-family file or folder of them; None for the open body.
        gender: Gender of that body model; None for the gender stated in the input, if any.
        device: Where to compute; "auto" is CUDA if there is one, else the CPU.
        write_video: Whether to write the comparison video.
        write_page: Whether to write the report as a page too.
        scene: Whether that page holds the motion in 3D.
        person: A track id, "nearest" to the camera, or "all".
        overwrite: Whether to replace outputs that exist.
        output_format: The formats to write, one or several.
    """

    video: Path | None = None
    output: Path | None = None
    keypoint_convention: str | None = None
    calibration: Path | None = None
    focal_px: float | None = None
    fps: float | None = None
    image_size: tuple[int, int] | None = None
    body_model: Path | None = None
    gender: Gender | None = None
    device: Device = "auto"
    write_video: bool = True
    write_page: bool = True
    scene: bool = False
    person: str = "all"
    overwrite: bool = False
    output_format: OutputFormat | tuple[OutputFormat, ...] | None = None

    @property
    def draws(self) -> bool:
        """Whether any picture is wanted: the comparison video, or frames of it."""
        return self.write_video or bool(self.snapshot)

    @property
    def formats(self) -> tuple[OutputFormat, ...]:
        """The formats to write, each once; none for the default."""
        if self.output_format is None:
            return ()
        one = (self.output_format,) if isinstance(self.output_format, str) else self.output_format
        return tuple(dict.fromkeys(one))


@dataclass(frozen=True)
class Job(JobOptions):
    """One run of `refine`; the fields are its options. Without `output_format`, the input's own format is written.

    Attributes:
        input: The estimator's result, a file or its output folder.
        keypoints: Keypoint file or folder that replaces the input's own keypoints.
        keypoint_fps: Their frame rate; None for the one that they state, else the result's.
        detector: Name of the detector that finds keypoints in the video, even if the input has some; None for
            MediaPipe if the input has none.
        detector_model: The detector's model file; None for its own.
        format: Name of the adapter, with its options (see `load`); None to recognise the format by content.
    """

    input: Path
    keypoints: Path | None = None
    keypoint_fps: float | None = None
    detector: str | None = None
    detector_model: Path | None = None
    format: str | None = None


@dataclass(frozen=True)
class FitJob(JobOptions):
    """One run of `fit`; the fields are its options. Without `output_format`, SMPL or SMPL-X parameters are written.

    Attributes:
        input: Keypoint file or folder.
        units: Unit of 3D keypoints; None to tell it from the bodies.
        up: Their vertical axis; None to tell it from the bodies.
    """

    input: Path
    units: Units | None = None
    up: Up | None = None


@dataclass(frozen=True)
class Outputs:
    """The files that a job writes.

    Attributes:
        results: The refined parameters, in the format that was read (which may be a folder) or the first asked for.
        report: What was done and how well, JSON.
        comparison: Before and after side by side on the video; None if no video is written.
        page: The report as HTML, to look at; None if it is not written.
        more: Results in other formats, or of other people.
        snapshots: Frames of the comparison as pictures.
    """

    results: Path
    report: Path
    comparison: Path | None = None
    page: Path | None = None
    more: tuple[Path, ...] = ()
    snapshots: tuple[Path, ...] = ()

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file, in the order in which they are shown to the user."""
        shown = (self.results, *self.more, self.comparison, *self.snapshots, self.page, self.report)
        return tuple(path for path in shown if path is not None)

    def within(self, folder: Path) -> Outputs:
        """The same file names in another folder."""
        comparison, page = (path and folder / path.name for path in (self.comparison, self.page))
        more, snapshots = (tuple(folder / path.name for path in paths) for paths in (self.more, self.snapshots))
        return Outputs(folder / self.results.name, folder / self.report.name, comparison, page, more, snapshots)

    def of(self, names: Sequence[str]) -> Outputs:
        """The same folder, report and video with results of these names, if there are any."""
        results = [self.results.with_name(name) for name in names]
        return replace(self, results=results[0], more=tuple(results[1:])) if results else self

    def without_comparison(self) -> Outputs:
        """The other files."""
        return replace(self, comparison=None)

    def without_pictures(self) -> Outputs:
        """The files without the video and the snapshots."""
        return replace(self, comparison=None, snapshots=())

    def without_page(self) -> Outputs:
        """The other files."""
        return replace(self, page=None)


@dataclass(frozen=True)
class Outcome:
    """What a job did.

    Attributes:
        refinements: One per refined person.
        outputs: The files written.
        notes: What the user should know about the job as a whole.
        video_error: Why the comparison video could not be drawn; None if it was drawn or not wanted.
        page_error: The same of the page.
        removed: Earlier files that show other results and went with these: the comparison video, the page.
    """

    refinements: tuple[Refinement, ...]
    outputs: Outputs
    notes: tuple[Note, ...] = ()
    video_error: Exception | None = None
    page_error: Exception | None = None
    removed: tuple[Path, ...] = ()
