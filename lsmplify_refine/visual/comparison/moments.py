"""The worst moments of a clip: the frames with the largest errors, and what is about them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

#: Half the length of a moment, seconds: long enough to see a motion begin and end.
_PAD_SECONDS = 0.5


def worst_moments(errors: Float[np.ndarray, " frames"], fps: float, seconds: float) -> Bool[np.ndarray, " frames"]:
    """Choose the frames about the largest errors; about `seconds` of them, in whole moments.

    Args:
        errors: Of each frame, NaN where there is none.
        fps: Frames per second.
        seconds: How much is wanted.
    """
    left = max(1, round(seconds * fps))
    chosen = np.zeros(len(errors), bool)
    remaining = np.where(np.isfinite(errors), errors, -np.inf)
    pad = round(min(_PAD_SECONDS, seconds / 2) * fps)
    while left > 0 and np.isfinite(remaining).any():
        worst = int(remaining.argmax())
        # the last moment may be shorter
        half = min(pad, max(0, (left - 1) // 2))
        begin = max(0, min(worst - half, len(errors) - 2 * half - 1))
        about = slice(begin, begin + 2 * half + 1)
        left -= int((~chosen[about]).sum())
        chosen[about] = True
        remaining[chosen] = -np.inf
        if half < pad:
            break
    return chosen
