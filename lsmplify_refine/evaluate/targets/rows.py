"""Rows of the benchmark of targets: 3D keypoints, several cameras' 2D keypoints, two people.

Each row writes real input files into a temporary folder, runs the command's own job on them, and reads the result back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.evaluate.targets.camera_files import write_easymocap_cameras, write_pose2sim_cameras
from lsmplify_refine.evaluate.targets.estimate_files import write_amass, write_generic, write_phalp, write_wham
from lsmplify_refine.evaluate.targets.keypoint_files import (
    SPACE_FORMS,
    write_coco,
    write_easymocap_people,
    write_openpose,
)
from lsmplify_refine.evaluate.targets.motion import Motion, estimated
from lsmplify_refine.evaluate.targets.rooms import IMAGE_SIZE, cameras_around, crossing, in_image, seen_in_room
from lsmplify_refine.evaluate.targets.scores import errors_mm
from lsmplify_refine.formats.load_save import load
from lsmplify_refine.geometry.crop_cameras import hmr2_intrinsics
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.keypoint_files.multi_view import triangulate_files
from lsmplify_refine.values.camera import CalibratedCamera
from lsmplify_refine.values.estimate import Estimate

#: Number of frames in which the second person is missing.
GAP_FRAMES = 20
#: Track ids of the two people.
TRACK_IDS = (0, 3)
#: Kinds of estimate and keypoint files that hold several people.
TWO_PEOPLE = ("WHAM file, EasyMocap 3D", "4D-Humans file, OpenPose 2D")


@dataclass
class Row:
    """One line of the table.

    Attributes:
        group: What the row belongs to.
        name: The kind of input files.
        before: Score name -> errors of every take's frames (T,), mm, of the input.
        after: The same of the result.
        targets_mm: Distances of each take's targets to the true keypoints, where they are measured.
    """

    group: str
    name: str
    before: dict[str, list[np.ndarray]] = field(default_factory=dict)
    after: dict[str, list[np.ndarray]] = field(default_factory=dict)
    targets_mm: list[np.ndarray] = field(default_factory=list)

    def add(self, before: Estimate, after: Estimate, truth: Motion, rows: slice | np.ndarray = slice(None)) -> None:
        """Score some rows of one person.

        Raises:
            RuntimeError: The result holds another person or other frames than the input.
        """
        if before.track_id != after.track_id or not np.array_equal(before.frame_ids, after.frame_ids):
            raise RuntimeError(f"{self.group}, {self.name}: the result holds other people or frames than the input")
        for scores, estimate in ((self.before, before), (self.after, after)):
            for name, errors in errors_mm(estimate, truth).items():
                scores.setdefault(name, []).append(errors[rows])

    @property
    def figures(self) -> dict[str, float]:
        """Mean of every score before and after, and statistics of the target errors."""
        found = {f"{name}_before": _mean(values) for name, values in self.before.items()}
        found |= {f"{name}_after": _mean(values) for name, values in self.after.items()}
        if self.targets_mm:
            errors = np.concatenate(self.targets_mm)
            found |= {"targets_mean_mm": float(errors.mean()), "targets_median_mm": float(np.median(errors))}
            found["targets_95th_mm"] = float(np.percentile(errors, 95))
        return found

    @property
    def improved(self) -> bool:
        """Whether every score is lower than doing nothing."""
        return all(_mean(self.after[name]) < _mean(values) for name, values in self.before.items())


def _mean(values: Sequence[np.ndarray]) -> float:
    return float(np.concatenate(values).mean())


def refined(input: Path, keypoints: Path, **options: Any) -> tuple[list[Estimate], list[Estimate]]:
    """Read the people of a file before and after the command's own job."""
    job = Job(
        input, keypoints=keypoints, output=input.parent / "refined", write_video=False, write_page=False, **options
    )
    return load(input), load(run(job).outputs.results)


def in_space(motions: Sequence[Motion], noises_m: Sequence[float] = (0.0, 0.01, 0.02)) -> Iterator[Row]:
    """Yield rows with 3D keypoints of another coordinate frame, in every file form, with noise and gaps."""
    estimates = {"generic": write_generic, "AMASS": write_amass}
    for form, (convention, write, named) in SPACE_FORMS.items():
        for noise_m in noises_m:
            # every form with gaps; the first form also without gaps, and with the other layout of estimates
            first = form == next(iter(SPACE_FORMS))
            for layout, gaps in [("generic", True), *([("generic", False), ("AMASS", True)] if first else [])]:
                detail = f"{'gaps' if gaps else 'whole'}, {layout} file"
                row = Row("3D keypoints", f"{form}, {100 * noise_m:g} cm noise, {detail}")
                for seed, motion in enumerate(motions):
                    points = seen_in_room(motion, convention, noise_m=noise_m, gaps=gaps, seed=seed)
                    with tempfile.TemporaryDirectory() as name:
                        source = estimates[layout](Path(name), estimated(motion, seed=seed))
                        keypoints = write(Path(name), points)
                        wanted = convention if named else None
                        before, after = refined(source, keypoints, keypoint_convention=wanted)
                    row.add(before[0], after[0], motion)
                yield row


