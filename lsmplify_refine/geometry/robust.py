"""Robust functions: the Geman-McClure kernel, whose errors saturate far beyond a radius, and a median.

Source: Geman and McClure, Statistical methods for tomographic image reconstruction, 1987. For an error e and a radius
r, it is e^2 / (1 + e^2 / r^2). Iteratively reweighted least squares minimises it with weights 1 / (1 + e^2 / r^2)^2.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from torch import Tensor

_Array = TypeVar("_Array", npt.NDArray[Any], Tensor)


def robust_weight(squared_ratio: _Array, weight: _Array | float = 1.0) -> _Array:
    """The factor (0, 1] on an observation's weight, times a weight.

    Args:
        squared_ratio: (...) squared errors over the squared radius.
        weight: (...) of the observations.
    """
    return weight / (1.0 + squared_ratio) ** 2


def robust_square(squared: _Array, radius: _Array | float) -> _Array:
    """Squared errors (...), bounded by the square of the radius, which is in the unit of the errors."""
    return squared / (1.0 + squared / radius**2)


def weighted_median(
    values: Float[np.ndarray, "rows values"], weights: Float[np.ndarray, "rows values"]
) -> Float[np.ndarray, " rows"]:
    """Each row's smallest value up to which at least half of the weight lies; 0 for rows without weight."""
    order = np.argsort(values, axis=1)
    reached = np.cumsum(np.take_along_axis(weights, order, 1), axis=1)
    first = (reached >= reached[:, -1:] / 2).argmax(1)
    median = np.take_along_axis(np.take_along_axis(values, order, 1), first[:, None], 1)[:, 0]
    return np.where(reached[:, -1] > 0, median, 0.0)
