"""Feet: the root path and the turns of the legs that give feet on the ground the motion they should have.

A sparse least-squares problem over a whole track. Its unknowns are, for each frame, the shift of the root and the turns
of both legs. Feet on the ground should move from frame to frame, and stand as high, as given. The root's shift is
smooth. The legs give way too, but moving them costs: across the view more than along it. Unknowns of neighbouring
frames are coupled over two frames at most, so each Gauss-Newton step is one banded solve, linear in the frames.

All costs are integrals over time of squares in units of a standard deviation, so they mean the same at any frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solveh_banded

from lsmplify_refine.solver.legs import TURNS, PosedLegs, pose_legs, turn_legs

#: A foot that stands still may move differently by this, m/s.
_FOOT_SPEED = 0.006
#: Its height may differ by this, metres.
_HEIGHT_M = 0.006
#: Height of the lowest foot, which is what the floor is seen by, counts as many times as much.
_LOWEST = 50.0
#: Feet this much higher than the lowest one count little as lowest, metres.
_LOWEST_M = 0.007
#: The root's shift (metres), and its acceleration (m/s^2) along the ground and upwards.
_SHIFT_M = 0.3
_SHIFT_ACCELERATION = 0.5
_RISE_ACCELERATION = 1.0
#: The turns of leg joints (radians), and their acceleration (rad/s^2).
_TURN_RAD = 0.2
_TURN_ACCELERATION = 5.0
#: How far the legs move, metres: across the view, where the image shows it, and along it.
ACROSS_VIEW_M = 0.005
ALONG_VIEW_M = 0.02
_STEPS = 2
#: Unknowns of a frame: the root's shift, the turns of the left leg, those of the right one.
_UNKNOWNS = 3 + 2 * TURNS
#: Subdiagonals of the system: second differences reach two frames.
_BANDS = 2 * _UNKNOWNS
#: Frames that are linearised at once, to bound the memory.
_CHUNK = 2048


@dataclass(frozen=True)
class FootGoals:
    """What feet should do.

    Attributes:
        feet: Where they should be, ankles and feet in the order of `smpl_joints.FEET`, metres. Only their motion along
            the ground and their height count.
        still: Probability that each stands on the ground from this frame to the next.
        up: The vertical axis.
        sight: Inverse covariance of how far the legs may move from where they are, 1/m^2.
        give: Share of the legs' turns that each frame may have; 0 leaves its legs as they are.
    """

    feet: Float[np.ndarray, "frames 4 3"]
    still: Float[np.ndarray, "frames 4"]
    up: int
    sight: Float[np.ndarray, "frames 3 3"]
    give: Float[np.ndarray, " frames"]


def follow_ground(
    rest_joints: Float[np.ndarray, "joints 3"],
    rotations: Float[np.ndarray, "frames joints 3 3"],
    path: Float[np.ndarray, "frames 3"],
    goals: FootGoals,
    *,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> tuple[Float[np.ndarray, "frames 3"], Float[np.ndarray, "frames joints 3 3"]]:
    """Move the root and turn the legs so that feet on the ground do what they should.

    Args:
        rest_joints: Rest joints relative to the pelvis, metres.
        rotations: Parent-relative rotations; the root's are in the world.
        path: Of the pelvis, metres.
        goals: See `FootGoals`.
        frame_ids: (T,) video frame of each row; nothing is coupled across gaps.
        fps: Frames per second.

    Returns:
        The root's shift, metres, and the turned rotations.
    """
    frames = len(rotations)
    weights = _Weights.of(goals, np.diff(frame_ids) == 1, 1 / fps)
    start = pose_legs(rest_joints, rotations)
    unknowns, legs = np.zeros((frames, _UNKNOWNS)), start
    for _ in range(_STEPS):
        system = _System(frames)
        system.add_smoothness(weights, unknowns)
        for first in range(0, frames, _CHUNK):
            # one frame more, for the step to it
            rows = slice(first, min(first + _CHUNK + 1, frames))
            _add_feet(system, rows, legs, start, path + unknowns[:, :3], goals, weights)
        unknowns = unknowns + system.solve()
        turns = unknowns[:, 3:].reshape(frames, 2, TURNS) * goals.give[:, None, None]
        turned = turn_legs(rotations, turns)
        legs = pose_legs(rest_joints, turned)
    return unknowns[:, :3], turned


@dataclass(frozen=True)
class _Weights:
    """Inverse variances of all terms, for each frame or step.

    Attributes:
        step: Of each foot's step to the next frame; 0 across gaps.
        height: Of each foot's height.
        sight: Of the legs' places.
        value: Of each unknown itself.
        bend: Of each unknown's second difference.
        even: Whether the three frames from this one on follow each other.
    """

    step: Float[np.ndarray, "steps 4"]
    height: Float[np.ndarray, "frames 4"]
    sight: Float[np.ndarray, "frames 3 3"]
    value: Float[np.ndarray, " unknowns"]
    bend: Float[np.ndarray, " unknowns"]
    even: Float[np.ndarray, " bends"]

    @classmethod
    def of(cls, goals: FootGoals, joined: np.ndarray, seconds: float) -> _Weights:
        """The weights at a frame time of `seconds`, for steps that join neighbouring frames."""
        step = goals.still[:-1] * joined[:, None]
        stands = goals.still.copy()
        stands[1:] = np.maximum(stands[1:], step)
        above = goals.feet[..., goals.up] - goals.feet[..., goals.up].min(1, keepdims=True)
        lowest = np.exp(-above / _LOWEST_M)
        height = stands + _LOWEST * stands.max(1, keepdims=True) * lowest / lowest.sum(1, keepdims=True)
        shift = np.full(3, _SHIFT_ACCELERATION)
        shift[goals.up] = _RISE_ACCELERATION
        return cls(
            step=step / (_FOOT_SPEED**2 * seconds),
            height=height * seconds / _HEIGHT_M**2,
            sight=goals.sight * seconds,
            value=seconds / np.repeat([_SHIFT_M, _TURN_RAD], [3, 2 * TURNS]) ** 2,
            bend=1 / (np.concatenate([shift, np.full(2 * TURNS, _TURN_ACCELERATION)]) ** 2 * seconds**3),
            even=(joined[:-1] & joined[1:]).astype(float),
        )


def _add_feet(
    system: _System,
    rows: slice,
    legs: PosedLegs,
    start: PosedLegs,
    path: Float[np.ndarray, "frames 3"],
    goals: FootGoals,
    weights: _Weights,
) -> None:
    """Add the terms of feet and legs in some frames, linearised; the last one only for the step to it."""
    part = PosedLegs(legs.points[rows], legs.pivots[rows], legs.axes[rows])
    moved = part.jacobian() * goals.give[rows, None, None, None, None]
    count, last = len(moved), rows.stop == len(path)
    own = slice(rows.start, rows.stop if last else rows.stop - 1)
    inner = own.stop - own.start

    by_side = np.zeros((count, 2, 2, 3, _UNKNOWNS))
    by_side[..., :3] = np.eye(3)
    for side in range(2):
        first = 3 + side * TURNS
        by_side[:, :, side, :, first : first + TURNS] = moved[:, 1:, side]
    feet = by_side.reshape(count, 4, 3, _UNKNOWNS)
    away = part.feet + path[rows, None] - goals.feet[rows]

    ground = [axis for axis in range(3) if axis != goals.up]
    step = np.repeat(weights.step[rows.start : rows.stop - 1], 2, axis=1)
    slid = (away[1:] - away[:-1])[..., ground].reshape(-1, 8)
    system.add_step(rows, feet[:, :, ground].reshape(count, 8, _UNKNOWNS), step, step * slid)
    system.add(own, feet[:inner, :, goals.up], weights.height[own], away[:inner, :, goals.up])

    shown = (part.points - start.points[rows])[:inner]
    for side in range(2):
        jacobian = moved[:inner, :, side]
        turned = np.einsum("txy,tpyu->tpxu", weights.sight[own], jacobian)
        first = 3 + side * TURNS
        system.add_block(
            own,
            first,
            np.einsum("tpxu,tpxv->tuv", turned, jacobian),
            np.einsum("tpxu,tpx->tu", turned, shown[:, :, side]),
        )


class _System:
    """Normal equations of a step, banded: `bands[t, i, k]` couples unknown i of frame t with the k-th after it."""

    def __init__(self, frames: int) -> None:
        self.bands = np.zeros((frames, _UNKNOWNS, _BANDS + 1))
        self.right = np.zeros((frames, _UNKNOWNS))

    def add_block(
        self,
        rows: slice,
        first: int,
        normal: Float[np.ndarray, "rows some some"],
        gradient: Float[np.ndarray, "rows some"],
    ) -> None:
        """Add the normal matrix and the gradient of some unknowns, from `first` on, of some frames."""
        size = normal.shape[1]
        for column in range(size):
            self.bands[rows, first + column, : size - column] += normal[:, column:, column]
        self.right[rows, first : first + size] -= gradient

    def add(
        self,
        rows: slice,
        jacobian: Float[np.ndarray, "rows terms unknowns"],
        weights: Float[np.ndarray, "rows terms"],
        residual: Float[np.ndarray, "rows terms"],
    ) -> None:
        """Add weighted squares of terms that are linear in the unknowns of one frame."""
        weighted = np.swapaxes(jacobian * weights[..., None], 1, 2)
        self.add_block(rows, 0, weighted @ jacobian, (weighted @ residual[..., None])[..., 0])

    def add_step(
        self,
        rows: slice,
        jacobian: Float[np.ndarray, "rows terms unknowns"],
        weights: Float[np.ndarray, "steps terms"],
        weighted: Float[np.ndarray, "steps terms"],
    ) -> None:
        """Add weighted squares of the change of terms from each frame to the next; `weighted` are their gradients."""
        before, after = jacobian[:-1], jacobian[1:]
        first, second = (slice(rows.start + shift, rows.stop - 1 + shift) for shift in (0, 1))
        scaled = np.swapaxes(before * weights[..., None], 1, 2)
        self.add_block(first, 0, scaled @ before, -np.einsum("stu,st->su", before, weighted))
        self.add_block(
            second,
            0,
            np.swapaxes(after * weights[..., None], 1, 2) @ after,
            np.einsum("stu,st->su", after, weighted),
        )
        coupling = scaled @ after
        for column in range(_UNKNOWNS):
            ahead = _UNKNOWNS - column
            self.bands[first, column, ahead : ahead + _UNKNOWNS] -= coupling[:, column]

    def add_smoothness(self, weights: _Weights, unknowns: Float[np.ndarray, "frames unknowns"]) -> None:
        """Add the squares of all unknowns and of their second differences."""
        self.bands[..., 0] += weights.value
        self.right -= weights.value * unknowns
        count = len(weights.even)
        weighted = weights.even[:, None] * weights.bend
        bend = weighted * np.diff(unknowns, 2, axis=0)
        factors = (1.0, -2.0, 1.0)
        for one, factor in enumerate(factors):
            self.right[one : one + count] -= factor * bend
            for other in range(one, 3):
                band = (other - one) * _UNKNOWNS
                self.bands[one : one + count, :, band] += factor * factors[other] * weighted

    def solve(self) -> Float[np.ndarray, "frames unknowns"]:
        """The step of all unknowns."""
        lower = self.bands.reshape(-1, _BANDS + 1).T
        step: np.ndarray = solveh_banded(lower, self.right.reshape(-1), lower=True, overwrite_ab=True)
        return step.reshape(self.right.shape)
