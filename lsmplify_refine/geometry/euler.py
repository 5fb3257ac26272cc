"""Euler angles over time: continuous, and in an axis order that the motion does not bring to its singularity.

Animation files hold three angles for each joint and interpolate each of them. Two conditions make that safe: an angle
never jumps by a turn from frame to frame, and the middle axis stays away from a right angle, where the outer two spin.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

#: Orders of intrinsic rotations about three different axes, which share the notation of scipy.
ORDERS = ("YZX", "YXZ", "ZYX", "XYZ", "XZY", "ZXY")
#: An order is good enough if its interpolation half way between frames is as near to the rotations' own, degrees.
_GOOD_DEGREES = 0.5
#: ... and no angle makes a larger step between frames, degrees.
_GOOD_STEP_DEGREES = 90.0


def continuous_euler(rotations: Float[np.ndarray, "frames 3 3"], order: str) -> Float[np.ndarray, "frames 3"]:
    """Intrinsic Euler angles in degrees; every frame's are the equivalent ones nearest to the frame before.

    (a, b, c) and (a + 180, 180 - b, c + 180) are the same rotation, and so are angles a turn apart.
    """
    with warnings.catch_warnings():
        # at the singularity, one angle of two that matter together is set to 0
        warnings.simplefilter("ignore", UserWarning)
        first: np.ndarray = Rotation.from_matrix(rotations).as_euler(order, degrees=True)
    second = np.stack([first[:, 0] + 180, 180 - first[:, 1], first[:, 2] + 180], axis=1)
    candidates = np.stack([first, second], axis=1)
    angles = np.empty(first.shape)
    before = first[0]
    for frame, pair in enumerate(candidates):
        near = pair - 360 * np.round((pair - before) / 360)
        before = angles[frame] = near[np.argmin(np.square(near - before).sum(1))]
    return angles


def halfway_error(
    rotations: Float[np.ndarray, "frames 3 3"], angles: Float[np.ndarray, "frames 3"], order: str
) -> float:
    """Max angle in degrees between interpolated angles and interpolated rotations, half way between two frames."""
    if len(angles) < 2:
        return 0.0
    between = Rotation.from_matrix(np.swapaxes(rotations[:-1], -1, -2) @ rotations[1:])
    true = Rotation.from_matrix(rotations[:-1]) * Rotation.from_rotvec(between.as_rotvec() / 2)
    halfway = Rotation.from_euler(order, (angles[:-1] + angles[1:]) / 2, degrees=True)
    return float(np.degrees((true.inv() * halfway).magnitude().max()))


def best_euler(
    rotations: Float[np.ndarray, "frames 3 3"], preferred: str, orders: Sequence[str] = ORDERS
) -> tuple[str, Float[np.ndarray, "frames 3"]]:
    """Continuous Euler angles of a motion, in the preferred order unless another one interpolates better.

    Args:
        rotations: Of one joint over time.
        preferred: The order to use if it is good enough, so that most clips share their orders.
        orders: The orders to choose from otherwise.

    Returns:
        The order, and the angles in degrees.
    """
    tried: dict[str, tuple[float, np.ndarray]] = {}
    for order in dict.fromkeys((preferred, *orders)):
        angles = continuous_euler(rotations, order)
        error = halfway_error(rotations, angles, order)
        step = float(np.abs(np.diff(angles, axis=0)).max(initial=0.0))
        if error <= _GOOD_DEGREES and step <= _GOOD_STEP_DEGREES:
            return order, angles
        # a larger step counts as a larger error: retiming shows both
        tried[order] = max(error, step - _GOOD_STEP_DEGREES), angles
    best = min(tried, key=lambda order: tried[order][0])
    return best, tried[best][1]
