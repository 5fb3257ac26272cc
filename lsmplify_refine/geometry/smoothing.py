"""Smoothing: low-pass the correction (refined minus input), never the motion.

A zero-phase Gaussian over time in seconds. It reaches neither across gaps of the track nor past its ends.
"""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import gaussian_filter1d


def segments(frame_ids: Int[np.ndarray, " frames"]) -> list[slice]:
    """Runs of consecutive frames, as row slices."""
    cuts = np.flatnonzero(np.diff(frame_ids) != 1) + 1
    edges = [0, *cuts.tolist(), len(frame_ids)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def odd_window(seconds: float, fps: float) -> int:
    """Frames of a window of about this length that has a middle frame."""
    return 2 * round(seconds * fps / 2) + 1


def gaussian_mean(values: Float[np.ndarray, " frames *rest"], sigma: float) -> Float[np.ndarray, " frames *rest"]:
    """Gaussian means over consecutive rows, the ends repeated; `sigma` is in rows."""
    means: np.ndarray = gaussian_filter1d(values, sigma, axis=0, mode="nearest")
    return means


def smooth(
    values: Float[np.ndarray, " frames *rest"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    seconds: float,
    weights: Float[np.ndarray, " frames *leading"] | None = None,
) -> Float[np.ndarray, " frames *rest"]:
    """Low-pass a correction.

    Args:
        values: (T, ...) correction in a vector space (rotation vectors, metres).
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
        seconds: Standard deviation of the Gaussian; 0 leaves the values unchanged.
        weights: (T,) or (T, ...) how much each row counts (normalised convolution), or None for equally.

    Returns:
        (T, ...) the smoothed correction.
    """
    sigma = seconds * fps
    if sigma <= 0:
        return values
    smoothed = np.empty_like(values)
    for rows in segments(frame_ids):
        if weights is None:
            smoothed[rows] = gaussian_mean(values[rows], sigma)
            continue
        share = np.maximum(weights[rows], 1e-6)
        share = np.broadcast_to(share.reshape(share.shape + (1,) * (values.ndim - share.ndim)), values[rows].shape)
        total = gaussian_mean(values[rows] * share, sigma)
        smoothed[rows] = total / gaussian_mean(share.astype(values.dtype), sigma)
    return smoothed
