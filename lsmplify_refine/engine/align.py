"""Alignment: bring 3D keypoints from their own frame and unit into the estimate's metres and frame.

A triangulation has its own coordinates; an estimate has those of its camera or its world. The targets are moved, never
the estimate. The torso ties the two: estimators locate it to a few centimetres, while arms and legs may be decimetres
off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int, Real

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.rigid import Per, Rigid, fit_rigid
from lsmplify_refine.options import DEFAULT_FPS, Align
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.notes import Note

#: Points that the pose of arms, legs and head does not move, by their names in the conventions.
TORSO = frozenset(
    {"left_hip", "right_hip", "mid_hip", "pelvis", "left_shoulder", "right_shoulder", "neck", "thorax"},
)
#: A simpler way is preferred if its residual is at most this much larger than the best (metres), or at most this
#: multiple of it. An estimate's path may be off by centimetres; a torso turned by 5 degrees moves its points by one.
_AS_GOOD_M, _AS_GOOD_TIMES = {"track": 0.03, "place": 0.012, "frame": 0.0}, 1.5
#: A residual of one transform per track above this, metres, means a moving camera; wrong depths leave less. A camera
#: metres away from a person cannot turn without such a residual, so below it one rotation holds.
_MOVING_CAMERA_M = 0.3
#: Keypoints this near to the estimate (median, metres) and turned by less than this (degrees) are in its frame. Another
#: frame hardly matches that well by chance. The rest is the estimate's position error, mostly in depth.
_SAME_FRAME_M, _SAME_FRAME_DEG = 0.5, 10.0
#: Units per metre, and the valid range of limb lengths over the estimate's.
_UNITS = {"metres": 1.0, "centimetres": 100.0, "millimetres": 1000.0}
_SIZES = (0.6, 1.6)
#: Min share of limbs within that range in the right unit; the others may be noise.
_MIN_SHARE = 0.25
#: Keypoints are mirrored if a fit becomes this much better when they are mirrored back.
_MIRRORED_SHARE, _MIRRORED_MIN_M = 0.7, 0.03
_TOO_FEW = (
    "3D keypoints: too few confident hips and shoulders to align by; add --align camera if they are in the "
    "estimate's frame, or give better keypoints"
)


@dataclass(frozen=True)
class Alignment:
    """How 3D keypoints were moved into the estimate's frame.

    Attributes:
        mode: "camera" (not moved), "torso" or "procrustes".
        per: Scope of one transform (see `rigid.fit_rigid`).
        transform: From the keypoints' own unit and frame to the estimate's metres.
        unit: The keypoints' unit.
        residuals_mm: Median torso residual of every way that was tried, by `name`.
    """

    mode: Literal["camera", "torso", "procrustes"]
    per: Per
    transform: Rigid
    unit: str = "metres"
    residuals_mm: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The chosen way in words, as in `residuals_mm`."""
        return _name(self.mode, self.per)

    def notes(self) -> tuple[Note, ...]:
        """What the user should know, one sentence each."""
        tried = "; ".join(f"{name} {residual:.0f} mm" for name, residual in self.residuals_mm.items())
        notes = [Note("keypoints-aligned", f"3D keypoints aligned by {self.name}; median torso residual: {tried}")]
        if self.unit != "metres":
            text = f"3D keypoints are in {self.unit}, inferred from the size of the body; converted to metres"
            notes.append(Note("unit-inferred", text))
        scale = self.transform.scale * _UNITS[self.unit]
        if abs(scale - 1) > 1e-6:
            notes.append(Note("keypoints-scaled", f"3D keypoints scaled by {scale:.3f} to the estimate's size"))
        borrowed = int((~self.transform.known).sum())
        if borrowed:
            text = f"{borrowed} frames have too few keypoints to align; they take their neighbours' transform"
            notes.append(Note("keypoints-borrowed", text))
        return tuple(notes)