def from_cameras(motions: Sequence[Motion]) -> Iterator[Row]:
    """Yield rows with 2D keypoints of three cameras, 2 px of noise; the third drops out for a third of the take."""
    kinds: dict[str, tuple[Callable[[Path, Mapping[str, CalibratedCamera]], Path], str, str]] = {
        "OpenPose JSON, EasyMocap YAML": (write_easymocap_cameras, "calibration", "body25"),
        "COCO JSON, Pose2Sim TOML": (write_pose2sim_cameras, "Calib.toml", "coco17"),
        "COCO JSON, Pose2Sim TOML of the estimate's own world": (write_pose2sim_cameras, "Calib.toml", "coco17"),
    }
    for kind, (write_calibration, calibration_name, convention) in kinds.items():
        row = Row("three cameras, 2 px noise, one drops out", kind)
        for seed, motion in enumerate(motions):
            elsewhere = motion.moved(rotvec_to_rotmat([0.0, 0.0, 2.0]), [3.0, -1.0, 0.0])
            lab = motion if kind.endswith("own world") else elsewhere
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                source = write_generic(folder, estimated(motion, seed=seed))
                cameras = cameras_around(lab)
                calibration = write_calibration(folder / calibration_name, cameras)
                (folder / "views").mkdir()
                truth = lab.keypoints(convention)
                for number, camera in enumerate(cameras.values()):
                    pixels = in_image(camera, truth, noise_px=2.0, seed=10 * seed + number)
                    if number == 2:
                        pixels[len(motion) // 3 : 2 * len(motion) // 3] = np.nan
                    if convention == "body25":
                        write_openpose(folder / "views" / camera.name, {0: pixels}, ids=False)
                    else:
                        write_coco(folder / "views" / f"{camera.name}.json", pixels)
                found = triangulate_files(folder / "views", calibration).rows(np.arange(len(motion)))
                before, after = refined(source, folder / "views", calibration=calibration)
            errors = 1000 * np.linalg.norm(found.positions - truth, axis=-1)
            row.targets_mm.append(errors[found.confidence > 0])
            row.add(before[0], after[0], motion)
        yield row


def two_people(motions: Sequence[Motion]) -> Iterator[Row]:
    """Yield rows with two people who cross; the second leaves for 20 frames and returns with the opposite error."""
    for kind in TWO_PEOPLE:
        group = f"two people cross: {kind}"
        rows = [Row(group, name) for name in ("who stays", "who leaves for 20 frames", "3 frames on each side of that")]
        for seed, (one, other) in enumerate(zip(motions[::2], motions[1::2])):
            length = min(len(one), len(other))
            people = crossing(one.rows(slice(length)), other.rows(slice(length)))
            with tempfile.TemporaryDirectory() as name:
                before, after = refine_people(Path(name), people, kind, seed)
            gap = length // 2
            edges = np.r_[gap - 3 : gap + 3]  # rows; the frames of the gap are not among them
            for row, person, chosen in zip(rows, (0, 1, 1), (slice(None), slice(None), edges)):
                row.add(before[person], after[person], people[person], chosen)
        yield from rows


def refine_people(
    folder: Path, people: tuple[Motion, Motion], kind: str, seed: int
) -> tuple[list[Estimate], list[Estimate]]:
    """Refine two people before a camera; the second is missing for `GAP_FRAMES` frames.

    Args:
        folder: Where to write the files.
        people: Motions in camera coordinates.
        kind: One of `TWO_PEOPLE`.
        seed: Seed of errors and noise.

    Returns:
        The people of the input and of the result.
    """
    frames = len(people[0])
    gap = slice(frames // 2, frames // 2 + GAP_FRAMES)
    flip = np.where(np.arange(frames) < gap.start, 1.0, -1.0)
    in_wham = kind.startswith("WHAM")
    if not in_wham:
        people = people[0].far(), people[1].far()  # this format has a long focal length
    K = hmr2_intrinsics(*IMAGE_SIZE, frames)
    layout: dict[int, tuple[Motion, np.ndarray]] = {}
    points: dict[int, np.ndarray] = {}
    for number, (person, motion) in enumerate(zip(TRACK_IDS, people)):
        ids = np.delete(np.arange(frames), gap) if number else np.arange(frames)
        layout[person] = estimated(motion, seed=10 * seed + number, sign=flip if number else None), ids
        if in_wham:
            points[person] = seen_in_room(motion, "body25", noise_m=0.01, gaps=False, seed=seed)
        else:
            points[person] = project_to_image(motion.keypoints("body25"), K)
            points[person] += np.random.default_rng(seed).normal(0, 2.0, points[person].shape)
        if number:
            points[person][gap] = np.nan
    source = (write_wham if in_wham else write_phalp)(folder, layout)
    write = write_easymocap_people if in_wham else write_openpose
    return refined(source, write(folder if in_wham else folder / "openpose", points))
