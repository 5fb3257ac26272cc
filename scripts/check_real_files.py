"""Run everything on real files of other people's tools, and print what became of each.

    python scripts/check_real_files.py ../shared/data/real [--only PATTERN]

Each file (or folder) is read; refined; written; and opened again with the plain libraries, as its estimator's reader
does. A result that has no keypoints gets its own, projected from the estimate with noise: pixels where there is a
camera, else points in space. Keypoint files are fitted. A refusal that asks for an option is answered with the first
choice that it names. The exit code is 1 if a file ends in an error that is not one clear line, is made worse, or is
written so that it cannot be opened.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from real_files.reopen import Unlike, reopened
from rich.console import Console
from rich.table import Table

from lsmplify_refine import BodyModel, Estimate, Keypoints, Refinement, Refiner, load, save
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.projection import default_intrinsics, project_to_image
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.keypoint_files import KeypointTrack, load_tracks
from lsmplify_refine.keypoint_files.cameras import load_calibration
from lsmplify_refine.values.camera import Camera

#: Size of the image where a file does not say.
_SIZE = (1920, 1080)
#: Noise of the keypoints that are made from estimates.
_NOISE_PX, _NOISE_M = 2.0, 0.01
#: Frames that are fitted at most; the files are long.
_MAX_FITTED = 60
#: An error that grows by less is not worse: exact keypoints leave nothing to gain.
_WORSE, _SLACK = 1.02, 0.5
#: An option that a refusal names, and the choices of a convention.
_FORMAT, _CHOICES = re.compile(r"--format (\w+:\w+=\w+)"), re.compile(r"points may be ([\w, ]+);")


@dataclass(frozen=True)
class Row:
    """What became of a file."""

    file: str
    read: str
    refined: str = "-"
    written: str = "-"
    reopened: str = "-"
    fault: bool = False


def main() -> None:
    """Print the table; exit code 1 if a file is at fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of real files")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="names of the files to run (default: all)")
    args = parser.parse_args()
    table = Table(title=f"{args.folder}", show_lines=True)
    for heading in ("file", "read as", "refined", "written", "reopened"):
        table.add_column(heading, overflow="fold")
    faults = []
    for path in sorted(args.folder.glob(args.only)):
        if path.suffix.lower() == ".md":
            continue
        row = _row(path)
        faults += [row.file] if row.fault else []
        table.add_row(row.file, row.read, row.refined, row.written, row.reopened, style="red" if row.fault else "")
    Console(width=180).print(table)
    if faults:
        raise SystemExit(f"at fault: {', '.join(faults)}")


def _row(path: Path) -> Row:
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _handled(path, Path(folder))
    except Unlike as error:
        return Row(path.name, "read, refined and written", reopened=str(error), fault=True)
    # whatever it is, the other files are still run
    except Exception as error:
        return Row(path.name, f"{type(error).__name__}: {error}"[:300], fault=True)


def _handled(path: Path, folder: Path) -> Row:
    try:
        return _result(path, folder, None)
    except InputError as error:
        refusal = str(error)
    if (option := _FORMAT.search(refusal)) is not None:
        answered = _result(path, folder, option[1])
        return Row(path.name, f"asked; with --format {option[1]}: {answered.read}", *_rest(answered))
    if "keypoints, not SMPL" not in refusal and not path.is_dir():
        return _calibration(path) or Row(path.name, f"refused: {_short(refusal, path)}", fault="\n" in refusal)
    return _keypoints(path, folder)


def _rest(row: Row) -> tuple[str, str, str, bool]:
    return row.refined, row.written, row.reopened, row.fault


def _short(text: str, path: Path) -> str:
    return text.replace(f"{path}: ", "").replace(str(path.parent), "...")[:240]


def _calibration(path: Path) -> Row | None:
    if path.suffix != ".toml":
        return None
    cameras = load_calibration(path)
    return Row(path.name, f"calibration of {len(cameras)} cameras: {', '.join(cameras)}")


def _result(path: Path, folder: Path, format: str | None) -> Row:
    """A result, through the whole job."""
    people = load(path, format=format)
    first = people[0]
    in_image = all(person.camera is not None and person.frame == "camera" for person in people)
    own = all(person.keypoints is not None for person in people)
    keypoints = None if own else _own_keypoints(people, folder / "keypoints.npz", in_image=in_image)
    outcome = run(
        Job(path, keypoints=keypoints, format=format, output=folder / "out", write_video=False, write_page=False)
    )
    frames = sum(len(person) for person in people)
    rows = f"{len(people)} people, {frames} frames" if len(people) > 1 else f"{frames} frames"
    up = f", {first.world.up} up" if first.world is not None else ""
    read = f"{first.format}: {first.family}, {rows}, {first.frame}{up}"
    scores = [_score(refinement) for refinement in outcome.refinements]
    worse = [shown for shown, is_worse in scores if is_worse]
    source = first.source or path
    target = outcome.outputs.results
    what = "own keypoints" if own else "pixels" if in_image else "in space"
    return Row(
        path.name,
        read,
        f"{what}: {'; '.join(worse or [shown for shown, _ in scores][:3])}",
        target.name,
        reopened(first.format, source, target),
        bool(worse),
    )


