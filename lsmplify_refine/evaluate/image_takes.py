"""Whole takes before a simulated camera: an estimator's result with its kind of error, and a detector's 2D keypoints.

Takes differ only in what the estimator's kind says: camera, shape, slow error and keypoints of a take are the same.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from lsmplify_refine.body import BodyModel
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, axis_turn
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.learn.motion import Take
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.smpl_joints import JOINTS

_CONVENTION = "coco17"
_IMAGE_SIZE = (1280, 960)
_FOCAL_PX = (900.0, 1600.0)
_DISTANCE_M = (3.5, 6.0)
#: Nearest that anybody comes to the camera, metres.
_MIN_DEPTH_M = 1.8
_TILT_RAD = (-0.05, 0.25)
#: How slowly an estimator's slow error and a detector's change: standard deviations of Gaussians, seconds.
_SLOW_SECONDS, _DETECTOR_SECONDS = 0.7, 0.2
#: Shares of the slow error that stay and that change; the root's error is smaller than the joints'.
_CONSTANT, _CHANGING, _ROOT = 0.66, 0.75, 0.6
#: Slow error of the pelvis across the view and in depth, as shares of the distance.
_PELVIS_ERROR = np.array([0.015, 0.015, 0.06])
#: White error of the pelvis, metres for each radian of the joints'.
_PELVIS_JITTER_M = np.array([0.1, 0.1, 0.8])
#: A detector's noise as shares of the person's height in the image: slow, and anew in each frame.
_DETECTOR_SLOW, _DETECTOR_WHITE = 0.008, 0.005
#: Share of keypoints at which a slip begins, its length in frames at 30 per second, and its size.
_SLIPS, _SLIP_FRAMES, _SLIP_SIZE = 0.003, (2, 9), 0.12
_CONFIDENCE = (0.88, 0.06)


@dataclass(frozen=True)
class Estimator:
    """A kind of estimator.

    Attributes:
        name: In the table.
        slow_rad: Standard deviation of the joints' slow error, per axis, radians.
        white_rad: The same for the error that is independent in each frame.
    """

    name: str
    slow_rad: float
    white_rad: float


#: From video estimators such as GVHMR (smooth) to ones that see each frame on its own; wild ones have no slow error.
ESTIMATORS = (
    Estimator("smooth", 0.13, 0.0),
    Estimator("jittery", 0.13, 0.02),
    Estimator("very jittery", 0.13, 0.05),
    Estimator("wild", 0.0, 0.15),
)


@dataclass(frozen=True, eq=False)
class ImageTake:
    """A take before a camera.

    Attributes:
        estimate: An estimator's result with a detector's keypoints and the camera.
        rotations: The true rotations (T, J, 3, 3), in camera coordinates.
        pelvis: The true pelvis (T, 3), there.
        betas: The true shape.
    """

    estimate: Estimate
    rotations: np.ndarray
    pelvis: np.ndarray
    betas: np.ndarray


def image_take(take: Take, body: BodyModel, estimator: Estimator, seed: int) -> ImageTake:
    """Show a take to a camera, a detector and an estimator; the same seed gives the same result.

    Args:
        take: Motion with y up.
        body: The body of the truth.
        estimator: The kind of error.
        seed: Seed of all random values; the take's name is added to it.
    """
    count = len(take)
    betas = _random(seed, take, "shape").normal(0, 1, 10)
    rotations, pelvis, camera = _before_camera(take, body.joint_count, seed)
    points = body.keypoints(_CONVENTION, rotations, pelvis, betas)
    keypoints = _detected(project_to_image(points, camera.K), take, seed)
    turn, shift = _errors(take, estimator, pelvis, seed)
    wrong = rotations[:, :JOINTS] @ rotvec_to_rotmat(turn)
    rotvec = rotmat_to_rotvec(wrong).astype(np.float32)
    estimate = Estimate(
        "smplx",
        "neutral",
        rotvec[:, 0],
        rotvec[:, 1:],
        np.zeros((count, 10), np.float32),
        (pelvis + shift - MEAN_REST_PELVIS["smplx"]).astype(np.float32),
        camera=camera,
        fps=take.fps,
        keypoints=keypoints,
    )
    return ImageTake(estimate, rotations, pelvis, betas)


def _random(seed: int, take: Take, purpose: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(f"{seed} {take.name} {purpose}".encode()))


def _before_camera(take: Take, joint_count: int, seed: int) -> tuple[np.ndarray, np.ndarray, Camera]:
    """Rotations (T, J, 3, 3) and pelvis (T, 3) in the coordinates of a random still camera, and the camera."""
    random, count = _random(seed, take, "camera"), len(take)
    around = rotvec_to_rotmat(np.array([0.0, random.uniform(0, 2 * np.pi), 0.0]))
    tilt = rotvec_to_rotmat(np.array([random.uniform(*_TILT_RAD), 0.0, 0.0]))
    view = tilt @ axis_turn("y", "camera") @ around
    rotations = np.tile(np.eye(3), (count, joint_count, 1, 1))
    rotations[:, :JOINTS] = rotvec_to_rotmat(take.rotvec.astype(np.float64))
    rotations[:, 0] = view @ rotations[:, 0]
    pelvis = (take.pelvis - take.pelvis.mean(0)) @ view.T
    pelvis[:, 2] += max(random.uniform(*_DISTANCE_M), _MIN_DEPTH_M - float(pelvis[:, 2].min()))
    focal, (width, height) = random.uniform(*_FOCAL_PX), _IMAGE_SIZE
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return rotations, pelvis, Camera(np.tile(K, (count, 1, 1)), _IMAGE_SIZE)


def _detected(pixels: np.ndarray, take: Take, seed: int) -> Keypoints:
    """A detector's keypoints: noise that wanders, noise of each frame, and slips that last for a moment."""
    random, shape = _random(seed, take, "detector"), pixels.shape[:2]
    height = float(np.median(np.ptp(pixels[..., 1], axis=1)))
    noise = _DETECTOR_SLOW * slow_noise(random, pixels.shape, _DETECTOR_SECONDS * take.fps)
    noise += _DETECTOR_WHITE * random.normal(0, 1, pixels.shape)
    confidence = random.normal(*_CONFIDENCE, shape)
    for frame, point in np.argwhere(random.random(shape) < _SLIPS):
        rows = slice(frame, frame + max(1, round(random.integers(*_SLIP_FRAMES) * take.fps / 30)))
        noise[rows, point] += _SLIP_SIZE * random.normal(0, 1, 2)
        confidence[rows, point] *= random.uniform(0.4, 1.0)
    positions = (pixels + height * noise).astype(np.float32)
    return Keypoints(_CONVENTION, positions, np.clip(confidence, 0.3, 1.0).astype(np.float32), "simulated")


