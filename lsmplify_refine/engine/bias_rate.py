"""How fast an estimate's bias may change: in Hz for the motion model, or in seconds for users and low-passes."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.engine.motion import BIAS_HZ

#: A Gaussian of one second's standard deviation halves this frequency, Hz.
_HALVED_HZ = float(np.sqrt(np.log(4)) / (2 * np.pi))


def bias_hz_of(smooth_seconds: float | None) -> float | None:
    """The rate in Hz for `Refiner`'s `smooth_seconds`; None fits each frame on its own.

    Args:
        smooth_seconds: Standard deviation of a Gaussian that follows the bias as fast; None for the default rate, 0 to
            fit each frame on its own.
    """
    if smooth_seconds is None:
        return BIAS_HZ
    return _HALVED_HZ / smooth_seconds if smooth_seconds else None


def bias_seconds_of(bias_hz: float | None) -> float:
    """Standard deviation of the Gaussian that follows a bias as fast, seconds; 0 for None."""
    return 0.0 if bias_hz is None else _HALVED_HZ / bias_hz