def align(
    points: Float[np.ndarray, "frames points 3"],
    keypoints: Float[np.ndarray, "frames points 3"],
    weights: Real[np.ndarray, "frames points"],
    mode: Align = "auto",
    *,
    convention: str,
    frame_ids: Int[np.ndarray, " frames"] | None = None,
    fps: float = DEFAULT_FPS,
    per: Per | None = None,
    scaled: bool | None = None,
    still: bool = False,
) -> Alignment:
    """Find the transform from the keypoints' frame to the estimate's.

    Modes:
        "camera" moves nothing: the keypoints are in the estimate's frame already.
        "torso" fits a rigid transform to the torso points. It tries one for the track, one rotation for the track with
        a translation per frame (an estimate at a wrong depth), and one per frame (a moving camera). It takes the
        simplest whose median torso residual is near the best.
        "procrustes" fits all points, per frame, with one scale for the track.
        "auto" chooses between "camera" and "torso" by the same rule. It also takes "camera" if keypoints and estimate
        are only decimetres apart.

    Args:
        points: The estimate's own posed keypoints, metres.
        keypoints: In any frame; in metres, centimetres or millimetres, inferred from the body's size.
        weights: 0 where missing.
        mode: See above.
        convention: The keypoints' convention.
        frame_ids: Video frame of each row; consecutive if not given.
        fps: Frames per second.
        per: Scope of one transform, instead of the mode's own rule (see `rigid.fit_rigid`).
        scaled: Whether to fit one scale for the track; if not given, only "procrustes" does.
        still: The estimate is in world coordinates: the camera does not turn, and "torso" fits no rotation per frame.

    Raises:
        InputError: The keypoints are not of body size, are mirrored, or are too few for the mode.
    """
    ids = np.arange(len(points)) if frame_ids is None else frame_ids
    weights = np.where(np.isfinite(keypoints).all(-1), weights, 0.0)
    keypoints = np.where(weights[..., None] > 0, keypoints, 0.0).astype(np.float64)
    unit = _unit(points, keypoints, weights, CONVENTIONS[convention].edges)
    metres = keypoints / _UNITS[unit]
    _refuse_mirrored(points, metres, weights, ids, fps)
    torso = weights * [name in TORSO for name in CONVENTIONS[convention].points]
    judged = torso if torso.any() else weights
    tried: dict[_Way, tuple[Rigid, float]] = {}
    for way in _ways(mode, per, still):
        found = _fit(way, points, metres, torso if way[0] == "torso" else weights, ids, fps, scaled)
        if found is not None:
            tried[way] = found, found.residual(metres, points, judged)
    if not tried or (mode == "auto" and len(tried) == 1):
        raise InputError(_TOO_FEW)
    residuals = {way: residual for way, (_, residual) in tried.items()}
    way = _AS_THEY_ARE if _in_estimates_frame(tried) else _simplest_good(residuals)
    fit = tried[way][0]
    whole = Rigid(fit.rotation, fit.translation, fit.scale / _UNITS[unit], fit.known)
    return Alignment(*way, whole, unit, {_name(*way): 1000 * residual for way, residual in residuals.items()})


_Way = tuple[Literal["camera", "torso", "procrustes"], Per]
_AS_THEY_ARE: _Way = ("camera", "track")


def _ways(mode: Align, per: Per | None, still: bool) -> list[_Way]:
    """The ways to try, simplest first."""
    if mode == "camera":
        return [_AS_THEY_ARE]
    if mode == "procrustes":
        return [("procrustes", per or "frame")]
    fitting = (each for each in get_args(Per) if each == per or (per is None and not (still and each == "frame")))
    by_torso: list[_Way] = [("torso", each) for each in fitting]
    return [_AS_THEY_ARE, *by_torso] if mode == "auto" else by_torso


