"""Motions, estimates of them and keypoints of them, for `benchmark_targets.py` and the acceptance tests.

The truth is a posed, shaped open body; estimates have slowly changing errors; keypoints have noise, gaps and their own
room. The engine sees the same body (its shape unknown), so figures say nothing of how well that body fits a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import roma
import torch
from scipy.ndimage import gaussian_filter1d

from lsmplify_refine import BodyModel, Estimate
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.learn.augment import estimator_error
from lsmplify_refine.learn.motion import TEST_SUBJECTS, find_takes, load_take
from lsmplify_refine.values.camera import CalibratedCamera
from lsmplify_refine.values.conventions import CONVENTIONS

FPS = 30.0
#: Names of the scores, with unit, joint set and alignment. The last has one rotation for the take taken out, which
#: keypoints of another frame cannot tell.
MPJPE, PVE, TURNED = "mpjpe_mm_smpl22_pelvis", "pve_mm_pelvis", "pve_mm_pelvis_take_rotation"
#: R_to_from between worlds with y up and z up, and from the z-up world to a level camera that looks along its y.
_Z_UP_FROM_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
CAMERA_FROM_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
#: An estimator's error: size of the joints' angles, and how far the root drifts (metres, one sigma).
_ERROR_RAD, _DRIFT_M = 0.1, 0.1
#: How slowly both change: standard deviation of the Gaussian that white noise is filtered by.
_ERROR_SECONDS = 1.0
#: Takes shorter than this leave no room for gaps.
_SHORTEST = 75


@dataclass(frozen=True)
class Motion:
    """A body that moves, in any frame.

    Attributes:
        name: Of the take.
        rotvec: (T, 24, 3) axis-angle of SMPL's joints, radians.
        pelvis: (T, 3) metres.
        betas: (10,) of the open body.
        fps: Frames per second.
    """

    name: str
    rotvec: np.ndarray
    pelvis: np.ndarray
    betas: np.ndarray
    fps: float = FPS

    def __len__(self) -> int:
        return len(self.pelvis)

    @property
    def transl(self) -> np.ndarray:
        """(T, 3) of a SMPL model of the mean shape, as files have it."""
        return self.pelvis - np.array(MEAN_REST_PELVIS["smpl"])

    def keypoints(self, convention: str) -> np.ndarray:
        """(T, K, 3) metres."""
        return open_body().keypoints(convention, rotvec_to_rotmat(self.rotvec), self.pelvis, self.betas)

    def moved(self, rotation: np.ndarray, translation: Sequence[float] | np.ndarray) -> Motion:
        """The same in the frame of x -> rotation x + translation."""
        rotvec = self.rotvec.copy()
        rotvec[:, 0] = rotmat_to_rotvec(rotation @ rotvec_to_rotmat(rotvec[:, 0]))
        return replace(self, rotvec=rotvec, pelvis=self.pelvis @ rotation.T + np.asarray(translation))

    def far(self, times: float = 25.0) -> Motion:
        """So many times as far from the camera, on the same rays."""
        return replace(self, pelvis=self.pelvis * [1.0, 1.0, times])

    def rows(self, chosen: slice | np.ndarray) -> Motion:
        """Some of its frames."""
        return replace(self, rotvec=self.rotvec[chosen], pelvis=self.pelvis[chosen])


@lru_cache(maxsize=1)
def open_body() -> BodyModel:
    """The open body, loaded once."""
    return BodyModel.open()


def recorded_motions(mocap: Path, most: int, seconds: float) -> list[Motion]:
    """The test subjects' takes below a folder in AMASS's layout: evenly chosen, cut, in a world with z up."""
    subjects = [path for name in TEST_SUBJECTS for path in sorted(mocap.rglob(name)) if path.is_dir()]
    takes = [load_take(path, fps=FPS) for subject in subjects for path in find_takes(subject)]
    takes = [take for take in takes if len(take) >= _SHORTEST]
    if not takes:
        raise SystemExit(f"{mocap}: no takes of the test subjects {', '.join(TEST_SUBJECTS)}")
    chosen = [takes[i] for i in np.linspace(0, len(takes) - 1, min(most, len(takes))).round().astype(int)]
    generator = np.random.default_rng(0)
    motions = []
    for take in chosen:
        rotvec = np.concatenate([take.rotvec, np.zeros((len(take), 2, 3))], 1).astype(np.float64)
        whole = Motion(take.name, rotvec, take.pelvis.astype(np.float64), generator.normal(0, 0.8, 10))
        motions.append(whole.rows(slice(round(seconds * FPS))).moved(_Z_UP_FROM_Y_UP, np.zeros(3)))
    return motions


def generated_motion(frames: int, *, seed: int = 0, fps: float = FPS) -> Motion:
    """Somebody who exercises while walking along x at half a metre per second; z up, facing -y."""
    generator = np.random.default_rng(seed)
    time = np.arange(frames) / fps
    phase = 2 * np.pi * (0.6 * time + generator.uniform())
    rotvec = np.zeros((frames, 24, 3))
    rotvec[:, 0] = rotmat_to_rotvec(_Z_UP_FROM_Y_UP @ rotvec_to_rotmat(np.outer(0.3 * np.sin(phase / 2), [0, 1.0, 0])))
    for side, sign in ((0, 1.0), (1, -1.0)):
        rotvec[:, 1 + side, 0] = -0.4 + 0.4 * sign * np.sin(phase)
        rotvec[:, 4 + side, 0] = 0.7 - 0.5 * sign * np.sin(phase)
        rotvec[:, 16 + side, 2] = -sign * (0.7 + 0.4 * np.cos(phase))
        rotvec[:, 18 + side, 1] = -sign * (0.9 + 0.5 * np.sin(phase + side))
    pelvis = np.stack([0.5 * (time - time.mean()), 0.1 * np.sin(phase), 0.93 + 0.03 * np.cos(2 * phase)], 1)
    return Motion(f"generated {seed}", rotvec, pelvis, generator.normal(0, 0.8, 10), fps)


def estimated(motion: Motion, *, seed: int = 0, sign: np.ndarray | None = None) -> Motion:
    """A motion as an estimator may give it: joints wrong for a while, whole limbs at once; a root that drifts.

    Args:
        motion: The truth.
        seed: Of the error.
        sign: (T,) factors on the error of all joints but the root, which make it jump.
    """
    generator = torch.Generator().manual_seed(seed)
    turn = estimator_error(len(motion), 1.0, generator).numpy()
    turn, drift = (
        _slow(white, motion.fps) for white in (turn, torch.randn(len(motion), 3, generator=generator).numpy())
    )
    turn *= _ERROR_RAD
    turn[:, 1:] *= 1.0 if sign is None else sign[:, None, None]
    rotvec = motion.rotvec.copy()
    rotvec[:, :22] = rotmat_to_rotvec(rotvec_to_rotmat(rotvec[:, :22]) @ rotvec_to_rotmat(turn))
    return replace(motion, rotvec=rotvec, pelvis=motion.pelvis + _DRIFT_M * drift)


def _slow(white: np.ndarray, fps: float) -> np.ndarray:
    """White noise (T, ...) low-passed as a ring, standard deviation 1 in every column's own unit."""
    slow = gaussian_filter1d(white, _ERROR_SECONDS * fps, axis=0, mode="wrap")
    return slow / slow.std()


