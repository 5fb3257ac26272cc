"""A miniature of LucidAction made from motion: several sports, views and estimators, noisy 3D keypoints, and the truth.

The tree is that of the layout `lucidaction`. What the data set really holds is not public.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.evaluate.image_takes import Estimator, ImageTake, image_take, slow_noise
from lsmplify_refine.formats.load_save import save
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec
from lsmplify_refine.learn.motion import Take
from lsmplify_refine.values.smpl_joints import JOINTS

#: Eight sports, as the paper has; which ones is made up here.
SPORTS = ("badminton", "boxing", "diving", "fencing", "gymnastics", "judo", "skating", "tennis")
LEVELS = ("beginner", "intermediate", "advanced", "expert")
VIEWS = ("front", "left", "right")

#: One estimator that is smooth, and one that sees each frame on its own. The smooth one's acceleration error is about
#: 6 m/s^2, as GVHMR's on EMDB and RICH (Shen et al. 2024, table 2: 3 to 6).
KINDS = (Estimator("GVHMR", 0.13, 0.003), Estimator("SMPLest-X", 0.13, 0.02))

#: Noise of triangulated keypoints, metres: that wanders over `_SLOW_SECONDS`, and that is new in each frame.
_SLOW_M, _WHITE_M, _SLOW_SECONDS = 0.010, 0.008, 0.2
_CONVENTION = "body25"


def write_lucidaction(
    root: Path,
    takes: Sequence[Take],
    recordings: int,
    *,
    body: BodyModel | None = None,
    views: Sequence[str] = VIEWS,
    estimators: Sequence[Estimator] = KINDS,
) -> int:
    """Write recordings, each of the next sport and take, seen by every view and every estimator.

    Args:
        root: The data set's folder.
        takes: Motion with y up.
        recordings: How many.
        body: The body of the truth; the open one if not given.
        views: Names of the cameras.
        estimators: Their kinds of errors.

    Returns:
        How many clips, estimators counted apart.
    """
    body = body or BodyModel.open()
    for number in range(recordings):
        take = takes[number % len(takes)]
        level = LEVELS[number // len(SPORTS) % len(LEVELS)]
        place = f"{SPORTS[number % len(SPORTS)]}/{level}/{take.subject}/{number:03d}"
        for at, view in enumerate(views):
            for estimator in estimators:
                # the seed decides shape, camera and errors
                seed = len(views) * number + at
                seen = image_take(take, body, estimator, seed)
                estimate = seen.estimate.replace(keypoints=None)
                save([estimate], _new(root / "predictions" / estimator.name / place / f"{view}.npz"))
            true = rotmat_to_rotvec(seen.rotations[:, :JOINTS]).astype(np.float32)
            truth = estimate.replace(global_orient=true[:, 0], body_pose=true[:, 1:])
            save([truth], _new(root / "truth" / place / f"{view}.npz"))
            path = _new(root / "keypoints_3d" / place / f"{view}.npz")
            np.savez(path, convention=_CONVENTION, positions=_keypoints(seen, body, take.fps, seed))
    return recordings * len(views) * len(estimators)


def _keypoints(seen: ImageTake, body: BodyModel, fps: float, seed: int) -> np.ndarray:
    """(T, K, 3) of the true body in the view's camera, metres, with noise."""
    random = np.random.default_rng(seed)
    points = body.keypoints(_CONVENTION, seen.rotations, seen.pelvis, seen.betas)
    noise = _SLOW_M * slow_noise(random, points.shape, _SLOW_SECONDS * fps)
    noisy: np.ndarray = (points + noise + _WHITE_M * random.normal(0, 1, points.shape)).astype(np.float32)
    return noisy


def _new(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
