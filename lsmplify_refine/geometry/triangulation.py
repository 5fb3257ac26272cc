"""Triangulation: 3D keypoints in metres from the 2D keypoints of several calibrated cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.robust import robust_weight
from lsmplify_refine.values.camera import CalibratedCamera
from lsmplify_refine.values.keypoints import Keypoints

#: Max reprojection error of a view that agrees with a point, pixels at a focal length of 1000 px.
_INLIER_PX = 20.0
#: Robust radius on the same scale; noise of 2 px then costs no accuracy.
_ROBUST_PX = 10.0
_STEPS = 5
#: Min angle between rays that decide a depth, degrees.
_MIN_PARALLAX_DEG = 1.5
#: Keypoints below this confidence are not used.
_MIN_CONFIDENCE = 0.1
_REFERENCE_FOCAL_PX = 1000.0


@dataclass(frozen=True)
class _Views:
    """N points in V cameras: rays and weights of the points; rotations and translations of the cameras."""

    rays: Float[np.ndarray, "views points 2"]
    weights: Float[np.ndarray, "views points"]
    R: Float[np.ndarray, "views 3 3"]
    t: Float[np.ndarray, "views 3"]

    def only(self, chosen: Sequence[int]) -> _Views:
        """The views of the chosen cameras."""
        index = list(chosen)
        return _Views(self.rays[index], self.weights[index], self.R[index], self.t[index])


def triangulate(views: Mapping[str, Keypoints], cameras: Mapping[str, CalibratedCamera]) -> Keypoints:
    """3D keypoints of one person in the calibration's world, metres.

    Args:
        views: For each camera the same frames of the same convention, (T, K, 2) pixels; confidence 0 where missing.
        cameras: The calibration, with at least these cameras.

    Returns:
        (T, K, 3) and a confidence: the mean of the cameras that agree, times the share of the views that do. It is 0
        where fewer than two agree, or rays are nearly parallel.

    Raises:
        InputError: Fewer than two cameras, one that is not calibrated, or views that do not fit each other.
    """
    _check(views, cameras)
    names = list(views)
    first = views[names[0]]
    shape = first.confidence.shape
    seen = np.stack([_counting(views[name]).ravel() for name in names])
    data = _Views(
        np.stack([cameras[name].rays(views[name].positions).reshape(-1, 2) for name in names]),
        seen,
        np.stack([cameras[name].R for name in names]),
        np.stack([cameras[name].t for name in names]),
    )
    points = _best_of_pairs(data)
    for _ in range(_STEPS):
        points = _solve(data, _robust(data, points), points)
    agree = (data.weights > 0) & (_errors_px(data, points) < _INLIER_PX)
    usable = (agree.sum(axis=0) >= 2) & (_parallax_deg(data, points, agree) > _MIN_PARALLAX_DEG)
    count = np.maximum(agree.sum(axis=0), 1)
    share = agree.sum(axis=0) / np.maximum((data.weights > 0).sum(axis=0), 1)
    confidence = np.where(usable, (data.weights * agree).sum(axis=0) / count * share, 0.0)
    points = np.where(usable[:, None], points, 0.0)
    return Keypoints(
        first.convention,
        points.reshape(*shape, 3).astype(np.float32),
        confidence.reshape(shape).astype(np.float32),
        f"triangulated from {len(names)} cameras ({first.source})",
    )


def _check(views: Mapping[str, Keypoints], cameras: Mapping[str, CalibratedCamera]) -> None:
    if len(views) < 2:
        raise InputError(f"triangulation needs two or more cameras; there are {len(views)}")
    unknown = [name for name in views if name not in cameras]
    if unknown:
        raise InputError(f"camera {unknown[0]} is not in the calibration; it has {', '.join(cameras)}")
    kinds = {(view.convention, view.positions.shape) for view in views.values()}
    if len(kinds) > 1 or next(iter(views.values())).is_3d:
        raise InputError(f"the cameras' keypoints must be 2D, of one convention and the same frames; got {kinds}")


def _counting(view: Keypoints) -> Float[np.ndarray, "frames points"]:
    """Confidence of usable keypoints, else 0."""
    there = (view.confidence >= _MIN_CONFIDENCE) & np.isfinite(view.positions).all(axis=-1)
    return np.where(there, view.confidence, 0.0).astype(np.float64)


def _best_of_pairs(data: _Views) -> Float[np.ndarray, "points 3"]:
    """For each point, the two-camera solution with the most support from all views."""
    best = np.full(data.weights.shape[1], -1.0)
    points = np.zeros((len(best), 3))
    for pair in combinations(range(len(data.R)), 2):
        two = data.only(pair)
        both = (two.weights > 0).all(axis=0)
        found = _solve(two, np.where(both, 1.0, 0.0), points)
        agreement = data.weights / (1 + (_errors_px(data, found) / _ROBUST_PX) ** 2)
        score = np.where(both, agreement.sum(axis=0), -1.0)
        points = np.where((score > best)[:, None], found, points)
        best = np.maximum(score, best)
    return points


def _solve(
    data: _Views, weights: Float[np.ndarray, "*views points"], fallback: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, "points 3"]:
    """Weighted least squares; the fallback where the views do not determine a point.

    A ray (x, y) says that (R0 - x R2) X = x t2 - t0, and the same with y.
    """
    weights = np.broadcast_to(weights, data.weights.shape)
    rows = data.R[:, None, :2] - data.rays[..., None] * data.R[:, None, 2:]
    right = data.rays * data.t[:, None, 2:] - data.t[:, None, :2]
    normal = np.einsum("vn,vnij,vnik->njk", weights, rows, rows)
    target = np.einsum("vn,vnij,vni->nj", weights, rows, right)
    spread = np.linalg.eigvalsh(normal)
    determined = spread[:, 0] > 1e-9 * np.maximum(spread[:, 2], 1e-30)
    solved = np.linalg.solve(np.where(determined[:, None, None], normal, np.eye(3)), target[..., None])[..., 0]
    return np.where(determined[:, None], solved, fallback)


def _in_cameras(data: _Views, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "views points 3"]:
    """Points in the cameras' frames."""
    there: np.ndarray = np.einsum("vij,nj->vni", data.R, points) + data.t[:, None]
    return there


