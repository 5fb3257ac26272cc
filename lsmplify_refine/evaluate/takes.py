"""Whole takes: sequential refinement, and plug-in refinement of a track with a smoothed correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import roma
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from lsmplify_refine.engine.correct import correct, decided_share, default_prior
from lsmplify_refine.engine.motion import most_likely_motion
from lsmplify_refine.evaluate.cases import Case, Protocol, observed, stream
from lsmplify_refine.evaluate.datasets import at_rate
from lsmplify_refine.evaluate.methods import Solver, in_batches
from lsmplify_refine.learn.augment import estimator_error
from lsmplify_refine.learn.motion import TAKE_FPS, Take
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.learn.shape_batches import ShapeSampler, with_hands
from lsmplify_refine.regressor.fusion import FrameSolver
from lsmplify_refine.regressor.weights import Network
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.solver.running_mean import RunningMean

#: How slowly a smooth estimator error changes: standard deviation of the Gaussian that filters white noise.
_ERROR_SECONDS = 1.0


@dataclass(frozen=True)
class TakeCase:
    """One task for a refiner over whole takes.

    Attributes:
        mode: "sequential" (a frame starts from the refined frame before it) or "plug-in".
        noise_m: Standard deviation of each keypoint's coordinates, independent in time.
        error: Whether an estimator's error changes slowly or is independent in each frame.
        smoothed: Whether the correction is low-passed; regressor and projection then run inside the engine.
        first: Start of the first frame of a sequence: the true pose, as when an actor holds a known pose, or an
            estimate.
        fps: Frame rate of the motion.
    """

    mode: Literal["sequential", "plug-in"]
    noise_m: float = 0.0
    error: Literal["smooth", "independent"] = "smooth"
    smoothed: bool = False
    first: Literal["true", "estimated"] = "true"
    fps: float = TAKE_FPS

    @property
    def name(self) -> str:
        """The case in words, unique in the table."""
        mode = self.mode if self.mode == "plug-in" else f"{self.mode}, {self.first} first pose"
        parts = [mode, f"{100 * self.noise_m:g} cm noise" if self.noise_m else "exact"]
        if self.mode == "plug-in":
            parts += [f"{self.error} error", "smoothed" if self.smoothed else "per frame"]
        parts += [f"{self.fps:g} fps"] if self.fps != TAKE_FPS else []
        return ", ".join(parts)


@dataclass(frozen=True)
class TakeRow:
    """A case in its group; a case at another frame rate names its reference."""

    group: str
    case: TakeCase
    reference: TakeCase | None = None


def standard_take_rows() -> list[TakeRow]:
    """List every row over whole takes."""
    exact = TakeCase("sequential")
    noisy = TakeCase("plug-in", noise_m=0.02)
    smoothed = replace(noisy, smoothed=True)
    return [
        TakeRow("sequential", exact),
        TakeRow("sequential", replace(exact, first="estimated")),
        TakeRow("sequential", replace(exact, noise_m=0.02)),
        TakeRow("whole takes", noisy),
        TakeRow("whole takes", smoothed),
        TakeRow("whole takes", replace(noisy, error="independent")),
        TakeRow("whole takes", replace(smoothed, error="independent")),
        *[TakeRow("frame rate", replace(case, fps=fps), case) for case in (exact, smoothed) for fps in (15.0, 60.0)],
    ]


@dataclass(frozen=True)
class Tracks:
    """Concatenated takes of N frames in all.

    Attributes:
        pairs: One pair per frame; its start is the estimate of that frame.
        index: (N,) index of the frame in its take.
        second_half: (N,) True in the second half of a take.
        frame_ids: (N,) consecutive within a take, with gaps between takes.
        fps: Frames per second.
    """

    pairs: Pairs
    index: Tensor
    second_half: Tensor
    frame_ids: np.ndarray
    fps: float


def choose_takes(takes: Sequence[Take], maximum: int, seconds: float) -> list[Take]:
    """Choose at most `maximum` takes, evenly spread over the list, and cut each to `seconds`; 0 for no limit."""
    count = min(maximum or len(takes), len(takes))
    chosen = [takes[i] for i in np.linspace(0, len(takes) - 1, count).round().astype(int)]
    # three frames at half the rate still have an acceleration
    limit = max(5, round(seconds * TAKE_FPS)) if seconds else None
    return [replace(take, rotvec=take.rotvec[:limit], pelvis=take.pelvis[:limit]) for take in chosen]


def lay_out(case: TakeCase, takes: Sequence[Take], shapes: ShapeSampler, *, seed: int, protocol: Protocol) -> Tracks:
    """Concatenate takes with estimates and keypoints, one shape per take; the same seed gives the same tracks."""
    resampled = [take if take.fps == case.fps else at_rate(take, case.fps) for take in takes]
    lengths = torch.tensor([len(take) for take in resampled])
    drawn = takes if case.error == "smooth" else resampled
    turn, shift = _errors(case, [len(take) for take in drawn], seed, protocol)
    turn, shift = (_at_rate(value, drawn, resampled) for value in (turn, shift))
    truth = roma.rotvec_to_rotmat(torch.from_numpy(np.concatenate([take.rotvec for take in resampled])))
    pelvis = torch.from_numpy(np.concatenate([take.pelvis for take in resampled]))
    start = truth @ roma.rotvec_to_rotmat(turn)
    betas = protocol.shape_sigma * torch.randn(len(takes), shapes.count, generator=stream(seed, "shape"))
    pairs = observed(
        Case(noise_m=case.noise_m),
        betas.repeat_interleave(lengths, 0),
        Pose(with_hands(start), pelvis + shift),
        Pose(with_hands(truth), pelvis),
        shapes,
        seed=seed,
        protocol=protocol,
    )
    index = torch.cat([torch.arange(length) for length in lengths])
    gaps = 10 * torch.arange(len(takes)).repeat_interleave(lengths)
    second = index >= (lengths.repeat_interleave(lengths) + 1) // 2
    return Tracks(pairs, index, second, (torch.arange(len(index)) + gaps).numpy(), case.fps)


def refine_tracks(case: TakeCase, tracks: Tracks, solve: Solver) -> Pose:
    """Refine every frame."""
    if case.mode == "sequential":
        return _one_after_another(tracks, solve, case.first)
    return in_batches(solve, tracks.pairs)


def smooth_correction(tracks: Tracks, pose: Pose) -> Pose:
    """The most likely motion of each take, given the estimate and refined frames, as in the engine."""
    return Pose.joined([_most_likely(tracks, rows, pose) for rows in _by_take(tracks)])


def refine_by_engine(tracks: Tracks, network: Network | None) -> Pose:
    """Refine each take with the engine, with or without the regressor."""
    return Pose.joined([_by_engine(tracks, rows, network) for rows in _by_take(tracks)])


def _by_take(tracks: Tracks) -> list[Tensor]:
    """The rows of each take, whose frames share a shape."""
    takes = np.cumsum(np.diff(tracks.frame_ids, prepend=tracks.frame_ids[0]) != 1)
    return [torch.from_numpy(np.flatnonzero(takes == take)) for take in np.unique(takes)]


def _most_likely(tracks: Tracks, rows: Tensor, pose: Pose) -> Pose:
    pairs, refined = tracks.pairs[rows], pose[rows]
    skeleton = pairs.skeleton[0]
    return most_likely_motion(
        pairs.start,
        refined,
        decided_share(skeleton, refined, pairs.targets),
        frame_ids=tracks.frame_ids[rows.numpy()],
        fps=tracks.fps,
        is_image=pairs.targets.is_image,
    )


def _by_engine(tracks: Tracks, rows: Tensor, network: Network | None) -> Pose:
    pairs = tracks.pairs[rows]
    skeleton = pairs.skeleton[0]
    return correct(
        skeleton,
        pairs.start,
        pairs.targets,
        default_prior(skeleton, pairs.targets),
        frame_ids=tracks.frame_ids[rows.numpy()],
        fps=tracks.fps,
        regressor=None if network is None else FrameSolver(network, skeleton, pairs.betas[0]),
    )


def _one_after_another(tracks: Tracks, solve: Solver, first: Literal["true", "estimated"]) -> Pose:
    """Refine frame t of all takes as a batch, from frame t - 1 drawn to the running mean, as a stream does."""
    begin = tracks.pairs.truth if first == "true" else tracks.pairs.start
    rotations, pelvis = torch.empty_like(begin.rotations), torch.empty_like(begin.pelvis)
    rows = torch.nonzero(tracks.index == 0)[:, 0]
    start = begin[rows]
    mean = RunningMean.of_known(start) if first == "true" else RunningMean.of(start, 0)
    for index in range(1, int(tracks.index.max()) + 2):
        solved = in_batches(solve, replace(tracks.pairs[rows], start=start, earlier=mean))
        rotations[rows], pelvis[rows] = solved.rotations, solved.pelvis
        continues = torch.isin(rows + 1, torch.nonzero(tracks.index == index)[:, 0])
        rows = rows[continues] + 1
        mean = mean[continues].after(solved[continues])
        start = mean.draw(solved[continues])
    return Pose(rotations, pelvis)


def _errors(case: TakeCase, lengths: list[int], seed: int, protocol: Protocol) -> tuple[Tensor, Tensor]:
    """An estimator's error for each frame: rotation vectors (N, 22, 3) and pelvis shifts (N, 3)."""
    generator = stream(seed, "estimator")
    turn = estimator_error(sum(lengths), protocol.estimator_angle, generator)
    shift = protocol.estimator_shift_m * torch.randn(sum(lengths), 3, generator=generator)
    return (_slow(turn, lengths), _slow(shift, lengths)) if case.error == "smooth" else (turn, shift)


def _slow(white: Tensor, lengths: list[int]) -> Tensor:
    """Low-pass an error (N, ...) within each take and keep its mean size."""
    sigma = _ERROR_SECONDS * TAKE_FPS
    # as a ring: a filter that repeats the last value makes the error larger near the ends
    parts = [gaussian_filter1d(part.numpy(), sigma, axis=0, mode="wrap") for part in torch.split(white, lengths)]
    slow = torch.from_numpy(np.concatenate(parts))
    return slow * (white.abs().mean() / slow.abs().mean())


def _at_rate(values: Tensor, drawn: Sequence[Take], wanted: Sequence[Take]) -> Tensor:
    """Interpolate small vectors (N, ...) of takes to the frames of the same takes at another rate."""
    parts = []
    for part, before, after in zip(torch.split(values, [len(take) for take in drawn]), drawn, wanted):
        place = torch.arange(len(after)) * (before.fps / after.fps)
        first = place.long().clamp(max=len(before) - 1)
        second = (first + 1).clamp(max=len(before) - 1)
        share = (place - first).reshape(-1, *[1] * (part.dim() - 1))
        parts.append(torch.lerp(part[first], part[second], share.expand_as(part[first])))
    return torch.cat(parts)
