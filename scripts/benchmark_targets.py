"""Measure refinement onto 3D keypoints, several cameras' 2D keypoints, and the keypoints of several people.

    python scripts/benchmark_targets.py --mocap DIR     # AMASS's layout; subjects 02 and 13 of CMU are tested
    python scripts/benchmark_targets.py                 # generated motion, nothing to download

Every row writes real input files into a temporary folder, runs what the command runs on them, and reads the result
back. "Do nothing" is the input file. Scores are in mm, pelvis-aligned, on the true shape; the body is the open one.
"Take turned": one rotation of the whole take is taken out, which keypoints of another frame cannot tell.
Writes targets.md and targets.json into --output, and ends with 1 where a row got worse than doing nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))

from lsmplify_refine import Estimate, load
from lsmplify_refine.geometry.crop_cameras import hmr2_intrinsics
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.keypoint_files.multi_view import triangulate_files
from tests.keypoint_files.test_multi_view import write_easymocap as write_yaml
from tests.keypoint_files.test_multi_view import write_pose2sim as write_toml
from tests.support import target_files as files
from tests.support.target_samples import (
    FPS,
    MPJPE,
    PVE,
    TURNED,
    Motion,
    cameras_around,
    crossing,
    errors_mm,
    estimated,
    generated_motion,
    recorded_motions,
    seen_in_room,
)

#: Frames for which somebody is not there.
LEAVES_FRAMES = 20
#: Track ids of the two people.
IDS = (0, 3)
#: Files of estimates and of keypoints that know several people.
TWO_PEOPLE = ("WHAM file, EasyMocap 3D", "4D-Humans file, OpenPose 2D")


@dataclass
class Row:
    """One line of the table: scores of every frame of every take, before and after; and other figures."""

    group: str
    name: str
    before: dict[str, list[np.ndarray]] = field(default_factory=dict)
    after: dict[str, list[np.ndarray]] = field(default_factory=dict)
    targets_mm: list[np.ndarray] = field(default_factory=list)

    def add(self, before: Estimate, after: Estimate, truth: Motion, rows: slice | np.ndarray = slice(None)) -> None:
        """Score some rows of one person, whose frames must be those of the input."""
        if before.track_id != after.track_id or not np.array_equal(before.frame_ids, after.frame_ids):
            raise SystemExit(f"{self.group}, {self.name}: the result holds other people or frames than the input")
        for scores, estimate in ((self.before, before), (self.after, after)):
            for name, errors in errors_mm(estimate, truth).items():
                scores.setdefault(name, []).append(errors[rows])

    @property
    def figures(self) -> dict[str, float]:
        """Every score's mean before and after, and how far the targets are off."""
        found = {f"{name}_before": _mean(values) for name, values in self.before.items()}
        found |= {f"{name}_after": _mean(values) for name, values in self.after.items()}
        if self.targets_mm:
            errors = np.concatenate(self.targets_mm)
            found |= {"targets_mean_mm": float(errors.mean()), "targets_median_mm": float(np.median(errors))}
            found["targets_95th_mm"] = float(np.percentile(errors, 95))
        return found

    @property
    def fell(self) -> bool:
        """Whether every score is better than doing nothing."""
        return all(_mean(self.after[name]) < _mean(values) for name, values in self.before.items())


def _mean(values: Sequence[np.ndarray]) -> float:
    return float(np.concatenate(values).mean())


def refined(input: Path, keypoints: Path, **options: Any) -> tuple[list[Estimate], list[Estimate]]:
    """The people of a file before and after the command's own job."""
    job = Job(input, keypoints=keypoints, output=input.parent / "refined", write_video=False, **options)
    return load(input), load(run(job).outputs.results)


