"""Noise levels: how much each witness of a motion shakes, and how fast the motion is, read from the track itself.

People move below a few Hz; noise is flat. So the sixth difference of a path is noise, and the third difference of the
smoothed fit is motion. Both are local in time: a serve is not a stand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import uniform_filter1d
from scipy.special import comb

#: Noise is read at about this rate, so that noise which lasts for some frames of a fast camera counts as noise.
_READING_HZ = 30.0
_NOISE_SECONDS = 1.0
#: A swing is shorter than the noise is steady.
_MOTION_SECONDS = 0.4
#: Order of difference that people's motion hardly reaches, and the one whose scale the prior of the motion needs.
_NOISE_ORDER, MOTION_ORDER = 6, 3
#: Variance of a difference of white noise over the noise's own.
_NOISE_GAIN, _MOTION_GAIN = (float(comb(2 * order, order)) for order in (_NOISE_ORDER, MOTION_ORDER))
#: Single peaks (an outlier, an impact) count at most this many times the track's median.
_MAX_NOISE_PEAK, _MAX_MOTION_PEAK = 10.0, 30.0
#: The smoothed fit keeps about a twelfth of the energy of fast swings.
_UNSMOOTHED = 12.0
#: Without an estimate nothing else shows the motion, and errors of neighbouring fits are alike: they start from one
#: another. Read on recorded motion with noisy keypoints.
_UNSMOOTHED_ALONE, _FIT_REPEATS_ALONE = 150.0, 16.0
#: How much of a quiet estimate's own energy counts as motion; more than all, for its scale is a prior's.
_QUIET_MOTION = 5.0
#: Errors of a fit last for some frames, so it shows less than as many independent fits.
_FIT_REPEATS = 2.0
#: Lowest variance of a fit, rad^2 or m^2, and of the motion's third difference: keeps the weights finite.
_MIN_FIT, _MIN_MOTION = 1e-5, 1e-12


@dataclass(frozen=True)
class NoiseLevels:
    """Variances per coordinate of some parts (joints, or axes of the pelvis), rad^2 or m^2.

    Attributes:
        estimate: White noise of the estimate; 0 where it is quiet.
        fit: Noise of each frame's fit.
        motion: Of the third difference of the motion, per frame.
    """

    estimate: Float[np.ndarray, "frames parts"]
    fit: Float[np.ndarray, "frames parts"]
    motion: Float[np.ndarray, "frames parts"]


def reading_step(fps: float) -> int:
    """Frames between two readings of a path."""
    return max(1, round(fps / _READING_HZ))


def min_frames(fps: float) -> int:
    """Frames that a track needs to show its noise."""
    return _NOISE_ORDER * reading_step(fps) + 2


def read_noise_levels(
    increments: Float[np.ndarray, "steps 3 parts axes"],
    *,
    frames: int,
    fps: float,
    quiet: Float[np.ndarray, " parts"],
    alone: bool = False,
) -> NoiseLevels:
    """Read the noise levels of joints, or of axes of the pelvis.

    Args:
        increments: Over `reading_step(fps)` frames, radians or metres: the estimate's, those of each frame's own fit,
            and those of the fit after a low-pass.
        frames: T, frames of the track; at least `min_frames(fps)`.
        fps: Frames per second.
        quiet: Variance of an estimate's noise, rad^2 or m^2, up to which nobody sees it. Such an estimate is smooth by
            construction: what it shows is motion.
        alone: Whether there is no estimate.
    """
    step = reading_step(fps)
    unsmoothed, repeats = (_UNSMOOTHED_ALONE, _FIT_REPEATS_ALONE) if alone else (_UNSMOOTHED, _FIT_REPEATS)

    def energy(
        paths: Float[np.ndarray, "steps paths parts axes"], order: int, seconds: float, peak: float
    ) -> np.ndarray:
        return _local_energy(_further(paths, order - 1, step), frames, round(seconds * fps), peak)

    shaking, scatter = energy(increments[:, :2], _NOISE_ORDER, _NOISE_SECONDS, _MAX_NOISE_PEAK) / _NOISE_GAIN
    own, fitted, motion = energy(increments, MOTION_ORDER, _MOTION_SECONDS, _MAX_MOTION_PEAK)
    motion = unsmoothed * motion
    # noise of longer waves, which the sixth difference misses
    loud = np.clip(shaking / quiet - 1, 0, 1)
    shaking = loud * np.maximum(shaking, (own - motion) / _MOTION_GAIN)
    scatter = np.maximum(np.maximum(scatter, (fitted - motion) / _MOTION_GAIN), _MIN_FIT)
    motion = np.maximum(motion, (1 - loud) * _QUIET_MOTION * own)
    # readings are `step` frames apart; so long is their noise taken to last
    return NoiseLevels(
        step * shaking,
        step * repeats * scatter,
        np.maximum(motion / step ** (2 * MOTION_ORDER), _MIN_MOTION),
    )


def unread_noise_levels(frames: int, parts: int) -> NoiseLevels:
    """Levels of a track too short to show them: the estimate counts as quiet, the motion as free."""
    every = np.ones((frames, parts))
    return NoiseLevels(0.0 * every, _FIT_REPEATS * _MIN_FIT * every, every)


def _further(
    values: Float[np.ndarray, "steps paths parts axes"], times: int, step: int
) -> Float[np.ndarray, "fewer paths parts axes"]:
    for _ in range(times):
        values = values[step:] - values[:-step]
    return values


def _local_energy(
    values: Float[np.ndarray, "some paths parts axes"], frames: int, window: int, peak: float
) -> Float[np.ndarray, "paths frames parts"]:
    """Mean square per coordinate over a window about each frame."""
    square = np.square(values).mean(-1)
    square = np.minimum(square, peak * np.median(square, axis=0) + 1e-14)
    before = (frames - len(square)) // 2
    mean: np.ndarray = uniform_filter1d(square, window | 1, axis=0, mode="nearest")
    padded = np.pad(mean, ((before, frames - len(square) - before), (0, 0), (0, 0)), mode="edge")
    return np.moveaxis(padded, 1, 0)