def _errors_px(data: _Views, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "views points"]:
    """Distances in the image, on the reference scale; infinite behind a camera."""
    there = _in_cameras(data, points)
    in_front = there[..., 2] > 1e-3
    depth = np.where(in_front, there[..., 2], 1.0)
    apart = np.linalg.norm(there[..., :2] / depth[..., None] - data.rays, axis=-1)
    return np.where(in_front, apart * _REFERENCE_FOCAL_PX, np.inf)


def _robust(data: _Views, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "views points"]:
    """Weights: confidence, less for views that disagree, over depth squared so that pixels are compared."""
    trust = robust_weight((_errors_px(data, points) / _ROBUST_PX) ** 2)
    depth = np.maximum(_in_cameras(data, points)[..., 2], 1e-3)
    weights: np.ndarray = data.weights * trust / depth**2
    return weights


def _parallax_deg(
    data: _Views, points: Float[np.ndarray, "points 3"], agree: Bool[np.ndarray, "views points"]
) -> Float[np.ndarray, " points"]:
    """Max angle between the rays of the views that agree."""
    centres = -np.einsum("vji,vj->vi", data.R, data.t)
    rays = points - centres[:, None]
    rays = rays / np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True), 1e-9)
    widest = np.zeros(len(points))
    for a, b in combinations(range(len(rays)), 2):
        angle = np.degrees(np.arccos(np.clip((rays[a] * rays[b]).sum(axis=-1), -1, 1)))
        widest = np.maximum(widest, np.where(agree[a] & agree[b], np.minimum(angle, 180 - angle), 0.0))
    return widest
