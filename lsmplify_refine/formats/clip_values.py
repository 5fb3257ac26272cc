"""What many formats hold once for a clip: the frame rate and the shape."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.options import DEFAULT_FPS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note


def one_rate(estimate: Estimate) -> tuple[float, list[Note]]:
    """Frames per second, and a note if the default is assumed."""
    if estimate.fps is not None:
        return estimate.fps, []
    return DEFAULT_FPS, [Note("fps-assumed", f"the frame rate is unknown; {DEFAULT_FPS:g} fps is written", "warning")]


def one_shape(estimate: Estimate) -> tuple[np.ndarray, list[Note]]:
    """One shape for the clip, and a note if it replaces several."""
    if np.ptp(estimate.betas, axis=0).max() == 0:
        return estimate.betas[0], []
    return np.median(estimate.betas, axis=0), [
        Note("shape-averaged", "the shape changes over the clip; its median is written")
    ]
