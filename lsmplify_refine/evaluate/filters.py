"""The filters that people run over an estimator's poses: Savitzky-Golay and one-euro.

Both filter the entries of rotation matrices, whose nearest rotations they return, and the pelvis.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import roma
import torch
from scipy.signal import savgol_filter

#: Window, frames, and order of the polynomial, as in most scripts for SMPL tracks.
_WINDOW, _ORDER = 11, 3
#: VIBE's settings of the one-euro filter (lib/utils/smooth_pose.py), which count time in frames.
_MIN_CUTOFF, _BETA, _SPEED_CUTOFF = 0.004, 0.7, 1.0

#: Filters rotations (T, J, 3, 3) and pelvis (T, 3) over time.
Filter = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def savitzky_golay(rotations: np.ndarray, pelvis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit cubic polynomials over 11 frames."""
    return _nearest(polynomials(rotations, _WINDOW, _ORDER)), polynomials(pelvis, _WINDOW, _ORDER)


def polynomials(values: np.ndarray, window: int, order: int) -> np.ndarray:
    """Fit polynomials of an order over an odd window of rows; short tracks get a shorter window."""
    fitting = min(window, 2 * ((len(values) - 1) // 2) + 1)
    found: np.ndarray = savgol_filter(values, fitting, min(order, fitting - 1), axis=0)
    return found


def one_euro(rotations: np.ndarray, pelvis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low-pass causally, the less the faster a value changes (Casiez et al., 1-euro filter, CHI 2012)."""
    return _nearest(_one_euro(rotations)), _one_euro(pelvis)


def _one_euro(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = values.copy()
    speed = np.zeros_like(values[0])
    for frame in range(1, len(values)):
        speed += _share(_SPEED_CUTOFF) * (values[frame] - found[frame - 1] - speed)
        share = _share(_MIN_CUTOFF + _BETA * np.abs(speed))
        found[frame] = share * values[frame] + (1 - share) * found[frame - 1]
    return found


def _share(cutoff: np.ndarray | float) -> np.ndarray | float:
    """How much a new value counts in a low-pass of a cut-off in cycles per frame."""
    share: np.ndarray | float = 1 - 1 / (2 * np.pi * cutoff + 1)
    return share


def _nearest(matrices: np.ndarray) -> np.ndarray:
    rotations: np.ndarray = roma.special_procrustes(torch.from_numpy(matrices)).numpy()
    return rotations
