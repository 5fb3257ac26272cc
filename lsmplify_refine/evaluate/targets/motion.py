"""Synthetic people for `targets.rows`: recorded or generated motion, and estimates of it with known errors.

The true body is the open body, posed and shaped. The engine refines with the same body but does not know the shape, so
scores do not show how well the open body fits a real person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.learn.augment import estimator_error
from lsmplify_refine.learn.motion import TEST_SUBJECTS, find_takes, load_take

FPS = 30.0
#: R_to_from between worlds with y up and z up.
_Z_UP_FROM_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
#: An estimator's error: size of the joints' angles, and how far the root drifts (metres, one sigma).
_ERROR_RAD, _DRIFT_M = 0.1, 0.1
#: How slowly both change: standard deviation of the Gaussian that filters white noise.
_ERROR_SECONDS = 1.0
#: Shorter takes leave no room for gaps.
_MIN_FRAMES = 75


@dataclass(frozen=True)
class Motion:
    """A moving body, in any coordinate frame.

    Attributes:
        name: Name of the take.
        rotvec: (T, 24, 3) axis-angle rotations of SMPL's joints, radians.
        pelvis: (T, 3) position of the pelvis joint, metres.
        betas: (10,) shape of the open body.
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
        """(T, 3) translation of a SMPL model of the mean shape, as files store it."""
        transl: np.ndarray = self.pelvis - np.array(MEAN_REST_PELVIS["smpl"])
        return transl

    def keypoints(self, convention: str) -> np.ndarray:
        """(T, K, 3) true keypoints, metres."""
        return open_body().keypoints(convention, rotvec_to_rotmat(self.rotvec), self.pelvis, self.betas)

    def moved(self, rotation: np.ndarray, translation: Sequence[float] | np.ndarray) -> Motion:
        """The same motion after x -> rotation x + translation."""
        rotvec = self.rotvec.copy()
        rotvec[:, 0] = rotmat_to_rotvec(rotation @ rotvec_to_rotmat(rotvec[:, 0]))
        return replace(self, rotvec=rotvec, pelvis=self.pelvis @ rotation.T + np.asarray(translation))

    def far(self, times: float = 25.0) -> Motion:
        """The same motion at `times` the depth, so that a camera with a long focal length sees it."""
        return replace(self, pelvis=self.pelvis * [1.0, 1.0, times])

    def rows(self, chosen: slice | np.ndarray) -> Motion:
        """The chosen frames alone."""
        return replace(self, rotvec=self.rotvec[chosen], pelvis=self.pelvis[chosen])


@lru_cache(maxsize=1)
def open_body() -> BodyModel:
    """The open body, loaded once."""
    return BodyModel.open()


def recorded_motions(mocap: Path, maximum: int, seconds: float) -> list[Motion]:
    """Evenly chosen takes of the test subjects, cut to `seconds`, in a world with z up.

    Args:
        mocap: Folder in AMASS's layout.
        maximum: Maximum number of takes.
        seconds: Maximum length of each take.

    Raises:
        InputError: The folder has no take of a test subject that is long enough.
    """
    subjects = [path for name in TEST_SUBJECTS for path in sorted(mocap.rglob(name)) if path.is_dir()]
    takes = [load_take(path, fps=FPS) for subject in subjects for path in find_takes(subject)]
    takes = [take for take in takes if len(take) >= _MIN_FRAMES]
    if not takes:
        raise InputError(
            f"{mocap}: no take of {_MIN_FRAMES} frames or more of the test subjects {', '.join(TEST_SUBJECTS)}"
        )
    chosen = [takes[i] for i in np.linspace(0, len(takes) - 1, min(maximum, len(takes))).round().astype(int)]
    generator = np.random.default_rng(0)
    motions = []
    for take in chosen:
        rotvec = np.concatenate([take.rotvec, np.zeros((len(take), 2, 3))], 1).astype(np.float64)
        whole = Motion(take.name, rotvec, take.pelvis.astype(np.float64), generator.normal(0, 0.8, 10))
        motions.append(whole.rows(slice(round(seconds * FPS))).moved(_Z_UP_FROM_Y_UP, np.zeros(3)))
    return motions


def generated_motion(frames: int, *, seed: int = 0, fps: float = FPS) -> Motion:
    """A person who exercises while walking along x at half a metre per second; z up, facing -y."""
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
    """A motion with an estimator's errors: joint errors that change slowly, and a root that drifts.

    Args:
        motion: The true motion.
        seed: Seed of the errors.
        sign: (T,) factors on the errors of all joints but the root; a change of sign makes the error jump.
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
    """Low-pass white noise (T, ...) as a ring and scale it to a standard deviation of 1."""
    slow: np.ndarray = gaussian_filter1d(white, _ERROR_SECONDS * fps, axis=0, mode="wrap")
    slow /= slow.std()
    return slow