def _own_keypoints(people: list[Estimate], path: Path, *, in_image: bool) -> Path:
    """Everybody's BODY_25 points with noise, as a plain npz: pixels, or points in the estimate's coordinates."""
    generator = np.random.default_rng(0)
    body = BodyModel.open()
    frames = np.unique(np.concatenate([person.frame_ids for person in people]))
    points = np.full((len(people), len(frames), 25, 2 if in_image else 3), np.nan)
    for index, person in enumerate(people):
        pose = pose_on_body(person, body)
        there = body.keypoints("body25", pose.rotations.numpy(), pose.pelvis.numpy(), np.zeros(body.num_betas))
        if in_image:
            assert person.camera is not None
            there = project_to_image(there, person.camera.K)
        noise = generator.normal(0, _NOISE_PX if in_image else _NOISE_M, there.shape)
        points[index, np.searchsorted(frames, person.frame_ids)] = there + noise
    confidence = np.isfinite(points).all(axis=-1).astype(np.float32)
    ids = np.array([person.track_id for person in people])
    np.savez(path, convention="body25", positions=points, confidence=confidence, frame_ids=frames, people=ids)
    return path


def _score(refinement: Refinement) -> tuple[str, bool]:
    """The error to the keypoints as read and refined, and whether it grew."""
    before = refinement.metrics.get("input") or refinement.metrics.get("calibrated") or {}
    after = refinement.metrics["refined"]
    name = _error_of(after)
    old, new = before.get(name, float("nan")), after[name]
    held = int((refinement.status == "held").sum())
    shown = f"{name} {old:.1f} -> {new:.1f}" + (f", {held} of {len(refinement.status)} held" if held else "")
    return shown, new > _WORSE * old + _SLACK


def _error_of(metrics: dict[str, float]) -> str:
    """The name of the error to the keypoints."""
    return next(name for name in metrics if "mpjpe" in name or "reprojection" in name)


def _keypoints(path: Path, folder: Path) -> Row:
    """A keypoint file, fitted; if it asks for a convention, in the one whose body fits its points best."""
    try:
        tracks, asked = load_tracks(path, image_size=_SIZE), ""
        fitted = _fitted(tracks[0])
    except InputError as error:
        choices = _CHOICES.search(str(error))
        answers = _answers(path, choices[1].split(", ")) if choices else ()
        best = min(answers, key=lambda each: _error(each[2]), default=None)
        if best is None:
            return Row(path.name, f"refused: {_short(str(error), path)}")
        choice, tracks, fitted = best
        asked = f"asked; with --keypoint-convention {choice}: "
    track = tracks[0]
    kind = "3D" if track.keypoints.is_3d else "2D"
    target = folder / "fitted.npz"
    save([fitted.refined], target)
    with np.load(target) as archive:
        shape = archive["body_pose"].shape
    return Row(
        path.name,
        f"{asked}{track.keypoints.convention}, {kind}, {len(tracks)} tracks, the first of {len(track)} frames",
        f"fitted: {_error_of(fitted.metrics['refined'])} {_error(fitted):.1f}",
        target.name,
        f"np.load: body_pose {shape}",
    )


def _answers(path: Path, choices: list[str]) -> Iterator[tuple[str, list[KeypointTrack], Refinement]]:
    """The file read and fitted with each convention that its points form a body in."""
    for choice in choices:
        with suppress(InputError):
            tracks = load_tracks(path, convention=choice, image_size=_SIZE)
            yield choice, tracks, _fitted(tracks[0])


def _fitted(track: KeypointTrack) -> Refinement:
    part = _middle(track.keypoints)
    camera = None if part.is_3d else Camera(default_intrinsics(*_SIZE, len(part.positions)), _SIZE)
    return Refiner().fit(part, camera=camera, fps=track.fps or 30.0)


def _error(fitted: Refinement) -> float:
    return fitted.metrics["refined"][_error_of(fitted.metrics["refined"])]


def _middle(keypoints: Keypoints) -> Keypoints:
    """The frames in the middle: people enter and leave at the ends."""
    first = max(0, (len(keypoints.positions) - _MAX_FITTED) // 2)
    rows = slice(first, first + _MAX_FITTED)
    return Keypoints(keypoints.convention, keypoints.positions[rows], keypoints.confidence[rows], "the middle")


if __name__ == "__main__":
    main()
