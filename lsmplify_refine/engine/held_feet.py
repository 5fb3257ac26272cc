"""Held feet: if standing feet slide more than in the input, frames keep less of their correction.

`standing` lets feet stand, but only as far as the image and the joints allow. Where that is too little, the correction
itself contradicts the ground.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from lsmplify_refine.engine.gate import LONG_EASE_SECONDS, Verdict, ease, reduced
from lsmplify_refine.engine.standing import Standing
from lsmplify_refine.values.notes import Note

#: Shares of the correction are reduced at most this often; then none is left.
_TRIES = 5


@dataclass(frozen=True)
class HeldFeet:
    """A track after the gate has judged its feet.

    Attributes:
        verdict: What is kept of the correction.
        standing: The motion with that share.
        frames: How many frames keep less for the feet's sake.
    """

    verdict: Verdict
    standing: Standing
    frames: int = 0

    def notes(self) -> tuple[Note, ...]:
        """What the user should know."""
        if not self.frames:
            return ()
        text = (
            f"in {self.frames} of {len(self.verdict.share)} frames standing feet would slide more than in the input; "
            "these frames keep part of the correction or none"
        )
        return (Note("feet-would-slide", text),)


def hold_feet(
    verdict: Verdict,
    stand: Callable[[np.ndarray], Standing],
    error_at: Callable[[np.ndarray], np.ndarray],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> HeldFeet:
    """Keep less of the correction where feet that stand would slide more than in the input.

    Args:
        verdict: What the gate decided on each frame alone.
        stand: The motion in the world with shares (T,) of the correction.
        error_at: Keypoint errors with shares (T,) of the correction.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
    """
    share, allowed = verdict.share, np.ones(len(frame_ids))
    standing = stand(share)
    if standing.slides is None or not (standing.slides & (share > 0)).any():
        return HeldFeet(verdict, standing)
    limit = error_at(np.zeros(len(share)))
    for _ in range(_TRIES):
        # a part of a correction may explain the keypoints less well than all of it
        worse = (standing.slides | (error_at(share) > limit)) & (share > 0)
        if not worse.any():
            break
        allowed = reduced(allowed, share, worse)
        share = np.minimum(verdict.share, ease(allowed, frame_ids, fps, LONG_EASE_SECONDS))
        standing = stand(share)
    less = share < verdict.share
    return HeldFeet(_marked(verdict, share), standing, int(less.sum()))


def _marked(verdict: Verdict, share: Float[np.ndarray, " frames"]) -> Verdict:
    """The verdict with smaller shares, and why."""
    less = share < verdict.share
    status = np.where(less, np.where(share > 0, "blended", "held"), verdict.status)
    reasons = tuple(
        "; ".join(filter(None, (reason, "feet would slide"))) if slides else reason
        for reason, slides in zip(verdict.reasons, less)
    )
    return Verdict(share, status, reasons)
