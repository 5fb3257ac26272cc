"""Contact: which feet stand on the ground, inferred from the motion if the file does not say it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import minimum_filter1d

from lsmplify_refine.geometry.smoothing import gaussian_mean, segments

#: Speed at which a foot is as likely to stand as not, m/s; the height over the floor, metres.
_SPEED, _HEIGHT_M = 0.3, 0.07
#: How steeply the probability falls about them.
_STEEPNESS = 4
#: Speeds are averaged over this time (standard deviation), so that jitter does not count; seconds.
_SPEED_SECONDS = 0.05
#: A foot's motion while it stands is averaged over this time (standard deviation), seconds.
_STEADY_SECONDS = 0.1
#: Keeps weighted means finite.
_NO_WEIGHT = 1e-12
#: The floor is as high as the lowest foot within this time before and after, seconds: stairs and slopes are floors too.
_FLOOR_SECONDS = 0.35


def contact_probability(
    feet: Float[np.ndarray, "frames 4 3"],
    rest_height: Float[np.ndarray, " 4"],
    *,
    up: int,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> Float[np.ndarray, "frames 4"]:
    """Probability that a foot stands on the ground from each frame to the next.

    A foot that slides slowly counts as standing. A fast one does not: it keeps its motion anyway.

    Args:
        feet: Joints of the feet in a world, metres.
        rest_height: Their heights when standing at rest, metres, from any zero.
        up: The vertical axis.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
    """
    height = feet[..., up] - (rest_height - rest_height.min())
    likely = np.zeros(height.shape)
    for rows in segments(frame_ids):
        steps = np.diff(feet[rows], axis=0, append=feet[rows][-1:])
        if len(steps) > 1:
            steps[-1] = steps[-2]
        speed = np.linalg.norm(gaussian_mean(steps, _SPEED_SECONDS * fps), axis=-1) * fps
        floor = minimum_filter1d(height[rows].min(1), 2 * round(_FLOOR_SECONDS * fps) + 1, mode="nearest")
        likely[rows] = _below(speed / _SPEED) * _below((height[rows] - floor[:, None]) / _HEIGHT_M)
    return likely


def steadied(
    feet: Float[np.ndarray, "frames 4 3"],
    still: Float[np.ndarray, "frames 4"],
    *,
    up: int,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> Float[np.ndarray, "frames 4 3"]:
    """The feet's motion without the jitter of those that stand: a foot that shakes on the ground should not shake.

    While a foot stands, its steps along the ground and its height become means over a few of the frames in which it
    stands, so that landing and leaving stay as abrupt as they are. What slides slides on.

    Args:
        feet: Joints of the feet in a world, metres.
        still: Probability that each stands from a frame to the next.
        up: The vertical axis.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.

    Returns:
        Places whose steps and heights are steady; along the ground their origin moves.
    """
    steady: np.ndarray = feet.copy()
    for rows in segments(frame_ids):
        stands = still[rows, :, None]
        steps = np.diff(feet[rows], axis=0)
        steps += stands[:-1] * (_mean_while(steps, stands[:-1], fps) - steps)
        steady[rows.start + 1 : rows.stop] = feet[rows.start] + np.cumsum(steps, axis=0)
        lasting = stands.copy()
        lasting[1:] = np.maximum(lasting[1:], stands[:-1])
        height = feet[rows, :, up : up + 1]
        steady[rows, :, up : up + 1] = height + lasting * (_mean_while(height, lasting, fps) - height)
    return steady


def _mean_while(
    values: Float[np.ndarray, "frames 4 axes"], weights: Float[np.ndarray, "frames 4 1"], fps: float
) -> Float[np.ndarray, "frames 4 axes"]:
    """Means over a few frames, weighted."""
    if not len(values):
        return values
    sigma = _STEADY_SECONDS * fps
    means: np.ndarray = gaussian_mean(values * weights, sigma) / (gaussian_mean(weights, sigma) + _NO_WEIGHT)
    return means


def _below(ratio: Float[np.ndarray, "frames 4"]) -> Float[np.ndarray, "frames 4"]:
    """Probability that falls from 1 through a half at ratio 1."""
    probability: np.ndarray = 1 / (1 + ratio**_STEEPNESS)
    return probability
