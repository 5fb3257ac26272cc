"""Judge `fit` from outside: files in, the command, its written files back, compared with what is known.

A recorded motion gives points in any convention and room, whose joints are known. Of several cameras' keypoints, one
camera is held out: it judges the triangulation of the others and the body that was fitted to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.errors import InputError
from lsmplify_refine.evaluate.multiview.protocol import LIMBS
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, axis_turn
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.keypoint_files.cameras import load_calibration
from lsmplify_refine.keypoint_files.multi_view import triangulate_people
from lsmplify_refine.learn.motion import Take
from lsmplify_refine.safe_load import load_npz
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.smpl_joints import JOINTS

#: Conventions of the table.
CONVENTIONS_TRIED = ("body25", "mediapipe33", "h36m17", "smpl24", "smpl22", "kinect25")
#: Noise of the points, metres.
_NOISE_M = 0.01
#: Runs the command with these arguments and returns its exit code.
Command = Callable[[Sequence[str]], int]


@dataclass(frozen=True)
class KnownMotion:
    """A motion whose joints are known, and noisy points of it, in metres with y up.

    Attributes:
        joints: (T, 22, 3).
        keypoints: Its points in some convention.
        fps: Frames per second.
    """

    joints: np.ndarray
    keypoints: Keypoints
    fps: float


@dataclass(frozen=True)
class HeldOut:
    """Errors in a camera that was held out, pixels, weighted by its own confidence.

    Attributes:
        triangulated: Of the other cameras' triangulated points.
        fitted: Of the fitted body, at the same points.
    """

    triangulated: float
    fitted: float


def known_motion(take: Take, convention: str, seed: int) -> KnownMotion:
    """A take by a random person, with noisy points."""
    generator = np.random.default_rng(seed)
    body, betas = BodyModel.open(), generator.normal(0, 1, 10)
    rotvec = np.zeros((len(take), body.joint_count, 3))
    rotvec[:, : take.rotvec.shape[1]] = take.rotvec
    rotations = rotvec_to_rotmat(rotvec)
    pelvis = take.pelvis.astype(np.float64)
    points = body.keypoints(convention, rotations, pelvis, betas)
    points = points + generator.normal(0, _NOISE_M, points.shape)
    joints = body.joints(rotations, pelvis, betas)[:, :JOINTS]
    return KnownMotion(joints, Keypoints(convention, points, np.ones(points.shape[:2])), take.fps)


def error_in_python(refiner: Refiner, known: KnownMotion) -> float:
    """MPJPE, mm, without any alignment, of `Refiner.fit` on the points in metres with y up."""
    return _mpjpe_mm(refiner.fit(known.keypoints, fps=known.fps).after.joints(), known.joints)


def error_by_command(command: Command, known: KnownMotion, folder: Path) -> float:
    """The same of the files that the command writes for points in millimetres with z up.

    Raises:
        InputError: The command failed.
    """
    turn = axis_turn("y", "z")
    source = folder / f"{known.keypoints.convention}.npz"
    positions = known.keypoints.positions @ turn.T * 1000
    np.savez(source, convention=known.keypoints.convention, positions=positions)
    _run(command, ["fit", str(source), "--fps", f"{known.fps:g}"])
    return _mpjpe_mm(_FittedFile(source).joints(), known.joints @ turn.T)


def held_out(
    command: Command, views: Mapping[str, Keypoints], calibration: Path, name: str, fps: float, folder: Path
) -> HeldOut:
    """Errors in one camera of what the others say, at the limbs' points.

    Args:
        command: Runs the command.
        views: Each camera's keypoints, in the same frames.
        calibration: Of all cameras.
        name: The camera that is held out.
        fps: Frames per second.
        folder: To write to.

    Raises:
        InputError: The command failed.
    """
    source = folder / f"without_{name}"
    source.mkdir()
    for other, view in views.items():
        if other != name:
            content = {"convention": view.convention, "positions": view.positions, "confidence": view.confidence}
            np.savez(source / f"{other}.npz", **content)  # type: ignore[arg-type]
    _run(command, ["fit", str(source), "--calibration", str(calibration), "--fps", f"{fps:g}"])
    fitted = _FittedFile(source)
    (found,) = triangulate_people(source, calibration)
    points = found.rows(fitted.frame_ids)
    judge, camera = views[name], load_calibration(calibration)[name]
    limbs = [CONVENTIONS[judge.convention].points.index(point) for point in LIMBS]
    rows = fitted.frame_ids
    weight = (judge.confidence[rows] * (points.confidence > 0))[:, limbs]

    def error_px(positions: np.ndarray) -> float:
        off = camera.project(positions)[:, limbs] - judge.positions[rows][:, limbs]
        return float((np.linalg.norm(off, axis=-1) * weight).sum() / weight.sum())

    return HeldOut(error_px(points.positions), error_px(fitted.keypoints(judge.convention)))


class _FittedFile:
    """The body in the files that `fit` wrote beside a keypoint file: parameters of SMPL, and the report's shape."""

    def __init__(self, source: Path) -> None:
        arrays = load_npz(source.with_name(f"{source.stem}_fit.npz"))
        report = json.loads(source.with_name(f"{source.stem}_fit_report.json").read_text(encoding="utf-8"))
        (person,) = report["people"]
        self._betas, self._scale = np.array(person["shape"]["betas"]), float(person["shape"]["scale"])
        pose = np.hstack([arrays["global_orient"], arrays["body_pose"]]).astype(np.float64)
        self._rotations = rotvec_to_rotmat(pose.reshape(len(pose), -1, 3))
        self._pelvis = arrays["transl"] + np.array(MEAN_REST_PELVIS["smpl"])
        self.frame_ids = arrays["frame_ids"]

    def joints(self) -> np.ndarray:
        """(T, 22, 3) metres."""
        return BodyModel.open().joints(self._rotations, self._pelvis, self._betas, self._scale)[:, :JOINTS]

    def keypoints(self, convention: str) -> np.ndarray:
        """(T, K, 3) metres."""
        return BodyModel.open().keypoints(convention, self._rotations, self._pelvis, self._betas, self._scale)


def _run(command: Command, arguments: Sequence[str]) -> None:
    code = command([*arguments, "--no-video"])
    if code != 0:
        raise InputError(f"lsmplify-refine {' '.join(arguments)}: exit code {code}")


def _mpjpe_mm(found: np.ndarray, true: np.ndarray) -> float:
    return float(1000 * np.linalg.norm(found[:, :JOINTS] - true, axis=-1).mean())