def seen_in_room(motion: Motion, convention: str, *, noise_m: float, gaps: bool, seed: int = 0) -> np.ndarray:
    """3D keypoints (T, K, 3) in a laboratory's own frame, y up, turned and elsewhere; NaN where missing.

    With gaps, nothing is there for 15 frames, no left arm for another 20, and a tenth of the points is missing.
    """
    generator = np.random.default_rng(seed)
    points = motion.keypoints(convention) @ rotvec_to_rotmat([-1.4, 0.5, 2.0]).T + np.array([3.0, 0.4, -2.0])
    points = points + generator.normal(0, noise_m, points.shape)
    if gaps:
        points[generator.random(points.shape[:2]) < 0.1] = np.nan
        first = len(points) // 3
        points[first : first + 15] = np.nan
        names = CONVENTIONS[convention].points
        arm = [i for i, name in enumerate(names) if name in ("left_elbow", "left_wrist")]
        points[first + 20 : first + 40, arm] = np.nan
    return points


def crossing(one: Motion, other: Motion) -> tuple[Motion, Motion]:
    """Two motions of one length as two people before a level camera who walk past each other, 0.8 m apart."""
    path = np.linspace(-1.2, 1.2, len(one))
    placed = []
    for motion, direction, depth in ((one, 1.0, 4.6), (other, -1.0, 5.4)):
        seen = motion.moved(CAMERA_FROM_Z_UP, np.zeros(3))
        away = np.stack([direction * path, 0 * path, depth + 0 * path], 1)
        placed.append(replace(seen, pelvis=seen.pelvis - seen.pelvis.mean(0) + away))
    return placed[0], placed[1]


def cameras_around(motion: Motion, distance_m: float = 4.0) -> dict[str, CalibratedCamera]:
    """Three full-HD cameras of focal length 1500 px with real lenses, about the middle of a z-up motion's path."""
    middle = motion.keypoints("body25").reshape(-1, 3).mean(0)
    cameras = {}
    for name, degrees in (("01", -40.0), ("02", 20.0), ("03", 80.0)):
        angle = np.radians(degrees)
        centre = middle + distance_m * np.array([np.sin(angle), -np.cos(angle), 0.15])
        forward = (middle - centre) / np.linalg.norm(middle - centre)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward])
        K = np.array([[1500.0, 0, 960], [0, 1500.0, 540], [0, 0, 1]])
        cameras[name] = CalibratedCamera(name, K, R, -R @ centre, np.array([-0.1, 0.02, 0.001, -0.001, 0.0]))
    return cameras


def errors_mm(estimate: Estimate, truth: Motion) -> dict[str, np.ndarray]:
    """The scores (T,) of a file's pose against the truth's same frames, both on the true shape, pelvis-aligned."""
    poses = pose_on_body(estimate, open_body()).rotations.numpy(), rotvec_to_rotmat(truth.rotvec[estimate.frame_ids])
    still = np.zeros((len(estimate), 3))
    joints = [open_body().joints(rotations, still, truth.betas)[:, :22] for rotations in poses]
    vertices = [_mesh().keypoints("vertices", rotations, still, truth.betas) for rotations in poses]
    given, true = (torch.as_tensor(points).double() for points in vertices)
    turn = roma.special_procrustes(torch.einsum("tvi,tvj->ij", true, given)).numpy()
    compared = {MPJPE: joints, PVE: vertices, TURNED: (vertices[0] @ turn.T, vertices[1])}
    return {name: 1000 * np.linalg.norm(a - b, axis=-1).mean(1) for name, (a, b) in compared.items()}


@lru_cache(maxsize=1)
def _mesh() -> BodyModel:
    """Vertices that stand for the mesh, evenly spread over its list."""
    body = open_body()
    return body.with_vertices_as_keypoints(np.linspace(0, int(body.faces.max()), 500).astype(int))
