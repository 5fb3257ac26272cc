"""Motion: the most likely motion of a track, given the estimate and each frame's own fit.

For every joint (in the tangent space of its rotation) and every axis of the pelvis there are two witnesses and a prior:

- the estimate e = x + b + noise, with a bias b that changes slowly;
- the frame's fit f = x + noise, which counts as far as the keypoints decide it;
- people move smoothly: the third difference of x is small, on a scale that is local in time.

All noise levels are read from the track (see `noise_levels`). The result is the posterior mean of x: one banded solve
per joint. An estimate without jitter gets a smooth correction; of a jittery one only the slow part is kept; across gaps
in the keypoints the estimate's own motion carries on, with the bias interpolated.

Source: estimation theory (a fixed-interval smoother, as by Rauch, Tung and Striebel, in the form of least squares).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import roma
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lsmplify_refine.engine.noise_levels import (
    MOTION_ORDER,
    NoiseLevels,
    min_frames,
    read_noise_levels,
    reading_step,
    unread_noise_levels,
)
from lsmplify_refine.geometry.robust import robust_weight
from lsmplify_refine.geometry.smoothing import gaussian_mean, segments
from lsmplify_refine.solver.banded import BandedSystem, transposed_difference
from lsmplify_refine.solver.problem import Pose

#: A bias that changes at this frequency is followed by half.
BIAS_HZ = 2.2
#: Standard deviation of a joint's and of the pelvis' bias, held for a second.
_BIAS_RAD, _BIAS_M = 0.3, 0.5
#: The fit's low-pass (standard deviation) that shows where the motion is.
_LOW_PASS_SECONDS = 0.1
#: White noise of an estimate that nobody sees: rad^2, and m^2 across the view and otherwise.
_QUIET_RAD2, _QUIET_ACROSS_M2, _QUIET_M2 = 6.5e-5, 1e-5, 2e-6
#: Variance that keeps a quiet estimate's weight finite, rad^2 or m^2.
_MIN_ESTIMATE = 1e-9
#: An estimate this far from the fit, radians, does not show the motion.
_CONTRADICTS_RAD = 1.0
#: The weight of such an estimate, or of none, and its least share of the prior's: keep the solve definite.
_NO_WEIGHT, _NO_SHARE = 1e-6, 1e-13
#: A fit this many standard deviations off counts a quarter; the second solve of two knows which fits are.
_OUTLIER, _SOLVES = 3.0, 2
#: A joint that no keypoint sees has no bias that could be told: its bias hardly bends.
_STIFF = 1e9
#: Keypoints that decide less than this share of an unknown do not show it.
_MIN_SHARE = 1e-3
#: Nobody turns or runs faster than this from frame to frame; the video was cut. rad/s and m/s.
_CUT_RAD_PER_S, _CUT_M_PER_S = 30.0, 15.0
#: Joints of this many frames in all are solved together: a live window's at once, a long track's one by one.
_FRAMES_TOGETHER = 4096
#: A flip of the estimate that ends this soon is not a cut.
_FLIP_SECONDS = 0.3


@dataclass(frozen=True)
class _Model:
    """What all joints of a track share: its rate, how fast a bias may change, and whether there is an estimate."""

    fps: float
    bias_hz: float
    alone: bool


def most_likely_motion(
    start: Pose,
    fit: Pose,
    share: Float[np.ndarray, "frames joints_and_pelvis"],
    *,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    is_image: bool,
    bias_hz: float = BIAS_HZ,
    alone: bool = False,
) -> Pose:
    """The posterior mean of a track's motion.

    Args:
        start: The estimate, after the shape fit.
        fit: Each frame's fit to its keypoints.
        share: Share of each joint's rotation, and last of the pelvis, that the keypoints decide.
        frame_ids: (T,) video frame of each row; nothing reaches across gaps.
        fps: Frames per second.
        is_image: Whether the keypoints are 2D, in an image across which x and y lie.
        bias_hz: How fast the estimate's bias may change; a bias at this frequency is followed by half.
        alone: There is no estimate: `start` is ignored.
    """
    model = _Model(fps, bias_hz, alone)
    estimated, fitted = (pose.rotations.detach().cpu().double() for pose in (start, fit))
    placed, shown = (pose.pelvis.detach().cpu().double().numpy() for pose in (start, fit))
    rotations, pelvis = fitted.clone(), shown.copy()
    quiet = np.array([_QUIET_ACROSS_M2, _QUIET_ACROSS_M2, _QUIET_M2] if is_image else [_QUIET_M2] * 3)
    for rows in segments(frame_ids + _cuts(start, fit, fps)):
        count = max(1, _FRAMES_TOGETHER // len(frame_ids[rows]))
        for first in range(0, rotations.shape[1], count):
            some = (rows, slice(first, min(first + count, rotations.shape[1])))
            rotations[some] = _rotations(estimated[some], fitted[some], share[some], model)
        pelvis[rows] = _place(placed[rows], shown[rows], share[rows, -1:], model, quiet)
    return Pose(rotations.to(start.rotations), torch.as_tensor(pelvis).to(start.pelvis))


def without_jitter(
    start: Pose, *, frame_ids: Int[np.ndarray, " frames"], fps: float, is_image: bool, bias_hz: float | None = BIAS_HZ
) -> Pose:
    """The most likely motion of an estimate that no keypoint corrects; a quiet joint keeps its bits.

    Args:
        start: The estimate.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
        is_image: Whether the keypoints are 2D (see `most_likely_motion`).
        bias_hz: None if there is no model of the motion: each frame on its own.
    """
    if bias_hz is None:
        return start
    unseen = np.zeros((len(start.pelvis), start.rotations.shape[1] + 1))
    return most_likely_motion(start, start, unseen, frame_ids=frame_ids, fps=fps, is_image=is_image)


def _cuts(start: Pose, fit: Pose, fps: float) -> Int[np.ndarray, " frames"]:
    """How often the video was cut before each frame: estimate and fit jump as nobody moves, and stay there."""
    cuts = np.ones(len(start.pelvis), dtype=bool)
    cuts[:1] = False
    around = max(1, round(_FLIP_SECONDS * fps))
    for pose in (start, fit):
        root, place = pose.rotations[:, 0], pose.pelvis[:, :2]
        turned = roma.rotmat_geodesic_distance(root[1:], root[:-1]).cpu().numpy() * fps
        moved = (place[1:] - place[:-1]).norm(dim=-1).cpu().numpy() * fps
        cuts[1:] &= (turned > _CUT_RAD_PER_S) | (moved > _CUT_M_PER_S)
        for frame in np.flatnonzero(cuts):
            # an estimator's flip does not last
            before, after = slice(max(frame - around, 0), frame), slice(frame, frame + around)
            turned_by = roma.rotmat_geodesic_distance(root[before, None], root[None, after]).min()
            moved_by = (place[before, None] - place[None, after]).norm(dim=-1).min()
            cuts[frame] = bool((turned_by * fps > _CUT_RAD_PER_S) | (moved_by * fps > _CUT_M_PER_S))
    return np.cumsum(cuts)


def _rotations(
    estimate: Float[Tensor, "frames joints 3 3"],
    fit: Float[Tensor, "frames joints 3 3"],
    share: Float[np.ndarray, "frames joints"],
    model: _Model,
) -> Float[Tensor, "frames joints 3 3"]:
    """The most likely rotations of some joints, in the tangent space of the low-passed fit."""
    quats = _continuous(roma.rotmat_to_unitquat(torch.stack([estimate, fit], 1)))
    smoothed = _low_passed(quats[:, 1], _LOW_PASS_SECONDS * model.fps)
    step, (frames, joints) = reading_step(model.fps), share.shape
    paths = torch.cat([quats, smoothed[:, None]], 1)
    turns = _rotvec_between(paths[:-1], paths[1:])
    if frames < min_frames(model.fps):
        levels = unread_noise_levels(frames, joints)
    else:
        quiet = np.full(joints, _QUIET_RAD2)
        increments = turns if step == 1 else _rotvec_between(paths[:-step], paths[step:])
        levels = read_noise_levels(increments, frames=frames, fps=model.fps, quiet=quiet, alone=model.alone)
    away, seen = np.moveaxis(_rotvec_between(smoothed[:, None], quats), 1, 0)
    bend = np.diff(turns[:, 2], MOTION_ORDER - 1, axis=0)
    near, fits = (np.linalg.norm(vectors, axis=-1) < _CONTRADICTS_RAD for vectors in (away, seen))
    turn = _solve(away, seen, bend, levels, share * fits, near & (not model.alone), model, _BIAS_RAD)
    moved = roma.unitquat_to_rotmat(roma.quat_product(smoothed, roma.rotvec_to_unitquat(torch.as_tensor(turn))))
    keeps = torch.as_tensor(_keeps(share, levels))
    return torch.where(keeps[:, None, None], estimate, moved)


def _keeps(share: Float[np.ndarray, "frames parts"], levels: NoiseLevels) -> Bool[np.ndarray, " parts"]:
    """Parts that no keypoint sees and whose estimate is quiet: they keep their exact values."""
    kept: Bool[np.ndarray, " parts"] = np.equal(share, 0).all(0) & np.equal(levels.estimate, 0).all(0)
    return kept


def _low_passed(quats: Float[Tensor, "frames joints 4"], sigma: float) -> Float[Tensor, "frames joints 4"]:
    """Means of rotations over time, without frames that flip; `sigma` is in frames."""
    weights = np.ones((*quats.shape[:2], 1))
    # the second time without the flips that the first shows
    for _ in range(2):
        smoothed = torch.as_tensor(gaussian_mean(quats.numpy() * weights, sigma))
        smoothed = smoothed / smoothed.norm(dim=-1, keepdim=True)
        flips = (smoothed * quats).sum(-1, keepdim=True).abs().numpy() < np.cos(_CONTRADICTS_RAD / 2)
        if not flips.any():
            break
        weights = np.where(flips, _NO_WEIGHT, 1.0)
    return smoothed


def _place(
    estimate: Float[np.ndarray, "frames 3"],
    fit: Float[np.ndarray, "frames 3"],
    share: Float[np.ndarray, "frames 1"],
    model: _Model,
    quiet: Float[np.ndarray, 3],
) -> Float[np.ndarray, "frames 3"]:
    """The most likely path of the pelvis, axis by axis."""
    smoothed = gaussian_mean(fit, _LOW_PASS_SECONDS * model.fps)
    step, frames = reading_step(model.fps), len(fit)
    if frames < min_frames(model.fps):
        levels = unread_noise_levels(frames, 3)
    else:
        paths = np.stack([estimate, fit, smoothed], 1)[..., None]
        increments = paths[step:] - paths[:-step]
        levels = read_noise_levels(increments, frames=frames, fps=model.fps, quiet=quiet, alone=model.alone)
    bend = np.diff(smoothed, MOTION_ORDER, axis=0)[..., None]
    shares = np.repeat(share, 3, axis=1)
    usable = np.full(fit.shape, not model.alone)
    away, seen = (estimate - smoothed)[..., None], (fit - smoothed)[..., None]
    shift = _solve(away, seen, bend, levels, shares, usable, model, _BIAS_M)
    path: np.ndarray = np.where(_keeps(shares, levels), estimate, smoothed + shift[..., 0])
    return path


def _solve(
    estimate: Float[np.ndarray, "frames parts axes"],
    fit: Float[np.ndarray, "frames parts axes"],
    bend: Float[np.ndarray, "differences parts axes"],
    levels: NoiseLevels,
    share: Float[np.ndarray, "frames parts"],
    usable: Bool[np.ndarray, "frames parts"],
    model: _Model,
    bias: float,
) -> Float[np.ndarray, "frames parts axes"]:
    """The posterior mean of x about a reference; the unknowns of a part are x and b of every frame, in turns.

    Args:
        estimate: The estimate, from the reference.
        fit: The fit, from the reference.
        bend: Third difference of the reference.
        levels: The noise levels.
        share: Share of the fit that the keypoints decide.
        usable: Whether the estimate shows the motion.
        model: What all joints share.
        bias: Standard deviation of the bias, held for a second.
    """
    frames, parts, axes = estimate.shape
    still = 1 / levels.motion
    none = np.maximum(_NO_WEIGHT, _NO_SHARE * still.max(0))
    from_estimate = np.where(usable, 1 / (levels.estimate + _MIN_ESTIMATE), none)
    from_fit = np.sqrt(share) / levels.fit
    softness = (2 * np.sin(np.pi * min(model.bias_hz / model.fps, 0.5))) ** 4
    stiff = _median_where(from_fit, share > _MIN_SHARE) / softness
    system = BandedSystem(frames, parts)
    system.diagonal(from_estimate + none, 0)
    system.diagonal(from_estimate + 1 / (bias**2 * model.fps), 1)
    system.coupling(from_estimate)
    system.differences(MOTION_ORDER, still[1:-2], 0)
    system.differences(2, np.tile(np.where(np.isnan(stiff), _STIFF, stiff), (max(frames - 2, 0), 1)), 1)
    right = np.zeros((2 * frames, parts, axes))
    right[0::2] = right[1::2] = from_estimate[..., None] * estimate
    right[0::2] -= transposed_difference(MOTION_ORDER, bend * still[1:-2, :, None], frames)
    before, trust = 0.0 * from_fit, from_fit
    for _ in range(_SOLVES):
        system.diagonal(trust - before, 0)
        right[0::2] += (trust - before)[..., None] * fit
        found = system.solved(right)[0::2]
        # a fit to an outlier stands out from its neighbours
        off = np.square(fit - found).sum(-1) / (_OUTLIER**2 * axes * levels.fit)
        before, trust = trust, from_fit * robust_weight(off)
    return found


def _median_where(
    values: Float[np.ndarray, "frames parts"], shown: Bool[np.ndarray, "frames parts"]
) -> Float[np.ndarray, " parts"]:
    """Median over the frames that count; NaN where none does. NumPy's own takes many times as long for few frames."""
    ordered = np.sort(np.where(shown, values, np.nan), axis=0)
    count = shown.sum(0)
    middle = np.stack([np.maximum(count - 1, 0) // 2, count // 2 * (count > 0)])
    medians: np.ndarray = np.take_along_axis(ordered, middle, axis=0).mean(0)
    return medians


def _continuous(quats: Float[Tensor, "frames paths joints 4"]) -> Float[Tensor, "frames paths joints 4"]:
    """Quaternions of one sign over time, so that they can be averaged."""
    agree = (quats[1:] * quats[:-1]).sum(-1, keepdim=True) >= 0
    signs = torch.cumprod(torch.where(agree, 1.0, -1.0).to(quats), 0)
    return torch.cat([quats[:1], quats[1:] * signs])


def _rotvec_between(
    first: Float[Tensor, "*#batch 4"], second: Float[Tensor, "*#batch 4"]
) -> Float[np.ndarray, "*batch 3"]:
    """Rotation vectors from one orientation to another, in the axes of the first."""
    between: np.ndarray = roma.unitquat_to_rotvec(roma.quat_product(roma.quat_conjugation(first), second)).numpy()
    return between