def in_space(motions: Sequence[Motion], noises_m: Sequence[float] = (0.0, 0.01, 0.02)) -> Iterator[Row]:
    """3D keypoints of another frame, in every form, with noise and gaps; estimates in world coordinates."""
    estimates = {"generic": files.write_generic, "AMASS": files.write_amass}
    for form, (convention, write, named) in files.SPACE_FORMS.items():
        for noise_m in noises_m:
            # every form with gaps; the first also whole, and for the other layout of estimates
            first = form == next(iter(files.SPACE_FORMS))
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
    """2D keypoints of three cameras, 2 px of noise, the third absent for a third of the take."""
    kinds: dict[str, tuple[Callable[[Path, Any], Path], str, str]] = {
        "OpenPose JSON, EasyMocap YAML": (write_yaml, "calibration", "body25"),
        "COCO JSON, Pose2Sim TOML": (write_toml, "Calib.toml", "coco17"),
        "COCO JSON, Pose2Sim TOML of the estimate's own world": (write_toml, "Calib.toml", "coco17"),
    }
    for kind, (write_calibration, calibration_name, convention) in kinds.items():
        row = Row("three cameras, 2 px noise, one drops out", kind)
        for seed, motion in enumerate(motions):
            elsewhere = motion.moved(rotvec_to_rotmat([0.0, 0.0, 2.0]), [3.0, -1.0, 0.0])
            lab = motion if kind.endswith("own world") else elsewhere
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                source = files.write_generic(folder, estimated(motion, seed=seed))
                cameras = cameras_around(lab)
                calibration = write_calibration(folder / calibration_name, cameras)
                (folder / "views").mkdir()
                truth = lab.keypoints(convention)
                for number, camera in enumerate(cameras.values()):
                    pixels = files.in_image(camera, truth, noise_px=2.0, seed=10 * seed + number)
                    if number == 2:
                        pixels[len(motion) // 3 : 2 * len(motion) // 3] = np.nan
                    if convention == "body25":
                        files.write_openpose(folder / "views" / camera.name, {0: pixels}, ids=False)
                    else:
                        files.write_coco(folder / "views" / f"{camera.name}.json", pixels)
                found = triangulate_files(folder / "views", calibration).rows(np.arange(len(motion)))
                before, after = refined(source, folder / "views", calibration=calibration)
            apart = 1000 * np.linalg.norm(found.positions - truth, axis=-1)
            row.targets_mm.append(apart[found.confidence > 0])
            row.add(before[0], after[0], motion)
        yield row


def two_people(motions: Sequence[Motion]) -> Iterator[Row]:
    """Two people who cross; the second leaves for 20 frames and comes back with the opposite error."""
    for kind in TWO_PEOPLE:
        group = f"two people cross: {kind}"
        rows = [Row(group, name) for name in ("who stays", "who leaves for 20 frames", "3 frames on each side of that")]
        for seed, (one, other) in enumerate(zip(motions[::2], motions[1::2])):
            length = min(len(one), len(other))
            people = crossing(one.rows(slice(length)), other.rows(slice(length)))
            with tempfile.TemporaryDirectory() as name:
                before, after = refine_people(Path(name), people, kind, seed)
            gap = length // 2
            edges = np.r_[gap - 3 : gap + 3]  # rows; the frames between them are gone
            for row, person, chosen in zip(rows, (0, 1, 1), (slice(None), slice(None), edges)):
                row.add(before[person], after[person], people[person], chosen)
        yield from rows


def refine_people(
    folder: Path, people: tuple[Motion, Motion], kind: str, seed: int
) -> tuple[list[Estimate], list[Estimate]]:
    """Both people before the camera, from files of a kind, before and after; the second misses frames."""
    frames = len(people[0])
    gap = slice(frames // 2, frames // 2 + LEAVES_FRAMES)
    flip = np.where(np.arange(frames) < gap.start, 1.0, -1.0)
    in_wham = kind.startswith("WHAM")
    if not in_wham:
        people = people[0].far(), people[1].far()  # where this format's long focal length sees them
    K = hmr2_intrinsics(*files.IMAGE_SIZE, frames)
    layout, points = {}, {}
    for number, (person, motion) in enumerate(zip(IDS, people)):
        ids = np.delete(np.arange(frames), gap) if number else np.arange(frames)
        layout[person] = estimated(motion, seed=10 * seed + number, sign=flip if number else None), ids
        if in_wham:
            points[person] = seen_in_room(motion, "body25", noise_m=0.01, gaps=False, seed=seed)
        else:
            points[person] = project_to_image(motion.keypoints("body25"), K)
            points[person] += np.random.default_rng(seed).normal(0, 2.0, points[person].shape)
        if number:
            points[person][gap] = np.nan
    source = (files.write_wham if in_wham else files.write_phalp)(folder, layout)
    write = files.write_easymocap_people if in_wham else files.write_openpose
    return refined(source, write(folder if in_wham else folder / "openpose", points))


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| | MPJPE: do nothing | refined | PVE: do nothing | refined | PVE, take turned: do nothing | refined | "]
    lines[0] += "targets off by: mean / median / 95th |"
    lines.append("| --- " * 8 + "|")
    for row in rows:
        found = row.figures
        cells = [f"{found[f'{name}_{when}']:.1f}" for name in (MPJPE, PVE, TURNED) for when in ("before", "after")]
        targets = (
            [f"{found[f'targets_{name}_mm']:.1f}" for name in ("mean", "median", "95th")] if row.targets_mm else []
        )
        name = f"{row.group}: {row.name}{'' if row.fell else ' **(worse)**'}"
        lines.append("| " + " | ".join([name, *cells, " / ".join(targets) or "-"]) + " |")
    return "\n".join(lines)


def main() -> int:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, help="folder above DATASET/SUBJECT/*_poses.npz")
    parser.add_argument("--takes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each take")
    parser.add_argument("--output", type=Path, default=Path())
    args = parser.parse_args()
    if args.mocap is None:
        motions = [generated_motion(round(args.seconds * FPS), seed=seed) for seed in range(args.takes)]
    else:
        motions = recorded_motions(args.mocap, args.takes, args.seconds)
    frames = sum(map(len, motions))
    print(f"{len(motions)} takes, {frames} frames: {', '.join(motion.name for motion in motions)}", flush=True)
    rows = []
    for row in (row for part in (in_space, from_cameras, two_people) for row in part(motions)):
        rows.append(row)
        print(f"{row.group}: {row.name}: {row.figures}", flush=True)
    print(table(rows))
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "targets.md").write_text(f"{len(motions)} takes, {frames} frames; mm\n\n{table(rows)}\n")
    scores = [{"group": row.group, "name": row.name} | row.figures for row in rows]
    (args.output / "targets.json").write_text(json.dumps(scores, indent=1))
    return 0 if all(row.fell for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
