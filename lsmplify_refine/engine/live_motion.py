"""Live motion: the most likely motion of people over the last second and a half, one frame after the other.

The newest row of the window is the filter: the posterior mean given all frames so far. A row further back has also seen
the frames after it (fixed-lag smoothing), and is nearer to the offline result.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from lsmplify_refine.engine.follow import Step
from lsmplify_refine.engine.motion import most_likely_motion
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.values.ranges import check_range

#: The window holds the second over which noise is read, and some frames before the newest swing.
_WINDOW_SECONDS = 1.5


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

    def has_estimate(self, person: int) -> bool:
        """Whether the estimator gave this person's pose."""
        return self.estimate is not None and bool(self.estimate.pelvis[person].isfinite().all())

    def is_accepted(self, person: int) -> bool:
        """Whether the result explains this person's keypoints."""
        return bool(self.found.accepted[person])


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
        self._frames: deque[LiveFrame] = deque(maxlen=max(1 + self._lag, round(_WINDOW_SECONDS * fps)))
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
        self._given = Pose.joined([self._pose(person, row, offset) for person, offset in enumerate(offsets)])
        return replace(wanted, found=replace(wanted.found, pose=self._given))

    def _pose(self, person: int, row: int, offset: Float[np.ndarray, " 3"]) -> Pose:
        """One person's pose in a row of the window.

        The estimates count if every frame of the window has one. Without them, a person who is not seen holds the last
        result until later frames show how the motion went on.
        """
        frames, one = list(self._frames), slice(person, person + 1)
        alone = not all(frame.has_estimate(person) for frame in frames)
        while alone and frames and not frames[-1].is_accepted(person):
            frames.pop()
        if row >= len(frames):
            return (self._given or self._frames[row].found.pose)[one]
        fit = Pose.joined([frame.found.pose[one] for frame in frames])
        estimates = [frame.estimate[one] for frame in frames if frame.estimate is not None]
        motion = most_likely_motion(
            fit if alone else Pose.joined(estimates).to(fit.pelvis).shifted(offset),
            fit,
            np.stack([frame.is_accepted(person) * frame.share[person] for frame in frames]),
            frame_ids=np.array([frame.number for frame in frames]),
            fps=self._fps,
            is_image=self._is_image,
            alone=alone,
        )
        return motion[row : row + 1]