def _fit(
    way: _Way,
    points: Float[np.ndarray, "frames points 3"],
    keypoints: Float[np.ndarray, "frames points 3"],
    weights: Real[np.ndarray, "frames points"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    scaled: bool | None,
) -> Rigid | None:
    mode, per = way
    if mode == "camera":
        frames = len(points)
        return Rigid(np.tile(np.eye(3), (frames, 1, 1)), np.zeros((frames, 3)), 1.0, np.ones(frames, dtype=bool))
    scaled = mode == "procrustes" if scaled is None else scaled
    return fit_rigid(keypoints, points, weights, frame_ids=frame_ids, fps=fps, per=per, scaled=scaled)


def _name(mode: str, per: str) -> str:
    if mode == "camera":
        return "camera (taken as they are)"
    return f"{mode} per track, placed per frame" if per == "place" else f"{mode} per {per}"


def _in_estimates_frame(tried: dict[_Way, tuple[Rigid, float]]) -> bool:
    """Whether the best fit moves so little that the motion may be the estimate's error."""
    placed = tried.get(("torso", "place"))
    if placed is None or _AS_THEY_ARE not in tried or tried[_AS_THEY_ARE][1] > _SAME_FRAME_M:
        return False
    return bool((np.trace(placed[0].rotation[0]) - 1) / 2 > np.cos(np.radians(_SAME_FRAME_DEG)))


def _simplest_good(residuals: dict[_Way, float]) -> _Way:
    """The first allowed way that is near the best."""
    moving = ("torso", "frame") in residuals and residuals.get(("torso", "track"), 0.0) > _MOVING_CAMERA_M
    allowed = {way: residual for way, residual in residuals.items() if not (moving and way[1] == "place")}
    best = min(allowed.values())
    near = (way for way, left in allowed.items() if left <= max(best + _AS_GOOD_M[way[1]], _AS_GOOD_TIMES * best))
    return next(near)


def _unit(
    points: Float[np.ndarray, "frames points 3"],
    keypoints: Float[np.ndarray, "frames points 3"],
    weights: Real[np.ndarray, "frames points"],
    edges: Sequence[tuple[int, int]],
) -> str:
    """The keypoints' unit, from the lengths of their limbs over the estimate's.

    Raises:
        InputError: They are not of body size in any unit, or no limb is visible.
    """
    a, b = np.array(edges).T
    seen = (weights[:, a] > 0) & (weights[:, b] > 0)
    if not seen.any():
        raise InputError("3D keypoints: no limb has both end points; give keypoints of whole limbs")
    measured, estimated = (np.linalg.norm(p[:, a] - p[:, b], axis=-1)[seen] for p in (keypoints, points))
    ratio = measured / np.maximum(estimated, 1e-6)
    shares = {
        unit: np.mean((ratio > _SIZES[0] * per_metre) & (ratio < _SIZES[1] * per_metre))
        for unit, per_metre in _UNITS.items()
    }
    unit = max(shares, key=lambda name: shares[name])
    if shares[unit] < _MIN_SHARE:
        raise InputError(
            f"3D keypoints are {np.median(ratio):.3g} times the size of the estimated body; "
            "give metres, centimetres or millimetres"
        )
    return unit


def _refuse_mirrored(
    points: Float[np.ndarray, "frames points 3"],
    keypoints: Float[np.ndarray, "frames points 3"],
    weights: Real[np.ndarray, "frames points"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> None:
    """Refuse left-handed axes, and left and right names that are swapped.

    Raises:
        InputError: The keypoints fit the estimate much better when they are mirrored.
    """
    residuals = []
    for source in (keypoints, keypoints * np.array([-1.0, 1.0, 1.0])):
        found = fit_rigid(source, points, weights, frame_ids=frame_ids, fps=fps, per="frame", scaled=True)
        if found is None:
            return
        residuals.append(found.residual(source, points, weights))
    as_given, mirrored = residuals
    if as_given > _MIRRORED_MIN_M and mirrored < _MIRRORED_SHARE * as_given:
        raise InputError(
            f"3D keypoints are mirrored ({1000 * as_given:.0f} mm off the estimate as given, {1000 * mirrored:.0f} mm "
            "mirrored): negate one axis, or swap left and right"
        )
