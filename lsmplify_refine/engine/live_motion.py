"""Live motion: the most likely motion of people over the last second, one frame after the other.

The newest row of the window is the filter: the posterior mean given all frames so far. A row further back has also seen
the frames after it (fixed-lag smoothing), and is nearer to the offline result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from lsmplify_refine.engine.follow import Step
from lsmplify_refine.engine.motion import most_likely_motion
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.values.ranges import check_range

#: The window begins this long before the frame that is given: noise is read over a second.
_BEFORE_SECONDS = 1.0


@dataclass(frozen=True)
class LiveFrame:
    """One frame of N people.

    Attributes:
        number: The frame's number in the stream.
        estimate: The estimator's poses, if any; the pelvis is NaN for people without one.
        found: The result.
        share: Share of each joint's rotation, and last of the pelvis, that the keypoints decide.
    """

    number: int
    estimate: Pose | None
    found: Step
    share: Float[np.ndarray, "people joints_and_pelvis"]


class LiveMotion:
    """The motion of N people, live.

    Args:
        fps: Frames per second.
        lag_seconds: How far behind the newest frame the result lies; 0 for the newest frame itself.
        is_image: Whether the keypoints are 2D.

    Raises:
        InputError: The lag is negative, or too long for the window.
    """

    def __init__(self, fps: float, lag_seconds: float, is_image: bool) -> None:
        check_range("lag_seconds", lag_seconds)
        self._fps, self._is_image = fps, is_image
        self._lag = round(lag_seconds * fps)
        self._frames: deque[LiveFrame] = deque(maxlen=1 + self._lag + round(_BEFORE_SECONDS * fps))
        self._given: Pose | None = None

    def restart(self) -> None:
        """Forget all frames."""
        self._frames.clear()
        self._given = None

    def step(self, frame: LiveFrame, offsets: Float[np.ndarray, "people 3"]) -> LiveFrame:
        """Take in the next frame.

        Args:
            frame: The newest frame, with each person's own result.
            offsets: From the estimates to where the people are, as far as known now, metres.

        Returns:
            The frame that lies `lag_seconds` back, with the poses of the motion. The oldest frame, as long as the
            stream is shorter than that.
        """
        self._frames.append(frame)
        row = max(len(self._frames) - 1 - self._lag, 0)
        wanted = self._frames[row]
        before = self._given or wanted.found.pose
        poses = [
            self._pose(person, row) or before[index : index + 1]
            for index, person in enumerate(_windows(list(self._frames), offsets))
        ]
        self._given = Pose.joined(poses)
        return replace(wanted, found=replace(wanted.found, pose=self._given))

    def _pose(self, person: _Window, row: int) -> Pose | None:
        """One person's pose in a row of the window.

        Without estimates, an unseen person gets no pose until later frames show the motion.
        """
        alone = person.estimate is None
        rows = slice(1 + np.flatnonzero(person.accepted).max(initial=-1)) if alone else slice(None)
        fit = person.fit[rows]
        if row >= len(fit.pelvis):
            return None
        motion = most_likely_motion(
            (person.estimate or person.fit)[rows],
            fit,
            (person.accepted[:, None] * person.share)[rows],
            frame_ids=person.numbers[rows],
            fps=self._fps,
            is_image=self._is_image,
            alone=alone,
        )
        return motion[row : row + 1]


@dataclass(frozen=True)
class _Window:
    """One person's frames.

    Attributes:
        numbers: The frames' numbers in the stream.
        estimate: The estimator's poses, moved to where the person is; None if a frame lacks one.
        fit: Each frame's own result.
        share: As in `LiveFrame`.
        accepted: Whether the result explains the keypoints.
    """

    numbers: Int[np.ndarray, " frames"]
    estimate: Pose | None
    fit: Pose
    share: Float[np.ndarray, "frames joints_and_pelvis"]
    accepted: Bool[np.ndarray, " frames"]


def _windows(frames: Sequence[LiveFrame], offsets: Float[np.ndarray, "people 3"]) -> list[_Window]:
    """Each person's frames."""
    numbers = np.array([frame.number for frame in frames])
    fits = _by_person([frame.found.pose for frame in frames])
    share = np.stack([frame.share for frame in frames], 1)
    accepted = torch.stack([frame.found.accepted for frame in frames], 1).cpu().numpy()
    estimates: list[Pose | None] = [None] * len(fits)
    given = [frame.estimate for frame in frames if frame.estimate is not None]
    if len(given) == len(frames):
        moved = (pose.to(fit.pelvis).shifted(offset) for pose, fit, offset in zip(_by_person(given), fits, offsets))
        estimates = [pose if pose.pelvis.isfinite().all() else None for pose in moved]
    return [_Window(numbers, *one) for one in zip(estimates, fits, share, accepted)]


def _by_person(poses: Sequence[Pose]) -> list[Pose]:
    """Each person's poses over time."""
    rotations, pelvis = (torch.stack([getattr(pose, name) for pose in poses], 1) for name in ("rotations", "pelvis"))
    return [Pose(*both) for both in zip(rotations, pelvis)]