def _errors(take: Take, estimator: Estimator, pelvis: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An estimator's errors: rotation vectors (T, 22, 3) and pelvis shifts (T, 3)."""
    slow, white = _random(seed, take, "slow error"), _random(seed, take, "white error")
    shape, rows = (len(take), JOINTS, 3), _SLOW_SECONDS * take.fps
    turn = _CONSTANT * slow.normal(0, 1, shape[1:]) + _CHANGING * slow_noise(slow, shape, rows)
    turn[:, 0] *= _ROOT
    place = _CONSTANT * slow.normal(0, 1, 3) + _CHANGING * slow_noise(slow, pelvis.shape, rows)
    jitter = estimator.white_rad * white.normal(0, 1, shape)
    shake = estimator.white_rad * _PELVIS_JITTER_M * white.normal(0, 1, pelvis.shape)
    return estimator.slow_rad * turn + jitter, _PELVIS_ERROR * pelvis[:, 2:] * place + shake


def slow_noise(random: np.random.Generator, shape: tuple[int, ...], rows: float) -> np.ndarray:
    """White noise of a shape (T, ...), low-passed by a Gaussian of `rows`, with variance 1."""
    ends = int(np.ceil(4 * rows))
    white = random.normal(0, 1, (shape[0] + 2 * ends, *shape[1:]))
    # a Gaussian leaves this share of the variance
    white *= np.sqrt(2 * np.sqrt(np.pi) * rows)
    slow: np.ndarray = gaussian_filter1d(white, rows, axis=0)[ends : ends + shape[0]]
    return slow
