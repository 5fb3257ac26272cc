"""Rigid fits: robust rotation, translation and scale between two moving point sets, per track or per frame.

A fit needs only weighted moments of the points (Umeyama, "Least-squares estimation of transformation parameters
between two point patterns", 1991). So frames are pooled by adding moments: all of them for one transform per track,
near ones for a transform that changes with time. Outliers lose their weight by reweighting (Geman-McClure).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import roma
import torch
from jaxtyping import Bool, Float, Int, Real
from scipy.spatial.transform import Rotation, Slerp

from lsmplify_refine.geometry.robust import robust_weight
from lsmplify_refine.geometry.smoothing import gaussian_mean, segments

#: Scope of a transform: the whole track; one rotation for the track and a translation per frame; or one frame.
Per = Literal["track", "place", "frame"]

#: Frames pooled for a transform that may change with time: standard deviation in seconds.
_POOL_SECONDS = 0.1
#: Points nearer than this to their fit are never outliers, metres.
_MIN_RADIUS_M = 0.05
#: Max distance of a point from its frame's median point, as a multiple of the track's median distance.
_MAX_REACH = 3.0
#: Points nearer to it than this never are too far: three points at a neck do not make the hips far, metres.
_MIN_REACH_M = 0.8
#: A rotation needs at least this many points per frame, and this standard deviation about a line.
_MIN_POINTS, _MIN_SPREAD_M = 2.0, 0.03
#: Points with less weight than this are not counted.
_MIN_TRUST = 0.02
_ITERATIONS = 8


@dataclass(frozen=True)
class Rigid:
    """x -> scale * rotation @ x + translation, per frame.

    Attributes:
        rotation: (T, 3, 3).
        translation: (T, 3).
        scale: One for the track.
        known: (T,) False where the frame has too few points, and the transform is its neighbours'.
    """

    rotation: Float[np.ndarray, "frames 3 3"]
    translation: Float[np.ndarray, "frames 3"]
    scale: float
    known: Bool[np.ndarray, " frames"]

    def __call__(self, points: Float[np.ndarray, "frames points 3"]) -> Float[np.ndarray, "frames points 3"]:
        """The transformed points."""
        moved: np.ndarray = self.scale * np.einsum("tij,tkj->tki", self.rotation, points) + self.translation[:, None]
        return moved

    def residual(
        self,
        source: Float[np.ndarray, "frames points 3"],
        target: Float[np.ndarray, "frames points 3"],
        weights: Real[np.ndarray, "frames points"],
    ) -> float:
        """Median distance of the transformed source from the target, over the points that count."""
        return float(np.median(np.linalg.norm(self(source) - target, axis=-1)[weights > 0]))


def fit_rigid(
    source: Float[np.ndarray, "frames points 3"],
    target: Float[np.ndarray, "frames points 3"],
    weights: Float[np.ndarray, "frames points"],
    *,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    per: Per,
    scaled: bool = False,
) -> Rigid | None:
    """Fit the transform from the source to the target.

    Args:
        source: (T, K, 3) finite everywhere.
        target: (T, K, 3) metres.
        weights: (T, K); 0 for pairs that do not count.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
        per: "track" for one transform. "place" for one rotation and a translation per frame. "frame" for one transform
            per frame, its rotation from the frames within about 0.1 s. A frame with too few points is interpolated
            between its known neighbours.
        scaled: Also fit one scale for the track.

    Returns:
        The transform, or None where no frame has enough points for one.
    """
    if not (weights > 0).any():
        return None
    trust = weights * _near_their_middle(source, weights)
    window = (segments(frame_ids), _POOL_SECONDS * fps) if per == "frame" else None
    found = None
    for _ in range(_ITERATIONS):
        found = _weighted_fit(source, target, trust, window, still=per == "track", scaled=scaled)
        if found is None:
            return None
        found = _between_neighbours(found, frame_ids)
        error = np.linalg.norm(found(source) - target, axis=-1)
        median = np.median(error[weights > 0])
        trust = robust_weight((error / max(_MIN_RADIUS_M, 1.5 * median)) ** 2, weights)
    return found


def _near_their_middle(
    points: Float[np.ndarray, "frames points 3"], weights: Float[np.ndarray, "frames points"]
) -> Bool[np.ndarray, "frames points"]:
    """Mask of the points that lie near the others of their frame."""
    shown = np.where(weights[..., None] > 0, points, np.nan)
    shown[~(weights > 0).any(1)] = 0.0
    reach = np.linalg.norm(points - np.nanmedian(shown, axis=1, keepdims=True), axis=-1)
    far = max(_MAX_REACH * float(np.median(reach[weights > 0])), _MIN_REACH_M)
    near: np.ndarray = (reach <= far) | (weights <= 0)
    return near


def _weighted_fit(
    source: Float[np.ndarray, "frames points 3"],
    target: Float[np.ndarray, "frames points 3"],
    trust: Float[np.ndarray, "frames points"],
    window: tuple[list[slice], float] | None,
    *,
    still: bool,
    scaled: bool,
) -> Rigid | None:
    """The least-squares transform; moments pooled over the track, or with a Gaussian (runs, sigma in frames).

    With one translation for the track (`still`), the path of the points helps to decide the rotation. A moving camera
    or a wrong depth distorts that path. Then the points about their frame's mean decide the rotation, and that mean
    decides the translation.
    """
    x_middle, y_middle = (_middle(points, trust, whole=still) for points in (source, target))
    x, y = source - x_middle[:, None], target - y_middle[:, None]
    trusted = (trust > _MIN_TRUST).sum(1)
    mass, count = _pool(trust.sum(1), window), _pool(trusted.astype(float), window)
    spread = _pool(np.einsum("tk,tki,tkj->tij", trust, y, x), window)
    x_size, y_size = (_pool(np.einsum("tk,tki->t", trust, centred**2), window) for centred in (x, y))
    # the source may be of any scale; how flat the points lie is judged in the target's metres
    to_metres = np.sqrt(y_size / np.maximum(x_size, 1e-12)) / np.maximum(mass, 1e-9)
    flat = np.linalg.svd(spread * to_metres[:, None, None], compute_uv=False)[:, 1]
    turned = (count >= _MIN_POINTS) & (flat > _MIN_SPREAD_M**2)
    known = turned & (still | (trusted >= _MIN_POINTS))
    if not known.any():
        return None
    rotation = roma.special_procrustes(torch.as_tensor(spread)).numpy()
    scale = float(np.einsum("tij,tij->t", rotation, spread)[turned].sum() / x_size[turned].sum()) if scaled else 1.0
    rotation = np.broadcast_to(rotation, (len(trust), 3, 3))
    translation = y_middle - scale * np.einsum("tij,tj->ti", rotation, x_middle)
    return Rigid(rotation, translation, scale, known)


def _middle(
    points: Float[np.ndarray, "frames points 3"], trust: Float[np.ndarray, "frames points"], *, whole: bool
) -> Float[np.ndarray, "frames 3"]:
    """Weighted mean of each frame's points, or of the whole track's, for every frame."""
    total, mass = np.einsum("tk,tki->ti", trust, points), trust.sum(1, keepdims=True)
    if whole:
        total, mass = (np.broadcast_to(value.sum(0), value.shape) for value in (total, mass))
    middle: np.ndarray = total / np.maximum(mass, 1e-9)
    return middle


def _pool(
    values: Float[np.ndarray, " frames *rest"], window: tuple[list[slice], float] | None
) -> Float[np.ndarray, " pooled *rest"]:
    """Sum over all rows, (1, ...), or Gaussian mean over near rows of the same run, (T, ...)."""
    if window is None:
        total: np.ndarray = values.sum(0, keepdims=True)
        return total
    runs, sigma = window
    return np.concatenate([gaussian_mean(values[rows], sigma) for rows in runs])


def _between_neighbours(found: Rigid, frame_ids: Int[np.ndarray, " frames"]) -> Rigid:
    """Interpolate unknown frames between their known neighbours; frames at the ends take the nearest."""
    rows = np.flatnonzero(found.known)
    if len(rows) == len(found.known):
        return found
    # interpolation needs rising frame ids; otherwise use rows
    time = frame_ids if (np.diff(frame_ids) > 0).all() else np.arange(len(frame_ids))
    translation = np.stack([np.interp(time, time[rows], found.translation[rows, axis]) for axis in range(3)], 1)
    if len(rows) == 1:
        rotation = np.repeat(found.rotation[rows], len(time), axis=0)
    else:
        between = Slerp(time[rows], Rotation.from_matrix(found.rotation[rows]))
        rotation = between(np.clip(time, time[rows[0]], time[rows[-1]])).as_matrix()
    return Rigid(rotation, translation, found.scale, found.known)
